import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fileEvent, TrailWorld } from '../../audit/testing/trail-world.js';
import type { AuditTrail } from '../../audit/trail.js';
import type { DueDelivery } from '../../model/api/webhooks.js';
import type { AuditRow } from '../../model/audit.js';
import { WebhookDeliveries } from './deliveries.js';
import { WebhookEndpoints } from './endpoints.js';

const endpoint = 'e'.repeat(16);
let world: TrailWorld;
let trail: AuditTrail;
let deliveries: WebhookDeliveries;
let endpoints: WebhookEndpoints;

beforeEach(async () => {
  world = await TrailWorld.open();
  trail = await world.trail();
  deliveries = new WebhookDeliveries(world.database);
  endpoints = new WebhookEndpoints(world.database);
});
afterEach(async () => await world[Symbol.asyncDispose]());

const webhook = (id: string, label: string) => ({
  id,
  label,
  url: 'https://example.com/',
  filter: { events: ['upload.*'], users: [], prefixes: [] },
  createdBy: 'root',
  createdMs: 1,
  secretSealed: 'sealed',
});
const record = async (...targets: readonly string[]) => {
  for (const target of targets) trail.recorder.record(fileEvent(target));
  await trail.flush();
};
const messageOf = (row: AuditRow) => ({
  messageId: `evt_${row.hash}`,
  type: 'upload.finished' as const,
  subject: row.target,
  body: JSON.stringify({ target: row.target }),
});
const queue = (maxPending = 100, id = endpoint) =>
  deliveries.queue({ endpoint: id, actions: ['file.write'], messageOf, maxPending, nowMs: 10 });
const due = async (nowMs = 10, busy: readonly number[] = []) =>
  await deliveries.due(endpoint, nowMs, 100, new Set(busy));
const subjects = (all: readonly { readonly subject: string | null }[]) => all.map(({ subject }) => subject);
const failed = (delivery: DueDelivery, nextMs: number | null) =>
  deliveries.failed(delivery, { status: 500, error: 'no' }, { startedMs: 11, nowMs: 12, nextMs });

describe('the endpoints of webhooks', () => {
  it('begin behind the last event, have labels of their own, and are removed with their deliveries', async () => {
    await record('/before');
    const added = await endpoints.add(webhook(endpoint, 'one'));
    expect(added.cursorSeq).toBe(1);
    await expect(endpoints.add(webhook('f'.repeat(16), 'one'))).rejects.toMatchObject({ kind: 'exists' });
    await endpoints.add(webhook('f'.repeat(16), 'two'));
    await record('/a', '/b');
    expect(await queue()).toBe('complete');
    expect(await queue(1, 'f'.repeat(16))).toBe('more');
    const counts = (await endpoints.statuses()).map(({ pending, behind }) => [pending, behind]);
    expect(counts).toEqual([
      [2, 0],
      [1, 1],
    ]);
    expect((await endpoints.remove(endpoint))?.label).toBe('one');
    expect(await endpoints.remove(endpoint)).toBeNull();
    expect(await queue()).toBe('removed');
    expect(await deliveries.list(endpoint, { limit: 10 })).toEqual([]);
  });

  it('have two secrets for a while after a change', async () => {
    await endpoints.add(webhook(endpoint, 'one'));
    const changed = await endpoints.replaceSecret(endpoint, 'new', 5, 50);
    expect(changed).toMatchObject({ secretSealed: 'new', previousSealed: 'sealed', overlapUntilMs: 50 });
    const again = await endpoints.replaceSecret(endpoint, 'newer', 6, 6);
    expect(again).toMatchObject({ secretSealed: 'newer', previousSealed: null, overlapUntilMs: null });
    expect(await endpoints.replaceSecret('other', 'new', 5, 50)).toBeNull();
  });
});

describe('the deliveries of webhooks', () => {
  beforeEach(async () => void (await endpoints.add(webhook(endpoint, 'one'))));

  it('are due in the order of the trail, one after the other for a subject', async () => {
    await record('/a', '/b', '/a', '/c');
    expect(await queue()).toBe('complete');
    const first = await due();
    expect(subjects(first)).toEqual(['/a', '/b', '/c']);
    const [a, b] = first;
    if (a === undefined || b === undefined) throw new Error('nothing is due');
    expect(subjects(await due(10, [a.id]))).toEqual(['/b', '/c']);
    expect(await due(9)).toEqual([]);
    await deliveries.delivered(a, 200, 11);
    await failed(b, 500);
    expect(subjects(await due())).toEqual(['/a', '/c']);
    expect(subjects(await due(500))).toEqual(['/b', '/a', '/c']);
    const listed = await deliveries.list(endpoint, { state: 'delivered', limit: 10 });
    expect(listed).toMatchObject([{ subject: '/a', attempts: 1, status: 200 }]);
  });

  it('keep their order when subjects are long and begin alike', async () => {
    // No compression makes these short.
    const long = Array.from({ length: 4_000 }, (_, at) =>
      String.fromCodePoint(0x4e00 + ((at * 7_919) % 20_000)),
    );
    const subject = (end: string) => `/${long.join('')}${end}`;
    await record(subject('a'), subject('b'), subject('a'));
    expect(await queue()).toBe('complete');
    expect(subjects(await due())).toEqual([subject('a'), subject('b')]);
  });

  it('wait in the trail while the queue is full', async () => {
    await record('/a', '/b', '/c');
    expect(await queue(2)).toBe('more');
    expect(await queue(2)).toBe('full');
    for (const delivery of await due()) await deliveries.delivered(delivery, 200, 11);
    expect(await queue(2)).toBe('complete');
    expect(subjects(await due())).toEqual(['/c']);
  });

  it('are given up, sent again by hand and removed by age', async () => {
    await record('/a', '/b', '/c');
    await queue();
    for (const delivery of await due()) await failed(delivery, null);
    expect(await due(1_000)).toEqual([]);
    const dead = await deliveries.list(endpoint, { state: 'dead', limit: 2 });
    expect(subjects(dead)).toEqual(['/c', '/b']);
    const before = dead.at(-1)?.id ?? 0;
    expect(subjects(await deliveries.list(endpoint, { limit: 2, before }))).toEqual(['/a']);
    expect(await deliveries.resend(endpoint, before, 20)).toBe(1);
    expect(await due(20)).toMatchObject([{ subject: '/b', attempts: 0, firstTriedMs: null }]);
    expect(await deliveries.prune(endpoint, 12)).toBe(0);
    expect(await deliveries.prune(endpoint, 13)).toBe(2);
    expect(await deliveries.resend(endpoint, null, 20)).toBe(0);
    expect(subjects(await deliveries.list(endpoint, { limit: 10 }))).toEqual(['/b']);
  });
});
