import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { Kysely, sql } from 'kysely';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CuttingProxy } from '../../../test/support/cutting-proxy.js';
import { writeLoopbackCa } from '../../../test/support/loopback-tls.js';
import { PostgresServer, postgresMissing } from '../../../test/support/postgres-server.js';
import { commandIdentity } from '../../../test/support/test-database.js';
import { eventually } from '../../../test/support/wait.js';
import { Fault } from '../../model/fault.js';
import type { WriterIdentity } from '../cluster/writers.js';
import type { GatewayDatabase } from '../database.js';
import { createKeyLedger } from '../ledger/ledger.js';
import type { Schema } from '../schema.js';
import { clientConfig, GatewayClient, type PostgresOptions } from './connection.js';
import { GatewayDialect, PoolDriver } from './dialect.js';
import { openPostgres } from './open.js';

const skipped = postgresMissing();
let server: PostgresServer;
let directory: string;
let caFile: string;

beforeAll(async () => {
  if (skipped !== null) return;
  directory = mkdtempSync(join(tmpdir(), 'pg-test-'));
  caFile = writeLoopbackCa(directory);
  server = await PostgresServer.start();
});
afterAll(async () => {
  if (skipped !== null) return;
  await server.stop();
  rmSync(directory, { recursive: true });
});

/** Options for a connection over TCP, with a password. */
const overTcp = (database: string, changed: Partial<PostgresOptions['address']> = {}): PostgresOptions => {
  const options = server.options(database);
  return { ...options, address: { ...options.address, host: '127.0.0.1', ...changed } };
};

const row = (id: string) => ({
  id,
  bucket: 'b',
  object_key: id,
  parent_prefix: '',
  state: 'intended' as const,
  is_current: 0,
  sealed_kind: 'sse-s3' as const,
  actor: 'a',
  request_id: 'r',
  intended_ms: 1,
});
const insert = (db: GatewayDatabase, id: string) =>
  db.write((trx) => trx.insertInto('sealed_object').values(row(id)).execute());
const ids = async (db: GatewayDatabase): Promise<readonly string[]> => {
  const rows = await db.read((k) => k.selectFrom('sealed_object').select('id').orderBy('seq').execute());
  return rows.map(({ id }) => id);
};

const gateway = (digit: string, host = 'one'): WriterIdentity => ({
  kind: 'gateway',
  id: digit.repeat(16),
  host,
});

