import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openTestDatabase } from '../../../test/support/test-database.js';
import type { PageUploads } from '../../model/files-page.js';
import type { GatewayDatabase } from '../database.js';
import { createPageUploads } from './uploads.js';

const keepMs = 10 * 60 * 60 * 1000;
const hourMs = 60 * 60 * 1000;
const report = {
  username: 'bob',
  path: '/uploads/report',
  length: 10,
  mtimeSeconds: 5,
  replaces: false,
};

let directory: string;
let db: GatewayDatabase;
let nowMs: number;
let uploads: PageUploads;

beforeEach(async () => {
  nowMs = 1_000_000;
  let ids = 0;
  directory = await mkdtemp(join(tmpdir(), 'sftpgw-page-uploads-'));
  db = await openTestDatabase(join(directory, 'db'));
  const clock = { nowMs: () => nowMs, monotonicMs: () => 0, sleep: async () => undefined };
  const bytes = (length: number) => Buffer.alloc(length, ++ids);
  uploads = createPageUploads(db, keepMs, { clock, entropy: { bytes, id: () => 'id' } });
});
afterEach(async () => {
  await db.close();
  await rm(directory, { recursive: true, force: true });
});

describe('the uploads of the files page', () => {
  it('are found by their user only, the one used last first', async () => {
    const first = await uploads.create(report);
    nowMs += 1;
    const second = await uploads.create({ ...report, path: '/uploads/other' });
    expect(await uploads.find('bob', first.id)).toEqual(first);
    expect(await uploads.find('eve', first.id)).toBeNull();
    expect(await uploads.unfinished('bob')).toEqual([second, first]);
    nowMs += 1;
    await uploads.record(first.id, { isOpened: true, isDone: false });
    expect((await uploads.unfinished('bob')).map(({ id }) => id)).toEqual([first.id, second.id]);
    await uploads.record(first.id, { isOpened: true, isDone: true });
    await uploads.remove(second.id);
    expect(await uploads.unfinished('bob')).toEqual([]);
  });

  it('are forgotten if they are not resumed in time, and the finished ones after an hour', async () => {
    const left = await uploads.create(report);
    const done = await uploads.create(report);
    nowMs += keepMs / 2;
    await uploads.record(left.id, { isOpened: true, isDone: false });
    await uploads.record(done.id, { isOpened: true, isDone: true });
    nowMs += hourMs;
    await uploads.create({ ...report, username: 'alice' });
    expect(await uploads.find('bob', done.id)).toBeNull();
    nowMs += keepMs - hourMs - 1;
    expect(await uploads.find('bob', left.id)).not.toBeNull();
    nowMs += 1;
    expect(await uploads.find('bob', left.id)).toBeNull();
    expect(await uploads.unfinished('bob')).toEqual([]);
  });

  it('of one user that are not done have a bound', async () => {
    for (let count = 0; count < 200; count++) await uploads.create(report);
    await expect(uploads.create(report)).rejects.toMatchObject({ kind: 'over-quota' });
    const [last] = await uploads.unfinished('bob');
    await uploads.record(last?.id ?? '', { isOpened: true, isDone: true });
    await uploads.create({ ...report, username: 'alice' });
    await uploads.create(report);
  });
});
