import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openTestDatabase } from '../../../test/support/test-database.js';
import type { Clock, Entropy } from '../../model/call.js';
import type { NewPageUpload } from '../../model/files-page.js';
import type { GatewayDatabase } from '../database.js';
import { createPageSessions } from './sessions.js';
import { createPageUploads } from './uploads.js';

const minute = 60_000;
const hour = 60 * minute;
let nowMs: number;
let directory: string;
let database: GatewayDatabase;
const clock: Clock = { nowMs: () => nowMs, monotonicMs: () => nowMs, sleep: async () => undefined };
const entropy: Entropy = { bytes: (length) => randomBytes(length), id: () => randomBytes(8).toString('hex') };

beforeEach(async () => {
  nowMs = 1_800_000_000_000;
  directory = mkdtempSync(join(tmpdir(), 'sftpgw-files-page-'));
  database = await openTestDatabase(join(directory, 'db'));
});
afterEach(async () => {
  await database.close();
  rmSync(directory, { recursive: true });
});

describe('the sessions of the files page', () => {
  const limits = { idleMs: hour, maxMs: 12 * hour };
  const sessions = () => createPageSessions(database, limits, { clock, entropy });
  const login = (id: string, username = 'bob') =>
    sessions().create({ id, username, methods: 'password', credentials: 'digest' });

  it('are found by their secret alone, which is stored as a digest', async () => {
    const { session, secret } = await login('s1');
    const expected = {
      id: 's1',
      username: 'bob',
      methods: 'password',
      credentials: 'digest',
      createdMs: nowMs,
      lastUsedMs: nowMs,
    };
    expect(session).toEqual(expected);
    expect(secret).toMatch(/^[\w-]{43}$/);
    expect(await sessions().find(secret)).toEqual(expected);
    expect(await sessions().find('s1')).toBeNull();
    const rows = await database.read((db) => db.selectFrom('page_session').selectAll().execute());
    expect(JSON.stringify(rows)).not.toContain(secret);
  });

  it('end with their secret, after the idle time and after their maximum', async () => {
    const first = await login('s1');
    await sessions().end('s1');
    expect(await sessions().find(first.secret)).toBeNull();
    await sessions().end('s1');
    const { secret } = await login('s2');
    nowMs += hour - 1;
    expect(await sessions().find(secret)).not.toBeNull();
    nowMs += 1;
    expect(await sessions().find(secret)).toBeNull();
    const used = await login('s3');
    for (let passed = 0; passed < 11 * hour; passed += hour / 2) {
      nowMs += hour / 2;
      await sessions().touch('s3');
      expect(await sessions().find(used.secret)).not.toBeNull();
    }
    nowMs += hour - 1;
    expect(await sessions().find(used.secret)).not.toBeNull();
    await sessions().touch('s3');
    nowMs += 1;
    expect(await sessions().find(used.secret)).toBeNull();
  });

  it('record their use at most once a minute', async () => {
    const { secret } = await login('s1');
    await login('s2');
    const begunMs = nowMs;
    nowMs += minute - 1;
    await sessions().touch('s1');
    expect((await sessions().find(secret))?.lastUsedMs).toBe(begunMs);
    nowMs += 1;
    await sessions().touch('s1');
    expect((await sessions().find(secret))?.lastUsedMs).toBe(nowMs);
    // A short idle time needs a finer record.
    const short = createPageSessions(database, { idleMs: 1_000, maxMs: hour }, { clock, entropy });
    nowMs += 250;
    await short.touch('s1');
    expect((await sessions().find(secret))?.lastUsedMs).toBe(nowMs);
    const rows = await database.read((db) => db.selectFrom('page_session').selectAll().execute());
    expect(rows.find(({ id }) => id === 's2')?.last_used_ms).toBe(begunMs);
  });

  it('are at most 20 of a user: the one that was not used for the longest time ends', async () => {
    const secrets = new Map<string, string>();
    for (let at = 0; at < 20; at += 1) {
      nowMs += minute;
      secrets.set(`s${at}`, (await login(`s${at}`)).secret);
    }
    const other = await login('other', 'eve');
    nowMs += minute;
    await sessions().touch('s0');
    await login('s20');
    const valid = async (id: string) => (await sessions().find(secrets.get(id) ?? '')) !== null;
    expect(await Promise.all(['s0', 's1', 's2', 's19'].map(valid))).toEqual([true, false, true, true]);
    expect(await sessions().find(other.secret)).not.toBeNull();
  });

  it('of all users are at most 10,000 that have not ended', async () => {
    const row = (at: number) => ({
      id: `r${at}`,
      secret_hash: `h${at}`,
      username: `u${at}`,
      methods: 'password',
      credentials: 'x',
      created_ms: nowMs,
      last_used_ms: nowMs,
    });
    await database.write(async (trx) => {
      for (let at = 0; at < 9_999; at += 1_111) {
        const rows = Array.from({ length: 1_111 }, (_, more) => row(at + more));
        await trx.insertInto('page_session').values(rows).execute();
      }
    });
    await login('s1');
    await expect(login('s2')).rejects.toMatchObject({ kind: 'over-quota' });
    nowMs += hour;
    await login('s3');
    const { length } = await database.read((db) => db.selectFrom('page_session').select('id').execute());
    expect(length).toBe(1);
  });
});

