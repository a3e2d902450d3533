import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openTestDatabase } from '../../../test/support/test-database.js';
import type { AuditQuery } from '../../model/audit.js';
import type { GatewayDatabase } from '../database.js';
import { AuditAppender } from './append.js';
import { eventOf, firstHash, rowFor, type SpooledEvent } from './chain.js';
import { createAuditReader } from './reader.js';
import { keepReceivers, recordSent, sentTo } from './receivers.js';
import { pruneAudit } from './retention.js';

let directory: string;
let db: GatewayDatabase;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sftpgw-audit-'));
  db = await openTestDatabase(join(directory, 'db'));
});
afterEach(async () => {
  await db.close();
  await rm(directory, { recursive: true, force: true });
});

/** Returns an event whose columns all differ. */
function event(at: number, timeMs = at): SpooledEvent {
  const parity = at % 2 === 0 ? 'even' : 'odd';
  return [
    timeMs,
    'node',
    'user',
    `actor-${parity}`,
    `address-${parity}`,
    `session-${at % 3}`,
    `request-${at}`,
    `action-${at % 3}`,
    `/uploads/${at % 5}/file`,
    'bucket',
    `key-${at}`,
    at % 4 === 0 ? 'ok' : at % 4 === 1 ? 'denied' : 'not-found',
    at % 5 === 0 ? null : `id-${at % 5}`,
    `{"at":${at}}`,
  ];
}

async function append(events: readonly SpooledEvent[]): Promise<void> {
  const from = await new AuditAppender(db, '0123456789abcdef').position('s');
  expect(
    await new AuditAppender(db, '0123456789abcdef').append(
      { segment: 's', from, to: from + events.length, events },
      () => true,
    ),
  ).toBe(true);
}

const fill = (count: number) => append(Array.from({ length: count }, (_, index) => event(index + 1)));

async function found(query: AuditQuery): Promise<readonly number[]> {
  const seqs: number[] = [];
  for await (const { seq } of createAuditReader(db).query(query)) seqs.push(seq);
  return seqs;
}

/** Returns the numbers from 20 down to 1 that fit. */
const down = (fits: (at: number) => boolean) =>
  Array.from({ length: 20 }, (_, index) => 20 - index).filter(fits);

describe('a row of the trail', () => {
  it('has every column of its event, and can be made into the event again', async () => {
    await fill(3);
    const [row] = await createAuditReader(db).after(1, 1);
    const { hash } = rowFor(1, firstHash, event(1));
    expect(row).toEqual({
      seq: 2,
      timeMs: 2,
      node: 'node',
      actor: { kind: 'user', name: 'actor-even' },
      address: 'address-even',
      session: 'session-2',
      request: 'request-2',
      action: 'action-2',
      target: '/uploads/2/file',
      bucket: 'bucket',
      objectKey: 'key-2',
      result: 'not-found',
      keyId: 'id-2',
      details: '{"at":2}',
      previousHash: hash,
      hash: rowFor(2, hash, event(2)).hash,
    });
    expect(eventOf(rowFor(2, hash, event(2)))).toEqual(event(2));
    expect(await createAuditReader(db).hashOf(1)).toBe(hash);
    expect(await createAuditReader(db).hashOf(4)).toBeNull();
  });

  it('has a hash that depends on its number, on the row before, and on each column', () => {
    const hashes = new Set([
      rowFor(1, 'a', event(1)).hash,
      rowFor(2, 'a', event(1)).hash,
      rowFor(1, 'b', event(1)).hash,
    ]);
    for (let column = 0; column < 14; column += 1) {
      const changed = event(1).map((value, at) => (at === column ? 'x' : value)) as unknown as SpooledEvent;
      hashes.add(rowFor(1, 'a', changed).hash);
    }
    expect(hashes.size).toBe(17);
  });
});

describe('a query of the trail', () => {
  it.each<[AuditQuery, (at: number) => boolean]>([
    [{}, () => true],
    [{ user: 'actor-even' }, (at) => at % 2 === 0],
    [{ address: 'address-odd' }, (at) => at % 2 === 1],
    [{ action: 'action-1' }, (at) => at % 3 === 1],
    [{ session: 'session-2' }, (at) => at % 3 === 2],
    [{ keyId: 'id-3' }, (at) => at % 5 === 3],
    [{ result: 'ok' }, (at) => at % 4 === 0],
    [{ result: 'denied' }, (at) => at % 4 === 1],
    [{ result: 'failed' }, (at) => at % 4 !== 0],
    [{ targetPrefix: '/uploads/2' }, (at) => at % 5 === 2],
    [{ targetPrefix: '/uploads/2/file' }, (at) => at % 5 === 2],
    [{ targetPrefix: '/uploads/2/file/' }, () => false],
    [{ targetPrefix: '' }, () => true],
    [{ sinceMs: 5 }, (at) => at >= 5],
    [{ untilMs: 5 }, (at) => at < 5],
    [{ sinceMs: 5, untilMs: 8, user: 'actor-odd' }, (at) => at === 5 || at === 7],
    [{ behind: { timeMs: 5, seq: 5 } }, (at) => at < 5],
    [{ behind: { timeMs: 5, seq: 6 } }, (at) => at <= 5],
    [{ behind: { timeMs: 5, seq: 1 } }, (at) => at < 5],
  ])('returns the rows that fit, the newest first: %o', async (query, fits) => {
    await fill(20);
    expect(await found(query)).toEqual(down(fits));
  });

  it('returns each row once over pages, also with equal times', async () => {
    await append(Array.from({ length: 1_250 }, (_, index) => event(index + 1, Math.floor(index / 400))));
    expect(await found({})).toEqual(Array.from({ length: 1_250 }, (_, index) => 1_250 - index));
    expect(await found({ behind: { timeMs: 1, seq: 500 } })).toHaveLength(499);
  });

  it('orders by time, then by number', async () => {
    await append([event(1, 5), event(2, 9), event(3, 5), event(4, 1)]);
    expect(await found({})).toEqual([2, 3, 1, 4]);
  });

  it('of the rows after a number returns up to a limit, the oldest first', async () => {
    await fill(5);
    const behind = async (seq: number, limit: number) =>
      (await createAuditReader(db).after(seq, limit)).map((row) => row.seq);
    expect(await behind(0, 2)).toEqual([1, 2]);
    expect(await behind(3, 10)).toEqual([4, 5]);
    expect(await behind(5, 10)).toEqual([]);
  });
});

