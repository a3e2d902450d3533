import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openTestDatabase } from '../../test/support/test-database.js';
import { type NewRotation, noCounts, type RotationId, type RotationJobs } from '../model/rotation.js';
import { keyNamed } from '../vault/testing/vault-world.js';
import type { GatewayDatabase } from './database.js';
import { createRotationJobs } from './rotation-jobs.js';

let directory: string;
let db: GatewayDatabase;
let jobs: RotationJobs;
let nowMs = 0;
beforeEach(async () => {
  nowMs = 1_000;
  let ids = 0;
  directory = await mkdtemp(join(tmpdir(), 'sftpgw-rotations-'));
  db = await openTestDatabase(join(directory, 'db'));
  const clock = { nowMs: () => nowMs, monotonicMs: () => 0, sleep: async () => undefined };
  jobs = createRotationJobs(db, clock, { bytes: (length) => Buffer.alloc(length), id: () => `job-${++ids}` });
});
afterEach(async () => {
  await db.close();
  await rm(directory, { recursive: true, force: true });
});

const [a, b, c] = ['a', 'b', 'c'].map((name) => keyNamed(name).fingerprint) as [
  NewRotation['newKey'],
  NewRotation['newKey'],
  NewRotation['newKey'],
];
const rotation: NewRotation = {
  username: 'alice',
  bucket: 'files',
  prefix: 'alice/',
  newKey: a,
  oldKeys: [b, c],
  versions: 'rewrite',
  pace: { objectsPerSecond: 5, bytesPerSecond: null, parallel: 4 },
};
const counts = { ...noCounts, rekeyed: 3, bytes: 9 };
const missing = 'none' as RotationId;

describe('a rotation', () => {
  it('is stored as it was begun', async () => {
    const job = await jobs.begin(rotation);
    expect(job).toEqual({
      ...rotation,
      id: job.id,
      state: 'running',
      cursor: null,
      counts: noCounts,
      obstacle: null,
      pausedBy: null,
      retiredKeys: [],
      createdMs: 1_000,
      updatedMs: 1_000,
      finishedMs: null,
    });
    expect(await jobs.find(job.id)).toEqual(job);
    expect(await jobs.find(missing)).toBeNull();
  });

  it('runs once per user', async () => {
    const { id } = await jobs.begin(rotation);
    await expect(jobs.begin({ ...rotation, prefix: 'other/' })).rejects.toMatchObject({ kind: 'conflict' });
    await jobs.begin({ ...rotation, username: 'bob' });
    await jobs.finish(id, counts, []);
    await jobs.begin(rotation);
    expect((await jobs.running()).map(({ username }) => username)).toEqual(['bob', 'alice']);
    expect((await jobs.list()).map(({ username, state }) => `${username} ${state}`)).toEqual([
      'alice running',
      'bob running',
      'alice done',
    ]);
  });

  it('records its progress, and other rotations stay as they are', async () => {
    const { id } = await jobs.begin(rotation);
    const other = await jobs.begin({ ...rotation, username: 'bob' });
    nowMs = 2_000;
    await jobs.advance(id, 'alice/k', counts, []);
    expect(await jobs.find(id)).toMatchObject({ cursor: 'alice/k', counts, updatedMs: 2_000 });
    nowMs = 3_000;
    const pace = { objectsPerSecond: null, bytesPerSecond: 7, parallel: 1 };
    await jobs.setPace(id, pace);
    await jobs.setObstacle(id, 'S3 is unavailable');
    expect(await jobs.find(id)).toMatchObject({ pace, obstacle: 'S3 is unavailable', updatedMs: 3_000 });
    await jobs.setObstacle(id, null);
    expect((await jobs.find(id))?.obstacle).toBeNull();
    await jobs.setObstacle(id, 'again');
    nowMs = 4_000;
    await jobs.finish(id, { ...counts, rekeyed: 5 }, [c, b]);
    expect(await jobs.find(id)).toMatchObject({
      state: 'done',
      obstacle: null,
      counts: { rekeyed: 5 },
      retiredKeys: [c, b],
      updatedMs: 4_000,
      finishedMs: 4_000,
    });
    expect(await jobs.find(other.id)).toEqual(other);
  });

  it('has its problems in the order of their keys, the last text of each', async () => {
    const { id } = await jobs.begin(rotation);
    const other = await jobs.begin({ ...rotation, username: 'bob' });
    const problem = (key: string, versionId: string | null, text: string) =>
      ({ key, versionId, kind: 'denied', text }) as const;
    await jobs.advance(id, 'k', counts, [
      problem('k', '2', 'x'),
      problem('k', null, 'x'),
      problem('a', '1', 'x'),
    ]);
    await jobs.advance(other.id, 'k', counts, [problem('k', null, 'other')]);
    await jobs.advance(id, 'l', counts, [{ ...problem('k', null, 'y'), kind: 'conflict' }]);
    expect(await jobs.problems(id)).toEqual([
      problem('a', '1', 'x'),
      { ...problem('k', null, 'y'), kind: 'conflict' },
      problem('k', '2', 'x'),
    ]);
    expect(await jobs.problems(other.id)).toHaveLength(1);
    expect(await jobs.problems(missing)).toEqual([]);
  });
});