describe('the uploads of the files page', () => {
  const keepMs = 24 * hour;
  const uploads = () => createPageUploads(database, keepMs, { clock, entropy });
  const upload = (change: Partial<NewPageUpload> = {}) =>
    uploads().create({
      username: 'bob',
      path: '/uploads/a',
      length: 10,
      mtimeSeconds: 5,
      replaces: false,
      ...change,
    });
  const state = { isOpened: true, isDone: false };

  it('are found by their user alone, with their facts', async () => {
    for (const replaces of [true, false]) {
      const made = await upload({ replaces });
      expect(made).toEqual({
        id: expect.stringMatching(/^[\w-]{22}$/),
        username: 'bob',
        path: '/uploads/a',
        length: 10,
        mtimeSeconds: 5,
        replaces,
        isOpened: false,
        isDone: false,
        usedMs: nowMs,
      });
      expect(await uploads().find('bob', made.id)).toEqual(made);
      expect(await uploads().find('eve', made.id)).toBeNull();
    }
    expect(await uploads().find('bob', 'other')).toBeNull();
  });

  it('have the state that was recorded last, and are gone once they are removed', async () => {
    const [made, other] = [await upload(), await upload()];
    for (const next of [state, { isOpened: true, isDone: true }, { isOpened: false, isDone: false }]) {
      nowMs += 1;
      await uploads().record(made.id, next);
      expect(await uploads().find('bob', made.id)).toMatchObject({ ...next, usedMs: nowMs });
    }
    await uploads().remove(made.id);
    expect(await uploads().find('bob', made.id)).toBeNull();
    expect(await uploads().find('bob', other.id)).toEqual(other);
  });

  it('are listed until they are done, the one used last first', async () => {
    const made = [];
    for (const path of ['/a', '/b', '/c']) {
      nowMs += 1;
      made.push(await upload({ path }));
    }
    await upload({ username: 'eve' });
    const paths = async () => (await uploads().unfinished('bob')).map(({ path }) => path);
    expect(await paths()).toEqual(['/c', '/b', '/a']);
    nowMs += 1;
    await uploads().record(made[0]?.id ?? '', state);
    expect(await paths()).toEqual(['/a', '/c', '/b']);
    await uploads().record(made[2]?.id ?? '', { isOpened: true, isDone: true });
    expect(await paths()).toEqual(['/a', '/b']);
  });

  it('are forgotten if they were not used, and an hour after they are done', async () => {
    const unused = await upload();
    const done = await upload();
    await uploads().record(done.id, { isOpened: true, isDone: true });
    const count = async () =>
      (await database.read((db) => db.selectFrom('page_upload').select('id').execute())).length;
    nowMs += hour - 1;
    await upload();
    expect(await count()).toBe(3);
    nowMs += 1;
    const last = await upload();
    expect(await count()).toBe(3);
    expect(await uploads().find('bob', done.id)).toBeNull();
    nowMs += keepMs - hour - 1;
    expect(await uploads().find('bob', unused.id)).not.toBeNull();
    expect(await uploads().unfinished('bob')).toHaveLength(3);
    nowMs += 1;
    expect(await uploads().find('bob', unused.id)).toBeNull();
    expect((await uploads().unfinished('bob')).map(({ id }) => id)).toContain(last.id);
    expect(await uploads().unfinished('bob')).toHaveLength(2);
    await upload();
    expect(await count()).toBe(3);
  });

  it('are at most 200 of a user that are not done', async () => {
    let last = '';
    for (let at = 0; at < 200; at += 1) last = (await upload()).id;
    await expect(upload()).rejects.toMatchObject({ kind: 'over-quota' });
    await upload({ username: 'eve' });
    await uploads().record(last, { isOpened: true, isDone: true });
    await upload();
    await expect(upload()).rejects.toMatchObject({ kind: 'over-quota' });
    expect(await uploads().unfinished('bob')).toHaveLength(200);
  });
});