describe('the end of the trail', () => {
  it('takes a part of a file once, and only where the file continues', async () => {
    const appender = new AuditAppender(db, '0123456789abcdef');
    const part = { segment: 's', from: 0, to: 10, events: [event(1), event(2)] };
    expect(await appender.position('s')).toBe(0);
    expect(await appender.append(part, () => false)).toBe(false);
    expect(await appender.append(part, () => true)).toBe(true);
    expect(await appender.append(part, () => true)).toBe(false);
    expect(await appender.append({ ...part, from: 11, to: 20 }, () => true)).toBe(false);
    expect(await appender.position('s')).toBe(10);
    expect((await createAuditReader(db).head()).seq).toBe(2);
    expect(await appender.append({ segment: 's', from: 10, to: 30, events: [] }, () => true)).toBe(true);
    expect(await appender.position('s')).toBe(30);
    expect(await appender.position('t')).toBe(0);
    await appender.append({ segment: 't', from: 0, to: 1, events: [event(3)] }, () => true);
    expect((await appender.segments()).toSorted()).toEqual(['s', 't']);
    await appender.forget('s');
    expect(await appender.segments()).toEqual(['t']);
  });

  it('is the same chain whether events are added alone or many at once', async () => {
    const head = async () => await createAuditReader(db).head();
    expect(await head()).toEqual({ seq: 0, hash: firstHash });
    await fill(100);
    let hash = firstHash;
    for (let at = 1; at <= 100; at += 1) ({ hash } = rowFor(at, hash, event(at)));
    expect(await head()).toEqual({ seq: 100, hash });
    await append([event(101)]);
    expect(await head()).toEqual({ seq: 101, hash: rowFor(101, hash, event(101)).hash });
    expect((await createAuditReader(db).verify()).problem).toBeNull();
  });
});

describe('receivers of the trail', () => {
  it('are remembered with the last event that they have got, while they are configured', async () => {
    expect(await sentTo(db, 'a')).toBeNull();
    await recordSent(db, 'a', 3);
    await recordSent(db, 'b', 0);
    await recordSent(db, 'a', 5);
    expect([await sentTo(db, 'a'), await sentTo(db, 'b')]).toEqual([5, 0]);
    await keepReceivers(db, ['a', 'c']);
    expect([await sentTo(db, 'a'), await sentTo(db, 'b'), await sentTo(db, 'c')]).toEqual([5, null, null]);
    await keepReceivers(db, []);
    expect(await sentTo(db, 'a')).toBeNull();
  });
});

describe('the pruning of the trail', () => {
  const left = async () => (await createAuditReader(db).after(0, 10_000)).map(({ seq }) => seq);

  it('removes the rows before a time, and the rest can still be verified', async () => {
    await fill(10);
    expect(await pruneAudit(db, 1)).toBe(0);
    expect(await pruneAudit(db, 4)).toBe(3);
    expect(await left()).toEqual([4, 5, 6, 7, 8, 9, 10]);
    expect(await createAuditReader(db).verify()).toEqual({
      rows: 7,
      firstSeq: 4,
      lastSeq: 10,
      problem: null,
    });
    expect(await pruneAudit(db, 100)).toBe(7);
    expect(await createAuditReader(db).verify()).toEqual({
      rows: 0,
      firstSeq: null,
      lastSeq: 10,
      problem: null,
    });
    await append([event(11)]);
    expect((await createAuditReader(db).verify()).problem).toBeNull();
  });

  it('ends at the first row that is younger, although older ones follow', async () => {
    await append([event(1, 1), event(2, 9), event(3, 2)]);
    expect(await pruneAudit(db, 5)).toBe(1);
    expect(await left()).toEqual([2, 3]);
  });

  it('keeps what a receiver has not got yet', async () => {
    await fill(10);
    await recordSent(db, 'a', 6);
    await recordSent(db, 'b', 4);
    expect(await pruneAudit(db, 100)).toBe(4);
    await recordSent(db, 'b', 6);
    expect(await pruneAudit(db, 100)).toBe(2);
    await recordSent(db, 'c', 0);
    expect(await pruneAudit(db, 100)).toBe(0);
  });

  it('continues over many steps', async () => {
    await fill(2_500);
    expect(await pruneAudit(db, 2_400)).toBe(2_399);
    expect(await left()).toHaveLength(101);
    await fill(899);
    expect(await left()).toHaveLength(1_000);
    expect(await pruneAudit(db, 100_000)).toBe(1_000);
  });

  it('does nothing in an empty trail', async () => {
    expect(await pruneAudit(db, 100)).toBe(0);
  });
});
