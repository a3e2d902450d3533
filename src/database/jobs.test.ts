import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openTestDatabase } from '../../test/support/test-database.js';
import type { Job, Jobs } from '../model/api/jobs.js';
import type { ApiTokens, NewApiToken } from '../model/api/tokens.js';
import type { Clock, Entropy } from '../model/call.js';
import { createApiTokens } from './api-tokens.js';
import type { GatewayDatabase } from './database.js';
import { DatabaseIdempotencyKeys } from './idempotency-keys.js';
import { createJobs } from './jobs.js';
import { readTotals } from './totals.js';

let directory: string;
let db: GatewayDatabase;
let nowMs = 0;
let ids = 0;
const clock: Clock = { nowMs: () => nowMs, monotonicMs: () => nowMs, sleep: async () => undefined };
const entropy: Entropy = {
  bytes: (length) => Buffer.alloc(length, ++ids),
  id: () => String(++ids).padStart(16, '0'),
};

beforeEach(async () => {
  nowMs = 1_000_000;
  ids = 0;
  directory = await mkdtemp(join(tmpdir(), 'sftpgw-jobs-'));
  db = await openTestDatabase(join(directory, 'db'));
});
afterEach(async () => {
  await db.close();
  await rm(directory, { recursive: true, force: true });
});

const idsOf = (all: readonly { readonly id: string }[]) => all.map(({ id }) => Number(id));

describe('jobs', () => {
  let jobs: Jobs;
  beforeEach(() => {
    jobs = createJobs(db, clock, entropy);
  });
  const begin = () => jobs.begin('doctor', { deep: true }, 'root');
  const claimed = async () => {
    const job = await jobs.claim();
    if (job === null) throw new Error('no job waits');
    return job;
  };

  it('wait in the order in which they were begun, and run one after the other', async () => {
    const first = await begin();
    expect(first).toEqual({
      id: first.id,
      kind: 'doctor',
      request: { deep: true },
      state: 'waiting',
      progress: null,
      position: null,
      result: null,
      fault: null,
      person: 'root',
      createdMs: nowMs,
      updatedMs: nowMs,
      finishedMs: null,
    });
    await begin();
    nowMs += 5;
    expect(await jobs.claim()).toEqual({ ...first, state: 'running', updatedMs: nowMs });
    expect((await claimed()).id).toBe('0000000000000002');
    expect(await jobs.claim()).toBeNull();
    expect(await jobs.find('none')).toBeNull();
    expect(await jobs.findOpen('doctor', { deep: true })).toMatchObject({ id: first.id });
    expect(await jobs.findOpen('doctor', {})).toBeNull();
  });

  it('record their progress, and end with a result', async () => {
    await begin();
    const other = await begin();
    const { id } = await claimed();
    nowMs += 5;
    await jobs.advance(id, { objects: 3 }, { after: 'k' });
    expect(await jobs.find(id)).toMatchObject({
      progress: { objects: 3 },
      position: { after: 'k' },
      updatedMs: nowMs,
      finishedMs: null,
    });
    await jobs.advance(id, { objects: 4 }, null);
    expect((await jobs.find(id))?.position).toBeNull();
    nowMs += 5;
    await jobs.finish(id, { result: { ok: true } });
    expect(await jobs.find(id)).toMatchObject({
      state: 'done',
      result: { ok: true },
      fault: null,
      finishedMs: nowMs,
      updatedMs: nowMs,
    });
    // The other job is untouched, and an ended job does not end again.
    expect(await jobs.find(other.id)).toEqual(other);
    await jobs.finish(id, { fault: { kind: 'denied', text: 'no' } });
    expect(await jobs.find(id)).toMatchObject({ state: 'done', fault: null });
  });

  it('end with a fault, or without a result', async () => {
    const [failing, empty] = [await begin(), await begin()];
    await claimed();
    await claimed();
    await jobs.finish(failing.id, { fault: { kind: 'denied', text: 'no access' } });
    expect(await jobs.find(failing.id)).toMatchObject({
      state: 'failed',
      result: null,
      fault: { kind: 'denied', text: 'no access' },
    });
    await jobs.finish(empty.id, { result: undefined });
    expect(await jobs.find(empty.id)).toMatchObject({ state: 'done', result: null });
  });

  it('wait again after the process that ran them has ended', async () => {
    await begin();
    const paused = await begin();
    await jobs.change(paused.id, ['waiting'], 'paused');
    const { id } = await claimed();
    await jobs.recover();
    expect((await jobs.find(id))?.state).toBe('waiting');
    expect((await jobs.find(paused.id))?.state).toBe('paused');
    expect((await claimed()).id).toBe(id);
  });

  it('change their state only from one that is given', async () => {
    const { id } = await begin();
    const other = await begin();
    nowMs += 5;
    expect(await jobs.change(id, ['running', 'paused'], 'cancelled')).toBeNull();
    expect(await jobs.change('none', ['waiting'], 'cancelled')).toBeNull();
    expect(await jobs.change(id, ['running', 'waiting'], 'paused')).toMatchObject({
      state: 'paused',
      updatedMs: nowMs,
      finishedMs: null,
    });
    expect(await jobs.change(id, ['paused'], 'cancelled')).toMatchObject({
      state: 'cancelled',
      finishedMs: nowMs,
    });
    expect(await jobs.find(other.id)).toEqual(other);
  });

  it('are listed by pages, the newest first', async () => {
    for (let at = 0; at < 5; at += 1) await begin();
    expect(idsOf(await jobs.list(null, 2))).toEqual([5, 4]);
    expect(idsOf(await jobs.list('0000000000000004', 2))).toEqual([3, 2]);
    expect(idsOf(await jobs.list('0000000000000002', 2))).toEqual([1]);
    expect(await jobs.list('0000000000000001', 2)).toEqual([]);
    expect(await jobs.list('none', 2)).toEqual([]);
  });

  it('of one kind have a last one that is done', async () => {
    const make = async (kind: Job['kind']) => {
      await jobs.begin(kind, null, 'root');
      const { id } = await claimed();
      await jobs.finish(id, { result: id });
    };
    expect(await jobs.lastDone('doctor')).toBeNull();
    for (const kind of ['doctor', 'doctor', 'verify-ledger'] as const) await make(kind);
    await begin();
    expect((await jobs.lastDone('doctor'))?.id).toBe('0000000000000002');
    expect((await jobs.lastDone('verify-ledger'))?.id).toBe('0000000000000003');
  });

  it('are bounded: a hundred that are not finished, and a thousand finished ones', async () => {
    await db.write(async (trx) => {
      for (let at = 1; at <= 1_002; at += 1) {
        await trx
          .insertInto('job')
          .values({
            id: `old-${at}`,
            kind: 'doctor',
            request: 'null',
            state: at % 3 === 0 ? 'failed' : at % 3 === 1 ? 'done' : 'cancelled',
            person: 'root',
            created_ms: 1,
            updated_ms: 1,
          })
          .execute();
      }
    });
    for (let at = 0; at < 100; at += 1) await begin();
    await claimed();
    await expect(begin()).rejects.toMatchObject({ kind: 'over-quota' });
    const kept = await jobs.list(null, 5_000);
    expect(kept).toHaveLength(100 + 999);
    expect(kept.at(-1)?.id).toBe('old-4');
    // A finished job makes room.
    await jobs.finish('0000000000000001', { result: null });
    await begin();
  });
});

