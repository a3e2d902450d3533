import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import BetterSqlite3 from 'better-sqlite3';
import { Kysely, sql } from 'kysely';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Fault } from '../model/fault.js';
import type { GatewayDatabase } from './database.js';
import { migrateToLatest } from './migrate.js';
import { migrations } from './migrations/index.js';
import { BetterSqliteDialect } from './sqlite/dialect.js';
import { sqliteFault } from './sqlite/errors.js';
import { openDatabase } from './sqlite/open.js';

let directory: string;
let path: string;
const opened: GatewayDatabase[] = [];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sftpgw-db-'));
  path = join(directory, 'state', 'sftpgw.db');
});
afterEach(async () => {
  for (const db of opened.splice(0)) await db.close();
  await rm(directory, { recursive: true, force: true });
});

async function open(): Promise<GatewayDatabase> {
  const db = await openDatabase(path);
  opened.push(db);
  return db;
}

const modeOf = async (file: string): Promise<number> => (await stat(file)).mode & 0o777;

async function pragma(db: GatewayDatabase, name: string): Promise<unknown> {
  const { rows } = await db.read((k) => sql<Record<string, unknown>>`pragma ${sql.raw(name)}`.execute(k));
  return Object.values(rows[0] ?? {})[0];
}

const row = (id: string, key = 'k') => ({
  id,
  bucket: 'b',
  object_key: key,
  parent_prefix: '',
  state: 'intended' as const,
  is_current: 0,
  sealed_kind: 'sse-s3' as const,
  actor: 'a',
  request_id: 'r',
  intended_ms: 1,
});

const insert = (db: GatewayDatabase, id: string, key?: string) =>
  db.write((trx) => trx.insertInto('sealed_object').values(row(id, key)).execute());

const ids = async (db: GatewayDatabase): Promise<readonly string[]> =>
  (await db.read((k) => k.selectFrom('sealed_object').select('id').orderBy('seq').execute())).map(
    (r) => r.id,
  );

describe('opening a database', () => {
  it('makes the file, its log and its directory private, whatever the umask', async () => {
    const umask = process.umask(0);
    try {
      await insert(await open(), '1');
    } finally {
      process.umask(umask);
    }
    expect(await modeOf(join(directory, 'state'))).toBe(0o700);
    for (const name of [path, `${path}-wal`, `${path}-shm`]) expect(await modeOf(name)).toBe(0o600);
  });

  it('syncs commits, checks foreign keys and lets writers wait for each other', async () => {
    const db = await open();
    expect(await pragma(db, 'journal_mode')).toBe('wal');
    // SQLite itself syncs before checkpoints only, and `LogFile` after each commit.
    expect(await pragma(db, 'synchronous')).toBe(1);
    expect(await pragma(db, 'foreign_keys')).toBe(1);
    expect(await pragma(db, 'busy_timeout')).toBe(5000);
  });

  it('keeps its rows when it is opened again', async () => {
    const db = await open();
    await insert(db, '1');
    await opened.splice(0)[0]?.close();
    expect(await ids(await open())).toEqual(['1']);
  });

  it('refuses a database of a newer version and leaves it unchanged', async () => {
    await (await openDatabase(path)).close();
    const newer = new BetterSqlite3(path);
    newer.prepare("insert into kysely_migration (name, timestamp) values ('0999-later', 'now')").run();
    newer.close();
    await expect(openDatabase(path)).rejects.toMatchObject({
      kind: 'unsupported',
      hint: expect.stringMatching(/newer version.*0999-later.*this one knows up to \d{4}-/),
    });
  });

  it('reports a file that is not a database as damaged', async () => {
    await (await openDatabase(path)).close();
    await writeFile(path, 'not a database at all, but long enough to be parsed '.repeat(100));
    await expect(openDatabase(path)).rejects.toMatchObject({ kind: 'corrupt' });
  });

  it('reports damage of any page as damage, at the open or at the first read', async () => {
    const db = await open();
    for (let id = 0; id < 200; id += 1) await insert(db, String(id));
    await opened.splice(0)[0]?.close();
    const whole = await readFile(path);
    const pageBytes = whole.readUInt16BE(16);
    let damaged = 0;
    for (let at = 0; at < whole.byteLength; at += pageBytes) {
      const bytes = Buffer.from(whole);
      bytes.fill(0xa5, at + (at === 0 ? 100 : 0), at + pageBytes);
      await writeFile(path, bytes);
      try {
        const found = await open();
        await ids(found);
        await insert(found, 'more');
      } catch (error) {
        expect(error, `page at ${at}`).toMatchObject({
          kind: 'corrupt',
          hint: expect.stringContaining('sftpgw ledger rebuild'),
        });
        damaged += 1;
      } finally {
        await opened.splice(0)[0]?.close();
      }
    }
    expect(damaged).toBeGreaterThan(2);
    await writeFile(path, whole.subarray(0, whole.byteLength - 3 * pageBytes - 10));
    await expect(open().then(ids)).rejects.toMatchObject({ kind: 'corrupt' });
  });

  it('creates the tables once when several connections open it in parallel', async () => {
    await Promise.all([open(), open(), open()]);
    expect(opened).toHaveLength(3);
  });
});

