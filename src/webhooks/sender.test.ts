import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loopbackTls } from '../../test/support/loopback-tls.js';
import { ProxyRules } from '../network/proxy-rules.js';
import { type AttemptRules, WebhookSender } from './sender.js';
import { WebhookReceiver } from './testing/receiver.js';

const rules: AttemptRules = { allowPrivate: '127.0.0.0/8', allowHttp: false, timeoutMs: 10_000 };
const never = new AbortController().signal;
const body = Buffer.from('{"type":"x","data":{}}');
let sender: WebhookSender;
let receiver: WebhookReceiver;

beforeEach(async () => {
  sender = new WebhookSender({ ca: [loopbackTls.cert], proxies: ProxyRules.none, userAgent: 'sftpgw/test' });
  receiver = await WebhookReceiver.start();
});
afterEach(async () => {
  sender[Symbol.dispose]();
  await receiver[Symbol.asyncDispose]();
});

const send = (change: Partial<AttemptRules> = {}, signal = never) =>
  sender.send(receiver.url, { 'webhook-id': 'm1' }, body, { ...rules, ...change }, signal);
function answering(status: number, headers: Readonly<Record<string, string>> = {}): void {
  receiver.answer = (_received, response) => {
    response.writeHead(status, headers).end();
    return null;
  };
}

describe('the answer of a receiver', () => {
  it.each([
    [200, null, false],
    [204, null, false],
    [299, null, false],
    [300, 'status 300: redirects are not followed', false],
    [399, 'status 399: redirects are not followed', false],
    [400, 'status 400', false],
    [404, 'status 404', false],
    [410, 'status 410', true],
    [500, 'status 500', false],
  ])('with the status %d', async (status, error, isFinal) => {
    answering(status, { location: receiver.url });
    expect(await send()).toEqual({ status, error, retryAfterMs: null, isFinal });
    expect(receiver.requests).toHaveLength(1);
  });

  it.each([
    ['7', 7_000],
    ['0', 0],
    ['3600', 3_600_000],
    ['999999', 3_600_000],
    ['1000000', null],
    ['-1', null],
    ['1.5', null],
    ['Wed, 21 Oct 2026 07:28:00 GMT', null],
    ['', null],
  ])('may ask for a wait: %j', async (text, retryAfterMs) => {
    answering(429, { 'retry-after': text });
    expect(await send()).toMatchObject({ status: 429, retryAfterMs });
  });

  it('asks for no wait if it accepts the message', async () => {
    answering(200, { 'retry-after': '7' });
    expect(await send()).toMatchObject({ error: null, retryAfterMs: null });
  });
});

describe('a request', () => {
  it('has the headers of its message, and is not kept open', async () => {
    await send();
    await send();
    expect(receiver.requests.map(({ headers, text }) => [headers, text])).toEqual(
      Array.from({ length: 2 }, () => [
        expect.objectContaining({
          'webhook-id': 'm1',
          'content-type': 'application/json',
          'content-length': String(body.byteLength),
          'user-agent': 'sftpgw/test',
          connection: 'close',
        }),
        body.toString(),
      ]),
    );
  });

  it('is not sent to a certificate that is not trusted, and the error does not name the receiver', async () => {
    using strict = new WebhookSender({ ca: null, proxies: ProxyRules.none, userAgent: 'sftpgw/test' });
    const { status, error } = await strict.send(receiver.url, {}, body, rules, never);
    expect(status).toBeNull();
    expect(error).toMatch(/^connection failed \([A-Z_]+\)$/);
    expect(receiver.requests).toEqual([]);
  });

  it('is not sent in plain HTTP or to a private address, unless that is allowed', async () => {
    await using plain = await WebhookReceiver.start({ secure: false });
    const sendPlain = (change: Partial<AttemptRules>) =>
      sender.send(plain.url, {}, body, { ...rules, ...change }, never);
    expect(await sendPlain({})).toMatchObject({ status: null, error: expect.stringContaining('https') });
    expect(await send({ allowPrivate: null })).toMatchObject({
      status: null,
      error: expect.stringContaining('not public'),
    });
    expect([...plain.requests, ...receiver.requests]).toEqual([]);
    expect(await sendPlain({ allowHttp: true })).toMatchObject({ status: 204, error: null });
  });

  it('is cancelled with the gateway, before and while it waits', async () => {
    await expect(send({}, AbortSignal.abort())).rejects.toMatchObject({ kind: 'cancelled' });
    const stop = new AbortController();
    receiver.answer = async () => {
      stop.abort();
      return await new Promise<never>(() => undefined);
    };
    await expect(send({}, stop.signal)).rejects.toMatchObject({ kind: 'cancelled' });
  });
});