describe('tokens of the API', () => {
  let tokens: ApiTokens;
  beforeEach(() => {
    tokens = createApiTokens(db, clock, entropy);
  });
  const create = (change: Partial<NewApiToken> = {}) =>
    tokens.create({
      label: 'ci',
      role: 'operator',
      scope: ['users', 'keys'],
      createdBy: 'root',
      identity: null,
      expiresMs: nowMs + 1_000,
      ...change,
    });

  it('are returned for their secret, which is not stored', async () => {
    const { token, secret } = await create();
    expect(secret).toMatch(/^sftpgw_[\w-]{43}$/);
    expect(token).toMatchObject({
      label: 'ci',
      role: 'operator',
      scope: ['users', 'keys'],
      createdBy: 'root',
      createdMs: nowMs,
      expiresMs: nowMs + 1_000,
      revokedMs: null,
      lastUsedMs: null,
    });
    expect(await tokens.check(secret)).toEqual(token);
    const rows = await db.read((each) => each.selectFrom('api_token').selectAll().execute());
    expect(JSON.stringify(rows)).not.toContain(secret.slice(7));
    expect(await tokens.check(`${secret}x`)).toBeNull();
    expect(await tokens.check(secret.slice(7))).toBeNull();
  });

  it('may have no scope, or an empty one, which permits nothing', async () => {
    expect((await create({ scope: null })).token.scope).toBeNull();
    const { secret } = await create({ scope: [] });
    expect((await tokens.check(secret))?.scope).toEqual([]);
  });

  it('expire', async () => {
    const { secret } = await create({ expiresMs: nowMs + 10 });
    nowMs += 9;
    expect(await tokens.check(secret)).not.toBeNull();
    nowMs += 1;
    expect(await tokens.check(secret)).toBeNull();
  });

  it('are revoked once', async () => {
    const { token, secret } = await create();
    const other = await create();
    nowMs += 1;
    expect(await tokens.revoke(token.id)).toEqual({ ...token, revokedMs: nowMs });
    expect(await tokens.check(secret)).toBeNull();
    expect(await tokens.check(other.secret)).not.toBeNull();
    nowMs += 1;
    expect(await tokens.revoke(token.id)).toEqual({ ...token, revokedMs: nowMs - 1 });
    expect(await tokens.revoke('none')).toBeNull();
  });

  it('record their last use at most once a minute', async () => {
    const { secret } = await create({ expiresMs: nowMs + 1_000_000 });
    const { secret: unused } = await create({ expiresMs: nowMs + 1_000_000 });
    const lastUse = async () => {
      await tokens.check(secret);
      return (await tokens.list()).map(({ lastUsedMs }) => lastUsedMs);
    };
    const first = nowMs;
    expect((await lastUse()).toSorted()).toEqual([first, null]);
    nowMs += 59_999;
    expect(await lastUse()).toContain(first);
    nowMs += 1;
    expect(await lastUse()).toContain(nowMs);
    await tokens.check(unused);
    expect(await lastUse()).toEqual([nowMs, nowMs]);
  });

  it('are listed with the newest first, also when they are not valid any more', async () => {
    const labels = async () => (await tokens.list()).map(({ label }) => label);
    await create({ label: 'a', expiresMs: 1 });
    nowMs += 1;
    await create({ label: 'b' });
    await create({ label: 'c' });
    expect(await labels()).toEqual(['b', 'c', 'a']);
  });

  it('are bounded: those that are not valid are removed at a thousand', async () => {
    const fill = async (count: number, expiresMs: number, revokedMs: number | null) => {
      await db.write(async (trx) => {
        for (let at = 0; at < count; at += 1) {
          const id = `t${++ids}`;
          const row = { label: '', role: 'r', scope: null, created_by: 'root', created_ms: 1 };
          await trx
            .insertInto('api_token')
            .values({
              id,
              ...row,
              token_hash: id,
              expires_ms: expiresMs,
              revoked_ms: revokedMs,
              last_used_ms: null,
            })
            .execute();
        }
      });
    };
    await fill(997, nowMs + 1, null);
    await fill(1, nowMs, null);
    await fill(1, nowMs + 1, 5);
    expect(await tokens.list()).toHaveLength(999);
    await create();
    expect(await tokens.list()).toHaveLength(1_000);
    await create();
    expect(await tokens.list()).toHaveLength(999);
    await create();
    await expect(create()).rejects.toMatchObject({ kind: 'over-quota' });
    expect(await tokens.list()).toHaveLength(1_000);
  });
});