describe('migrating a database', () => {
  it('undoes a migration that fails', async () => {
    const sqlite = new BetterSqlite3(join(directory, 'm.db'));
    const db = new Kysely<unknown>({ dialect: new BetterSqliteDialect(sqlite) });
    const failing = {
      ...migrations,
      '0002-fails': {
        up: async (k: Kysely<unknown>) => {
          await k.schema.createTable('half').addColumn('a', 'integer').execute();
          throw new Error('the disk burns');
        },
      },
    };
    await expect(migrateToLatest(db, 'm.db', failing)).rejects.toMatchObject({ kind: 'unavailable' });
    expect(
      sqlite.prepare("select name from sqlite_master where name in ('half', 'sealed_object')").all(),
    ).toEqual([]);
    await migrateToLatest(db, 'm.db');
    expect(sqlite.prepare('select count(*) as n from sealed_object').get()).toEqual({ n: 0 });
    await db.destroy();
  });

  it('takes over overwritten and removed objects from an older database', async () => {
    const sqlite = new BetterSqlite3(join(directory, 'm.db'));
    const db = new Kysely<unknown>({ dialect: new BetterSqliteDialect(sqlite) });
    const before = Object.fromEntries(Object.entries(migrations).filter(([name]) => name < '0003'));
    await migrateToLatest(db, 'm.db', before);
    const insert = sqlite.prepare(
      `insert into sealed_object (id, bucket, object_key, parent_prefix, state, is_current, sealed_kind, actor, request_id,
         size, etag, version_id, intended_ms, settled_ms, settled_seq, removed_ms)
       values (?, 'b', ?, '', ?, ?, 'sse-s3', 'bob', 'r', 1, '"e"', ?, 1, 2, ?, ?)`,
    );
    insert.run('replaced', 'a', 'confirmed', 0, null, 1, null);
    insert.run('replacing', 'a', 'confirmed', 1, null, 2, null);
    insert.run('overlapped', 'c', 'confirmed', 0, null, 4, null);
    insert.run('overlapping', 'c', 'confirmed', 1, null, 4, null);
    insert.run('removed', 'd', 'removed', 0, null, 5, 9);
    insert.run('old version', 'e', 'confirmed', 0, 'v1', 6, null);
    insert.run('new version', 'e', 'confirmed', 1, 'v2', 7, null);
    insert.run('hidden version', 'f', 'removed', 0, 'v3', 8, 9);
    await migrateToLatest(db, 'm.db');
    const gone = sqlite.prepare('select id, gone_ms from sealed_object where gone_ms is not null').all();
    expect(gone).toEqual([
      { id: 'replaced', gone_ms: 2 },
      { id: 'removed', gone_ms: 9 },
    ]);
    await db.destroy();
  });

  it('treats checksums from an older database as CRC-32; new rows name their algorithm', async () => {
    const sqlite = new BetterSqlite3(join(directory, 'm.db'));
    const db = new Kysely<unknown>({ dialect: new BetterSqliteDialect(sqlite) });
    const before = Object.fromEntries(Object.entries(migrations).filter(([name]) => name < '0006'));
    await migrateToLatest(db, 'm.db', before);
    const insert = (checksums: string, values: string) =>
      sqlite
        .prepare(
          `insert into sealed_object (id, bucket, object_key, parent_prefix, state, is_current, sealed_kind, actor, request_id,
             size, etag, intended_ms, settled_ms, settled_seq, ${checksums})
           values (hex(randomblob(8)), 'b', hex(randomblob(8)), '', 'confirmed', 1, 'sse-s3', 'bob', 'r', 1, '"e"', 1, 2, 1, ${values})`,
        )
        .run();
    insert('crc32', '4294967295');
    insert('crc32', 'null');
    await migrateToLatest(db, 'm.db');
    insert('checksum, checksum_algorithm', "7, 'crc32c'");
    const rows = sqlite.prepare('select checksum, checksum_algorithm as a from sealed_object order by seq');
    expect(rows.all()).toEqual([
      { checksum: 4294967295, a: 'crc32' },
      { checksum: null, a: 'crc32' },
      { checksum: 7, a: 'crc32c' },
    ]);
    expect(() => insert('checksum, checksum_algorithm', "7, 'md5'")).toThrow(/CHECK/);
    await db.destroy();
  });

  it('compares text by its bytes in UTF-8', async () => {
    const db = await open();
    // U+FFFD sorts before U+10000 in UTF-8, and after it in UTF-16.
    for (const key of ['\u{10000}', '\ufffd', 'a', 'B']) await insert(db, key, key);
    const keys = await db.read((k) =>
      k.selectFrom('sealed_object').select('object_key').orderBy('object_key').execute(),
    );
    expect(keys.map((r) => r.object_key)).toEqual(['B', 'a', '\ufffd', '\u{10000}']);
  });
});