describe.skipIf(skipped !== null)('a PostgreSQL database', () => {
  it('is migrated once when several processes open it at the same time', async () => {
    const name = await server.createDatabase();
    const opened = await Promise.all(
      [1, 2, 3, 4].map(() => openPostgres(server.options(name), commandIdentity())),
    );
    await Promise.all(opened.map((db, index) => insert(db, String(index))));
    for (const db of opened) await db.close();
    const [applied] = await server.run(
      name,
      'select count(distinct name) = count(*) as once from kysely_migration',
    );
    expect(applied).toEqual({ once: true });
  });

  it('combines simultaneous writes into one commit, and undoes only the write that failed', async () => {
    const db = await openPostgres(server.options(await server.createDatabase()), commandIdentity());
    const results = await Promise.allSettled([
      insert(db, 'a'),
      db.write(async (trx) => {
        await trx.insertInto('sealed_object').values(row('undone')).execute();
        throw new Fault('conflict', 'changed my mind');
      }),
      insert(db, 'a'),
      insert(db, 'b'),
    ]);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected', 'fulfilled']);
    expect(results[1]).toMatchObject({ reason: { kind: 'conflict' } });
    expect(results[2]).toMatchObject({ reason: { kind: 'bug' } });
    expect(await ids(db)).toEqual(['a', 'b']);
    const { rows } = await db
      .read((k) => k.selectFrom('sealed_object').select('seq').execute())
      .then((all) => ({
        rows: all.length,
      }));
    expect(rows).toBe(2);
    await db.close();
  });

  it('undoes a write that fails alone, and the next one does not commit it', async () => {
    const db = await openPostgres(server.options(await server.createDatabase()), commandIdentity());
    for (const error of [new Fault('conflict', 'changed my mind'), null]) {
      const failing = db.write(async (trx) => {
        await trx.insertInto('sealed_object').values(row('undone')).execute();
        if (error !== null) throw error;
        // The second row with this id makes PostgreSQL refuse the transaction.
        await trx.insertInto('sealed_object').values(row('undone')).execute();
      });
      await expect(failing).rejects.toMatchObject({ kind: error === null ? 'bug' : 'conflict' });
    }
    await insert(db, 'next');
    expect(await ids(db)).toEqual(['next']);
    await db.close();
  });

  it('undoes the transaction of a pooled connection if its work fails, and gives the connection back', async () => {
    const options = await clientConfig(server.options(await server.createDatabase()));
    const pool = new pg.Pool({ ...options, Client: GatewayClient, max: 1 });
    const db = new Kysely<{ note: { id: number } }>({ dialect: new GatewayDialect(new PoolDriver(pool)) });
    try {
      await sql`create table note (id integer)`.execute(db);
      const add = (id: number, error: Error | null) =>
        db.transaction().execute(async (trx) => {
          await trx.insertInto('note').values({ id }).execute();
          if (error !== null) throw error;
        });
      await expect(add(1, new Error('undo'))).rejects.toThrow('undo');
      await add(2, null);
      expect(await db.selectFrom('note').selectAll().execute()).toEqual([{ id: 2 }]);
    } finally {
      await db.destroy();
    }
  });

  it('lets one transaction write at a time, in all processes', async () => {
    const name = await server.createDatabase();
    const [one, other] = [
      await openPostgres(server.options(name), commandIdentity()),
      await openPostgres(server.options(name), commandIdentity()),
    ];
    // Each write reads the number of rows and adds a row with it: two that overlap would add the same one.
    const count = (db: GatewayDatabase) =>
      db.write(async (trx) => {
        const rows = await trx.selectFrom('sealed_object').select('id').execute();
        await trx
          .insertInto('sealed_object')
          .values(row(`row ${rows.length}`))
          .execute();
      });
    await Promise.all(Array.from({ length: 40 }, (_, index) => count(index % 2 === 0 ? one : other)));
    expect(await ids(one)).toEqual(Array.from({ length: 40 }, (_, index) => `row ${index}`));
    await one.close();
    await other.close();
  });

  it('reports a server with unsafe settings, and commits durably on it', async () => {
    const name = await server.createDatabase();
    await server.run(name, `alter database ${name} set synchronous_commit = off`);
    const db = await openPostgres(server.options(name), commandIdentity());
    // The server of the tests has fsync=off.
    expect((await db.weaknesses()).map(({ setting }) => setting).sort()).toEqual([
      'fsync',
      'synchronous_commit',
    ]);
    const value = await db.write(async (trx) =>
      trx
        .selectNoFrom(({ fn, val }) => fn<string>('current_setting', [val('synchronous_commit')]).as('value'))
        .execute(),
    );
    expect(value).toEqual([{ value: 'on' }]);
    await db.close();
  });

  it('is refused if it does not store UTF-8', async () => {
    await server.run(
      'postgres',
      "create database latin encoding 'SQL_ASCII' locale_provider libc locale 'C' template template0",
    );
    await expect(openPostgres(server.options('latin'), commandIdentity())).rejects.toMatchObject({
      kind: 'unsupported',
      hint: expect.stringContaining('UTF8'),
    });
  });
});