describe('the keys of requests that must not run twice', () => {
  const dayMs = 86_400_000;
  const outcome = { status: 201, body: '{}', etag: '"e"' };

  it('are claimed once, then have the outcome', async () => {
    const keys = new DatabaseIdempotencyKeys(db, clock);
    expect(await keys.begin('a')).toBeNull();
    expect(await keys.begin('a')).toBe('running');
    expect(await keys.begin('b')).toBeNull();
    await keys.finish('a', outcome);
    expect(await keys.begin('a')).toEqual(outcome);
    expect(await keys.begin('b')).toBe('running');
    await keys.forget('b');
    expect(await keys.begin('b')).toBeNull();
    expect(await keys.begin('a')).toEqual(outcome);
  });

  it('are kept for a day', async () => {
    const keys = new DatabaseIdempotencyKeys(db, clock);
    await keys.begin('a');
    nowMs += dayMs;
    expect(await keys.begin('a')).toBe('running');
    nowMs += 1;
    expect(await keys.begin('a')).toBeNull();
  });

  it('are bounded: the last 10,000 are kept', async () => {
    const keys = new DatabaseIdempotencyKeys(db, clock);
    await keys.begin('first');
    await keys.begin('second');
    // The numbers of the keys are what counts.
    await db.write((trx) =>
      trx
        .updateTable('idempotency_key')
        .set({ seq: 3 - 10_000 })
        .where('key_hash', '=', 'first')
        .execute(),
    );
    await keys.begin('third');
    expect(await keys.begin('first')).toBeNull();
    expect(await keys.begin('second')).toBe('running');
  });
});

it('the totals count open writes and the rows of the audit trail', async () => {
  expect(await readTotals(db)).toEqual({ openWrites: 0, auditRows: 0 });
  const row = (id: string, state: 'intended' | 'abandoned') => ({
    id,
    bucket: 'b',
    object_key: id,
    parent_prefix: '',
    state,
    is_current: 0,
    sealed_kind: 'sse-s3' as const,
    actor: 'a',
    request_id: 'r',
    intended_ms: 1,
  });
  await db.write(async (trx) => {
    await trx
      .insertInto('sealed_object')
      .values([row('1', 'intended'), row('2', 'intended'), row('3', 'abandoned'), row('4', 'intended')])
      .execute();
    await trx
      .insertInto('parked_upload')
      .values({
        row_id: '4',
        parts: '[]',
        mtime_seconds: null,
        parked_ms: 1,
        shown_key: null,
        is_complete: 0,
      })
      .execute();
    await trx
      .insertInto('audit_chain')
      .values({ id: 1, last_seq: 50, last_hash: 'h', anchor_seq: 8, anchor_hash: 'a' })
      .execute();
  });
  expect(await readTotals(db)).toEqual({ openWrites: 2, auditRows: 42 });
});