describe('writing to a database', () => {
  it('combines simultaneous writes into one commit in call order', async () => {
    const db = await open();
    const before = Number(await pragma(db, 'data_version'));
    const watcher = new BetterSqlite3(path);
    let commits = 0;
    let seen = watcher.pragma('data_version', { simple: true });
    const all = Array.from({ length: 50 }, (_, at) =>
      insert(db, String(at)).then(() => {
        const now = watcher.pragma('data_version', { simple: true });
        if (now !== seen) commits += 1;
        seen = now;
      }),
    );
    await Promise.all(all);
    watcher.close();
    expect(before).toBeGreaterThan(0);
    expect(await ids(db)).toEqual(Array.from({ length: 50 }, (_, at) => String(at)));
    expect(commits).toBe(1);
  });

  it('undoes only the write that failed', async () => {
    const db = await open();
    const results = await Promise.allSettled([
      insert(db, 'a'),
      db.write(async (trx) => {
        await trx.insertInto('sealed_object').values(row('undone')).execute();
        throw new Fault('conflict', 'changed my mind');
      }),
      insert(db, 'a'),
      insert(db, 'b'),
    ]);
    expect(results.map((result) => result.status)).toEqual([
      'fulfilled',
      'rejected',
      'rejected',
      'fulfilled',
    ]);
    expect(results[1]).toMatchObject({ reason: { kind: 'conflict' } });
    expect(results[2]).toMatchObject({ reason: { kind: 'bug' } });
    expect(await ids(db)).toEqual(['a', 'b']);
  });

  it('makes a finished write visible to other processes at once', async () => {
    const db = await open();
    await insert(db, 'durable');
    const script = `const D=require('better-sqlite3');console.log(new D(process.argv[1]).prepare('select id from sealed_object').all()[0].id)`;
    expect(execFileSync(process.execPath, ['-e', script, path], { encoding: 'utf8' }).trim()).toBe('durable');
  });

  it('rejects every write of a transaction that SQLite rolled back', async () => {
    const db = await open();
    await insert(db, 'first');
    const pages = Number(await pragma(db, 'page_count'));
    await pragma(db, `max_page_count = ${pages}`);
    const big = 'x'.repeat(100_000);
    const results = await Promise.allSettled([insert(db, 'second'), insert(db, 'third', big)]);
    expect(results[1]).toMatchObject({ status: 'rejected', reason: { kind: 'unavailable' } });
    await pragma(db, 'max_page_count = 1000000');
    const kept = results[0]?.status === 'fulfilled' ? ['first', 'second'] : ['first'];
    expect(await ids(db)).toEqual(kept);
    await insert(db, 'fourth');
    expect(await ids(db)).toEqual([...kept, 'fourth']);
  });

  it('waits for running writes before it closes', async () => {
    const db = await openDatabase(path);
    const write = insert(db, 'late');
    await db.close();
    await write;
    expect(await ids(await open())).toEqual(['late']);
  });
});

