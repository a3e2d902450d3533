import { createHmac } from 'node:crypto';
import { createServer } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../../test/support/wait.js';
import { maxWebhooks } from '../database/webhooks/endpoints.js';
import { type Received, WebhookReceiver } from './testing/receiver.js';
import { uploaded, WebhookWorld } from './testing/webhook-world.js';

let world: WebhookWorld;
const receivers: WebhookReceiver[] = [];

async function receive(options: Parameters<typeof WebhookReceiver.start>[0] = {}): Promise<WebhookReceiver> {
  const receiver = await WebhookReceiver.start(options);
  receivers.push(receiver);
  return receiver;
}

beforeEach(async () => {
  world = await WebhookWorld.open();
});
afterEach(async () => {
  await world[Symbol.asyncDispose]();
  for (const receiver of receivers.splice(0)) await receiver[Symbol.asyncDispose]();
});

const sizesOf = (received: readonly Received[], key: string) =>
  received
    .filter(({ message }) => message.data['objectKey'] === key)
    .map(({ message }) => message.data['size']);

/** Verifies a message as a receiver does that knows only the secret. */
function isSigned({ headers, text }: Received, secret: string): boolean {
  const key = Buffer.from(secret.replace('whsec_', ''), 'base64');
  const signed = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${text}`;
  const expected = `v1,${createHmac('sha256', key).update(signed).digest('base64')}`;
  return String(headers['webhook-signature']).split(' ').includes(expected);
}

describe('a webhook', () => {
  it('gets signed messages of the events after it was added, and only those of its filter', async () => {
    const receiver = await receive();
    await world.record(uploaded('before'));
    const filter = { events: ['upload.*'], users: ['bob'], prefixes: [] };
    const { secret, id } = await world.add(receiver.url, { filter });
    world.start();
    await world.record(
      uploaded('one', 1),
      uploaded('other', 2, { actor: { kind: 'user', name: 'alice' } }),
      uploaded('read', 3, { action: 'file.read' }),
      uploaded('two', 4, { result: 'interrupted' }),
    );
    await eventually('two messages', () => receiver.accepted.length === 2);
    // The order holds for the messages about one object; these are about two.
    expect(receiver.types.toSorted()).toEqual(['upload.failed', 'upload.finished']);
    expect(receiver.accepted.every((received) => isSigned(received, secret))).toBe(true);
    const [first] = receiver.accepted;
    expect(first?.headers).toMatchObject({ 'content-type': 'application/json', 'user-agent': 'sftpgw/test' });
    expect(first?.headers['webhook-id']).toBe(first?.message.data['messageId']);
    await eventually('nothing is pending', async () => (await world.webhooks.get(id)).pending === 0);
    expect(await world.webhooks.get(id)).toMatchObject({ dead: 0, behind: 0 });
    expect(world.attempts).toEqual({ ok: 2, failed: 0 });
  });

  it('gets the messages about one object in order, also while some fail', async () => {
    let number = 0;
    const receiver = await receive({ answer: () => (++number % 3 === 0 ? 500 : 204) });
    await world.add(receiver.url);
    world.start();
    const sizes = [1, 2, 3, 4, 5];
    const keys = ['a', 'b', 'c'];
    await world.record(...sizes.flatMap((size) => keys.map((key) => uploaded(key, size))));
    await eventually('all messages', () => receiver.accepted.length >= sizes.length * keys.length);
    for (const key of keys) expect(sizesOf(receiver.accepted, key)).toEqual(sizes);
    expect(world.attempts.failed).toBeGreaterThan(0);
    expect(receiver.maxOpen).toBeLessThanOrEqual(world.rules.parallel);
  });

  it('that is dead gets its messages after a restart, in order, with the same ids', async () => {
    const broken = await receive({ answer: () => 503 });
    const { id } = await world.add(broken.url);
    world.start();
    await world.record(uploaded('a', 1), uploaded('a', 2), uploaded('b', 3));
    await eventually('an attempt', () => broken.requests.length >= 2);
    await world.stop();
    expect((await world.webhooks.get(id)).pending).toBe(3);
    await world.record(uploaded('a', 4));
    broken.answer = () => 200;
    world.start();
    await eventually('all messages', () => broken.accepted.length >= 4);
    expect(sizesOf(broken.accepted, 'a')).toEqual([1, 2, 4]);
    const ids = new Set(broken.requests.map(({ headers }) => headers['webhook-id']));
    expect(ids.size).toBe(4);
    expect(world.lines.map(({ message }) => message)).toContain('webhook not reached');
  });

  it('that is slow does not hold up another one, nor more requests than its own', async () => {
    const hold = Promise.withResolvers<number>();
    const slow = await receive({ answer: () => hold.promise });
    const quick = await receive();
    world.rules = { ...world.rules, parallel: 2 };
    await world.add(slow.url);
    await world.add(quick.url);
    world.start();
    await world.record(...Array.from({ length: 20 }, (_, at) => uploaded(`f${at}`, at)));
    await eventually('the quick one has all', () => quick.accepted.length === 20);
    expect(slow.accepted).toEqual([]);
    expect(slow.maxOpen).toBe(2);
    hold.resolve(200);
    await eventually('the slow one has all', () => slow.accepted.length === 20);
  });

  it('with a full queue leaves its events in the trail, which keeps them', async () => {
    const receiver = await receive({ answer: () => 500 });
    world.rules = { ...world.rules, queue: 10 };
    const { id } = await world.add(receiver.url);
    world.start();
    await world.record(...Array.from({ length: 25 }, (_, at) => uploaded(`f${at}`, at)));
    await eventually('a full queue', async () => (await world.webhooks.get(id)).pending === 10);
    const { pending, behind } = await world.webhooks.get(id);
    expect(pending + behind).toBe(25);
    expect(await world.pruneTrail()).toBe(10);
    receiver.answer = () => 204;
    await eventually('all messages', () => receiver.accepted.length === 25);
    expect(receiver.accepted.map(({ message }) => message.data['size'])).toHaveLength(25);
  });

  it('gets no messages any more once it is removed', async () => {
    const receiver = await receive({ answer: () => 500 });
    const { id } = await world.add(receiver.url);
    world.start();
    await world.record(uploaded('a'));
    await eventually('an attempt', () => receiver.requests.length > 0);
    await world.webhooks.remove(id);
    await expect(world.webhooks.get(id)).rejects.toMatchObject({ kind: 'not-found' });
    const later = await receive();
    await world.add(later.url);
    await world.record(uploaded('b'));
    await eventually('the other one has the next event', () => later.accepted.length === 1);
    expect(receiver.requests.every(({ message }) => message.data['objectKey'] === 'a')).toBe(true);
  });

  it.each([
    ['after its time', 500, { retryTimeMs: 0 }],
    ['at once, if the receiver is gone for good', 410, {}],
  ])('whose message is given up %s can get it again', async (_, status, rules) => {
    world.rules = { ...world.rules, ...rules };
    const receiver = await receive({ answer: () => status });
    const { id } = await world.add(receiver.url);
    world.start();
    await world.record(uploaded('a', 1), uploaded('a', 2));
    await eventually('dead messages', async () => (await world.webhooks.get(id)).dead === 2);
    const dead = await world.webhooks.deliveries(id, { state: 'dead', limit: 10 });
    expect(dead).toMatchObject([
      { attempts: 1, status, error: `status ${status}`, auditSeq: 2 },
      { auditSeq: 1, type: 'upload.finished', subject: 's3://b/a' },
    ]);
    expect(await world.webhooks.deliveries(id, { limit: 10, before: dead[0]?.id ?? 0 })).toHaveLength(1);
    receiver.answer = () => 200;
    expect(await world.webhooks.resend(id, dead[0]?.id ?? 0)).toBe(1);
    await eventually('one message', () => receiver.accepted.length === 1);
    expect(await world.webhooks.resend(id, null)).toBe(1);
    await eventually('both messages', () => receiver.accepted.length === 2);
    await expect(world.webhooks.resend(id, 999)).rejects.toMatchObject({ kind: 'not-found' });
    expect(world.lines.filter(({ message }) => message === 'webhook message given up')).toHaveLength(2);
  });

  it('gets messages with two signatures while its secret changes', async () => {
    const receiver = await receive();
    const { id, secret } = await world.add(receiver.url);
    world.start();
    const rotated = await world.webhooks.rotateSecret(id, 60_000);
    expect(rotated.secret).not.toBe(secret);
    await world.record(uploaded('a'));
    await eventually('a message', () => receiver.accepted.length === 1);
    const [first] = receiver.accepted;
    if (first === undefined) throw new Error('there is no message');
    expect([isSigned(first, secret), isSigned(first, rotated.secret)]).toEqual([true, true]);
    const last = await world.webhooks.rotateSecret(id, 0);
    await world.record(uploaded('b'));
    await eventually('another message', () => receiver.accepted.length === 2);
    const second = receiver.accepted[1] ?? first;
    const valid = [secret, rotated.secret, last.secret].map((one) => isSigned(second, one));
    expect(valid).toEqual([false, false, true]);
  });

  it('is tested with one message', async () => {
    const receiver = await receive();
    const { id, secret } = await world.add(receiver.url);
    expect(await world.webhooks.test(id)).toMatchObject({ status: 204, error: null });
    expect(receiver.types).toEqual(['webhook.test']);
    expect(receiver.accepted.map((received) => isSigned(received, secret))).toEqual([true]);
  });

  it('has an own label, and there is a maximum', async () => {
    const url = 'https://example.com/';
    await world.add(url, { label: 'x' });
    await expect(world.add(url, { label: 'x' })).rejects.toMatchObject({ kind: 'exists' });
    for (let number = 1; number < maxWebhooks; number += 1) await world.add(url, { label: `l${number}` });
    await expect(world.add(url, { label: 'more' })).rejects.toMatchObject({ kind: 'over-quota' });
  });
});

describe('an attempt', () => {
  const test = async (url: string) => await world.webhooks.test((await world.add(url)).id);

  it('does not follow a redirect', async () => {
    const target = await receive();
    const receiver = await receive({
      answer: (_, response) => {
        response.writeHead(302, { location: target.url }).end();
        return null;
      },
    });
    expect(await test(receiver.url)).toMatchObject({
      status: 302,
      error: expect.stringContaining('redirect'),
    });
    expect(target.requests).toEqual([]);
  });

  it('ends after its time, whether the receiver is silent or answers slowly', async () => {
    world.rules = { ...world.rules, timeoutMs: 200 };
    const silent = await receive({ answer: () => new Promise(() => undefined) });
    expect(await test(silent.url)).toMatchObject({ status: null, error: 'no answer within 0.2 s' });
    const slow = await receive({
      answer: (_, response) => {
        response.writeHead(200).write('x');
        return null;
      },
    });
    expect(await test(slow.url)).toMatchObject({ status: 200, error: null });
  });

  it('reads only the begin of an endless answer', async () => {
    let written = 0;
    const receiver = await receive({
      answer: (_, response) => {
        response.writeHead(500);
        const more = () => {
          written += 65_536;
          if (!response.destroyed && response.write(Buffer.alloc(65_536))) setImmediate(more);
        };
        response.on('drain', more);
        more();
        return null;
      },
    });
    expect(await test(receiver.url)).toMatchObject({ status: 500, error: 'status 500' });
    expect(written).toBeLessThan(32 * 1024 * 1024);
  });

  it('waits as long as the receiver asks for', async () => {
    const receiver = await receive({
      answer: (_, response) => {
        response.writeHead(429, { 'retry-after': '120' }).end();
        return null;
      },
    });
    expect(await test(receiver.url)).toMatchObject({ status: 429, retryAfterMs: 120_000 });
  });

  it('fails without a listener, a trusted certificate or an allowed address, and names the reason', async () => {
    const closed = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => closed.once('listening', resolve));
    const address = closed.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    await new Promise((resolve) => closed.close(resolve));
    expect((await test(`https://127.0.0.1:${port}/`)).error).toBe('connection failed (ECONNREFUSED)');
    const receiver = await receive({ secure: false });
    world.rules = { ...world.rules, allowHttp: true };
    const { id } = await world.add(receiver.url.replace('127.0.0.1', 'localhost'));
    world.rules = { ...world.rules, allowPrivate: null };
    expect((await world.webhooks.test(id)).error).toMatch(/address \S+ is not public/);
    world.rules = { ...world.rules, allowHttp: false };
    expect((await world.webhooks.test(id)).error).toMatch(/https/);
    expect(receiver.requests).toEqual([]);
  });
});
