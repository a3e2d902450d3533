import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fileEvent, TrailWorld } from '../../audit/testing/trail-world.js';
import type { AuditTrail } from '../../audit/trail.js';
import type { AuditEventRow } from '../schema/audit.js';
import { eventOf, hashRow } from './chain.js';

const count = 3000;
const victim = 2001;
let world: TrailWorld;
let trail: AuditTrail;

beforeEach(async () => {
  world = await TrailWorld.open();
  trail = await world.trail();
  for (let number = 1; number <= count; number++) {
    const user = number % 2 === 0 ? 'alice' : 'bob';
    trail.recorder.record(fileEvent(`/uploads/${number}`, { actor: { kind: 'user', name: user } }));
  }
  await trail.flush();
});
afterEach(async () => await world[Symbol.asyncDispose]());

const edit = (sql: (row: AuditEventRow) => Partial<AuditEventRow>, seq = victim) =>
  world.database.write(async (trx) => {
    const row = await trx
      .selectFrom('audit_event')
      .selectAll()
      .where('seq', '=', seq)
      .executeTakeFirstOrThrow();
    await trx.updateTable('audit_event').set(sql(row)).where('seq', '=', seq).execute();
  });
const remove = (seq: number) =>
  world.database.write((trx) => trx.deleteFrom('audit_event').where('seq', '=', seq).execute());
/** Moves the rows from `seq` on by one number. */
const shift = async (seq: number, by: 1 | -1) => {
  const numbers = Array.from({ length: count - seq + 1 }, (_, index) => seq + index);
  if (by === 1) numbers.reverse();
  await world.database.write(async (trx) => {
    for (const each of numbers) {
      await trx
        .updateTable('audit_event')
        .set({ seq: each + by })
        .where('seq', '=', each)
        .execute();
    }
    await trx
      .updateTable('audit_chain')
      .set({ last_seq: count + by })
      .execute();
  });
};
const insert = (row: (before: AuditEventRow) => AuditEventRow) =>
  world.database.write(async (trx) => {
    const before = await trx
      .selectFrom('audit_event')
      .selectAll()
      .where('seq', '=', victim - 1)
      .executeTakeFirstOrThrow();
    await trx.insertInto('audit_event').values(row(before)).execute();
  });
const problem = async () => (await trail.reader.verify()).problem;

describe('the chain', () => {
  it('is intact after events', async () =>
    expect(await trail.reader.verify()).toEqual({
      rows: count,
      firstSeq: 1,
      lastSeq: count,
      problem: null,
    }));

  it.each([
    ['result', 'denied'],
    ['target', '/uploads/other'],
    ['details', '{}'],
    ['actor', 'carol'],
    ['time_ms', 5],
    ['hash', 'x'],
  ] as const)('names a row whose %s was changed', async (column, value) => {
    await edit(() => ({ [column]: value }));
    expect(await problem()).toMatchObject({ kind: 'changed', seq: victim });
  });

  it('names a changed row whose hash was computed again', async () => {
    await edit((row) => {
      const changed = { ...row, target: '/uploads/other' };
      return { target: changed.target, hash: hashRow(row.seq, row.previous_hash, eventOf(changed)) };
    });
    expect(await problem()).toMatchObject({ kind: 'changed', seq: victim });
  });

  it('names the last row if its hash was computed again', async () => {
    await edit((row) => {
      const changed = { ...row, target: '/uploads/other' };
      return { target: changed.target, hash: hashRow(row.seq, row.previous_hash, eventOf(changed)) };
    }, count);
    expect(await problem()).toMatchObject({ kind: 'changed', seq: count });
  });

  it('names a removed row, at the begin, in between and at the end', async () => {
    for (const seq of [count, victim, 1]) {
      await remove(seq);
      expect(await problem()).toMatchObject({ kind: 'removed', seq });
    }
  });

  it('names a removed row if the later rows moved up', async () => {
    await remove(victim);
    await shift(victim + 1, -1);
    expect(await problem()).toMatchObject({ kind: 'removed', seq: victim });
  });

  it('names an inserted row, with and without a right hash', async () => {
    await shift(victim, 1);
    await insert((before) => ({ ...before, seq: victim, hash: 'x', target: '/uploads/inserted' }));
    expect(await problem()).toMatchObject({ kind: 'inserted', seq: victim });
    await edit((row) => ({ hash: hashRow(victim, row.previous_hash, eventOf(row)) }));
    expect(await problem()).toMatchObject({ kind: 'inserted', seq: victim });
  });

  it('names an inserted row with a right hash that follows the row before it', async () => {
    await shift(victim, 1);
    await insert((before) => {
      const row = { ...before, seq: victim, previous_hash: before.hash, target: '/uploads/inserted' };
      return { ...row, hash: hashRow(victim, row.previous_hash, eventOf(row)) };
    });
    expect(await problem()).toMatchObject({ kind: 'inserted', seq: victim });
  });

  it('names a row that was added behind the end', async () => {
    await world.database.write(async (trx) => {
      const last = await trx
        .selectFrom('audit_event')
        .selectAll()
        .where('seq', '=', count)
        .executeTakeFirstOrThrow();
      await trx
        .insertInto('audit_event')
        .values({ ...last, seq: count + 1 })
        .execute();
    });
    expect(await problem()).toMatchObject({ kind: 'inserted', seq: count + 1 });
  });
});

describe('a query', () => {
  const found = async (query: Parameters<AuditTrail['reader']['query']>[0]) => {
    const targets: (string | null)[] = [];
    for await (const { target } of trail.reader.query(query)) targets.push(target);
    return targets;
  };

  it('returns the rows of a user, the newest first, over several pages', async () => {
    const targets = await found({ user: 'alice' });
    expect(targets).toEqual(Array.from({ length: count / 2 }, (_, index) => `/uploads/${count - 2 * index}`));
  });

  it('filters by time, path, result, session, address, key and action', async () => {
    await edit(() => ({ time_ms: 1000, result: 'denied', key_id: 'k', session: 's' }));
    const only = [`/uploads/${victim}`];
    expect(await found({ untilMs: 1001 })).toEqual(only);
    expect(await found({ sinceMs: 1000, untilMs: 1001 })).toEqual(only);
    expect(await found({ result: 'failed' })).toEqual(only);
    expect(await found({ result: 'denied' })).toEqual(only);
    expect(await found({ keyId: 'k' })).toEqual(only);
    expect(await found({ session: 's', address: '192.0.2.7' })).toEqual(only);
    expect(await found({ targetPrefix: `/uploads/${victim}` })).toEqual(only);
    expect(await found({ action: 'file.remove' })).toEqual([]);
  });
});