describe.skipIf(skipped !== null)('the connection to PostgreSQL', () => {
  it('is verified: another name, an unknown authority and no TLS are refused', async () => {
    const name = await server.createDatabase();
    const open = async (address: Partial<PostgresOptions['address']>, authorities: string | null) => {
      const options = { ...overTcp(name, { isTls: true, ...address }), caFile: authorities };
      const db = await openPostgres(options, commandIdentity());
      const [used] = await db.read((k) =>
        k
          .selectFrom('pg_stat_ssl' as never)
          .select('ssl' as never)
          .where('pid' as never, '=', k.fn('pg_backend_pid') as never)
          .execute(),
      );
      await db.close();
      return used;
    };
    expect(await open({}, caFile)).toEqual({ ssl: true });
    await expect(open({}, null)).rejects.toMatchObject({
      kind: 'denied',
      hint: expect.stringContaining('database.ca.file'),
    });
    await expect(open({ host: '127.0.0.2' }, caFile)).rejects.toMatchObject({
      kind: expect.stringMatching(/denied|unavailable/),
    });
  });

  it('uses the password of each new connection, which appears in no fault', async () => {
    const name = await server.createDatabase();
    const secret = 'a-wrong-password';
    let password: string | null = secret;
    await using proxy = await CuttingProxy.start(server.port);
    const options = { ...overTcp(name, { port: proxy.port }), password: async () => password };
    const refused = await openPostgres(options, commandIdentity()).catch((error: unknown) => error);
    expect(refused).toMatchObject({ kind: 'denied' });
    expect(inspect(refused, { depth: 10 })).not.toContain(secret);
    password = null;
    await expect(openPostgres(options, commandIdentity())).rejects.toMatchObject({
      kind: 'denied',
      hint: expect.stringContaining('database.password.file'),
    });
    // The server would wait a minute for the password, and a command with it.
    await eventually('the connections are closed', () => proxy.open === 0, 10_000);
    ({ password } = server);
    await (await openPostgres(options, commandIdentity())).close();
  });

  it('does not wait for a statement longer than the limit', async () => {
    const name = await server.createDatabase();
    const db = await openPostgres(server.options(name, { statementTimeoutMs: 300 }), commandIdentity());
    const sleep = (k: Kysely<Schema>) => sql`select pg_sleep(60)`.execute(k);
    await expect(db.read(sleep)).rejects.toMatchObject({ kind: 'timed-out' });
    await expect(db.write(sleep)).rejects.toMatchObject({ kind: 'timed-out' });
    await insert(db, 'after');
    expect(await ids(db)).toEqual(['after']);
    await db.close();
  });

  it('is not described by the variables of other programs', async () => {
    process.env['PGPASSWORD'] = server.password;
    try {
      const options = { ...overTcp(await server.createDatabase()), password: async () => null };
      await expect(openPostgres(options, commandIdentity())).rejects.toMatchObject({ kind: 'denied' });
    } finally {
      delete process.env['PGPASSWORD'];
    }
  });

  it('may be lost: reads and writes wait until it is back', async () => {
    await using proxy = await CuttingProxy.start(server.port);
    const db = await openPostgres(
      overTcp(await server.createDatabase(), { port: proxy.port }),
      commandIdentity(),
    );
    await insert(db, 'before');
    proxy.cut();
    const [write, read] = [insert(db, 'during'), ids(db)];
    await eventually(
      'the write waits',
      async () => (await db.probe(AbortSignal.timeout(1_000)).catch(() => true)) === true,
    );
    proxy.restore();
    await write;
    expect(await read).toContain('before');
    expect(await ids(db)).toEqual(['before', 'during']);
    await db.close();
  });

  it('is waited for no longer than the limit, and then the database is unavailable', async () => {
    await using proxy = await CuttingProxy.start(server.port);
    const options = { ...overTcp(await server.createDatabase(), { port: proxy.port }), waitMs: 300 };
    const db = await openPostgres(options, commandIdentity());
    proxy.cut();
    const began = performance.now();
    await expect(insert(db, 'a')).rejects.toMatchObject({ kind: 'unavailable' });
    await expect(ids(db)).rejects.toMatchObject({ kind: 'unavailable' });
    expect(performance.now() - began).toBeLessThan(20_000);
    await expect(openPostgres(options, commandIdentity())).rejects.toMatchObject({ kind: 'unavailable' });
    proxy.restore();
    await insert(db, 'b');
    expect(await ids(db)).toEqual(['b']);
    await db.close();
  });

  it.each(['before commit', 'after commit'] as const)(
    'may be lost %s: the write happens exactly once',
    async (point) => {
      await using proxy = await CuttingProxy.start(server.port);
      const db = await openPostgres(
        overTcp(await server.createDatabase(), { port: proxy.port }),
        commandIdentity(),
      );
      await insert(db, 'first');
      proxy.cutAt(point);
      let runs = 0;
      const both = [
        db.write(async (trx) => {
          runs += 1;
          await trx.insertInto('sealed_object').values(row('second')).execute();
        }),
        insert(db, 'third'),
      ];
      await Promise.all(both);
      expect(proxy.cuts).toBe(1);
      expect(runs).toBe(point === 'before commit' ? 2 : 1);
      expect(await ids(db)).toEqual(['first', 'second', 'third']);
      await db.close();
    },
  );

  it('may stay lost after a commit: the fault says that the write may have succeeded', async () => {
    await using proxy = await CuttingProxy.start(server.port);
    const options = { ...overTcp(await server.createDatabase(), { port: proxy.port }), waitMs: 300 };
    const db = await openPostgres(options, commandIdentity());
    await insert(db, 'first');
    proxy.cutAt('after commit', { refusing: true });
    await expect(insert(db, 'second')).rejects.toMatchObject({
      kind: 'unavailable',
      hint: expect.stringContaining('may have succeeded'),
    });
    proxy.restore();
    expect(await ids(db)).toEqual(['first', 'second']);
    await insert(db, 'third');
    await db.close();
  });
});