describe('faults of a database', () => {
  const error = (code: string): Error => Object.assign(new Error('x'), { code });
  it.each([
    ['SQLITE_BUSY_SNAPSHOT', 'unavailable', /locked by another program/],
    ['SQLITE_FULL', 'unavailable', /no space left/],
    ['SQLITE_IOERR_FSYNC', 'unavailable', /SQLITE_IOERR_FSYNC/],
    ['SQLITE_CORRUPT_INDEX', 'corrupt', /backup/],
    ['SQLITE_READONLY', 'denied', /permissions/],
    ['EACCES', 'denied', /permissions/],
    ['ERR_DLOPEN_FAILED', 'unavailable', /npm rebuild better-sqlite3/],
    ['SQLITE_CONSTRAINT', 'bug', /internal/],
    ['SQLITE_LOCKED', 'unavailable', /locked by another program/],
    ['ENOSPC', 'unavailable', /no space left/],
    ['SQLITE_NOTADB', 'corrupt', /backup/],
    ['SQLITE_IOERR_SHORT_READ', 'corrupt', /backup/],
    ['SQLITE_IOERR_CORRUPTFS', 'corrupt', /backup/],
    ['SQLITE_PERM', 'denied', /permissions/],
    ['SQLITE_AUTH', 'denied', /permissions/],
    ['EPERM', 'denied', /permissions/],
    ['EROFS', 'denied', /permissions/],
    ['SQLITE_CANTOPEN', 'unavailable', /cannot open, read or write/],
    ['SQLITE_PROTOCOL', 'unavailable', /SQLITE_PROTOCOL/],
    ['EIO', 'unavailable', /EIO/],
    ['NOT_SQLITE_BUSY', 'bug', /internal/],
    ['', 'bug', /internal/],
  ])('reports %s as %s', (code, kind, hint) => {
    expect(sqliteFault(error(code), '/x.db')).toMatchObject({ kind, hint: expect.stringMatching(hint) });
  });

  it('does not guess from a value that is not an error with a code', () => {
    expect(sqliteFault({ code: 'SQLITE_BUSY' }, '/x.db').kind).toBe('bug');
    expect(sqliteFault(Object.assign(new Error('x'), { code: 5 }), '/x.db').kind).toBe('bug');
    const fault = new Fault('conflict', 'x');
    expect(sqliteFault(fault, '/x.db')).toBe(fault);
  });

  it('reports a native add-on that was never built', () => {
    const missing = new Error('Could not locate the bindings file. Tried:\n → …/build/better_sqlite3.node');
    expect(sqliteFault(missing, '/x.db').hint).toContain('npm rebuild better-sqlite3');
  });
});