describe.skipIf(skipped !== null)('the lease of a gateway', () => {
  it('keeps a second gateway away while the first one runs, and no longer', async () => {
    const options = server.options(await server.createDatabase());
    const first = await openPostgres(options, gateway('a'));
    await expect(openPostgres(options, gateway('b', 'two'))).rejects.toMatchObject({
      kind: 'conflict',
      hint: expect.stringContaining('on one uses'),
    });
    // Commands write beside it.
    const command = await openPostgres(options, commandIdentity());
    await insert(command, 'by a command');
    await command.close();
    await first.close();
    await (await openPostgres(options, gateway('b', 'two'))).close();
  });

  it('goes to the next process of the same gateway at once', async () => {
    const options = server.options(await server.createDatabase());
    const killed = await openPostgres(options, gateway('a'));
    const next = await openPostgres(options, gateway('a'));
    await insert(next, 'next');
    await expect(insert(killed, 'killed')).rejects.toMatchObject({ kind: 'conflict' });
    expect(await killed.lost).toMatchObject({ kind: 'conflict' });
    expect(await ids(next)).toEqual(['next']);
    await killed.close();
    await next.close();
  });

  it('ends when a gateway was not seen for ten seconds: then it cannot write any more', async () => {
    const name = await server.createDatabase();
    const options = server.options(name);
    const paused = await openPostgres(options, gateway('a'));
    await insert(paused, 'before');
    // As if its last sign of life were long ago. Only the clock of the database counts.
    await server.run(name, 'update database_writer set seen_ms = seen_ms - 60000');
    const next = await openPostgres(options, gateway('b', 'two'));
    await expect(insert(paused, 'late')).rejects.toMatchObject({ kind: 'conflict' });
    await insert(next, 'after');
    expect(await ids(next)).toEqual(['before', 'after']);
    await paused.close();
    await insert(next, 'still');
    await next.close();
  });
});

describe.skipIf(skipped !== null)('a PostgreSQL server that is killed', () => {
  it('keeps every acknowledged write, and the gateway continues on the next one', async () => {
    const durable = await PostgresServer.start({ isDurable: true });
    const options = { ...durable.options(await durable.createDatabase()), waitMs: 60_000 };
    const db = await openPostgres(options, gateway('a'));
    const clock = {
      nowMs: () => Date.now(),
      monotonicMs: () => performance.now(),
      sleep: async () => undefined,
    };
    let next = 0;
    const entropy = {
      bytes: (length: number) => new Uint8Array(length),
      id: () => String(next++).padStart(16, '0'),
    };
    const ledger = createKeyLedger(db, clock, entropy);
    const acknowledged: string[] = [];
    let isStopped = false;
    const lane = async (name: number): Promise<void> => {
      for (let at = 0; !isStopped; at += 1) {
        const key = `${name}/${at}`;
        const intent = {
          ref: { bucket: 'b', key },
          sealedWith: { kind: 'sse-s3' },
          actor: 'a',
          requestId: 'r',
        } as const;
        const id = await ledger.intend(intent);
        await ledger.confirm(id, {
          size: at,
          checksum: null,
          etag: key,
          versionId: null,
          mtimeSeconds: null,
        });
        acknowledged.push(key);
      }
    };
    const lanes = Promise.all([0, 1, 2, 3, 4].map(lane));
    for (const signal of ['SIGKILL', 'SIGQUIT'] as const) {
      const before = acknowledged.length;
      await eventually('writes are acknowledged', () => acknowledged.length > before + 20);
      await durable.kill(signal);
      await durable.restart();
    }
    const before = acknowledged.length;
    await eventually('writes are acknowledged again', () => acknowledged.length > before + 20);
    isStopped = true;
    await lanes;
    const rows = await db.read((k) =>
      k.selectFrom('sealed_object').select(['object_key', 'state', 'etag']).execute(),
    );
    const confirmed = rows.filter(
      ({ state, etag, object_key: key }) => state === 'confirmed' && etag === key,
    );
    // No lane was interrupted, so each acknowledged write is there once, and nothing else.
    expect(confirmed.map((each) => each.object_key).sort()).toEqual(acknowledged.sort());
    expect(rows).toHaveLength(confirmed.length);
    await db.close();
    await durable.stop();
  });
});
