import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PostgresServer, postgresMissing } from '../../../test/support/postgres-server.js';
import { eventually } from '../../../test/support/wait.js';
import { systemClock, systemEntropy } from '../../assembly/system.js';
import type { KeyLedger } from '../../model/ledger.js';
import { NodeRequests } from '../cluster/node-requests.js';
import { listNodes } from '../cluster/nodes.js';
import type { WriterIdentity } from '../cluster/writers.js';
import { writeLock } from '../cluster/writers.js';
import type { GatewayDatabase } from '../database.js';
import { createKeyLedger } from '../ledger/ledger.js';
import { LedgerOrphans } from '../ledger/orphans.js';
import type { PostgresOptions } from './connection.js';
import { openPostgres } from './open.js';

const skipped = postgresMissing();
let server: PostgresServer;
let name: string;
let options: PostgresOptions;

beforeAll(async () => {
  if (skipped !== null) return;
  server = await PostgresServer.start();
});
afterAll(() => server?.stop());

async function fresh(): Promise<void> {
  name = await server.createDatabase();
  options = server.options(name);
}

const identity = (digit: string, isClustered = true, kind: WriterIdentity['kind'] = 'gateway') => ({
  kind,
  id: digit.repeat(16),
  host: `host-${digit}`,
  isClustered,
  version: '1.2.3',
});
const ledgerOf = (db: GatewayDatabase): KeyLedger => createKeyLedger(db, systemClock, systemEntropy);
const intend = (db: GatewayDatabase, key: string) =>
  ledgerOf(db).intend({
    ref: { bucket: 'b', key },
    sealedWith: { kind: 'sse-s3' },
    actor: 'bob',
    requestId: 'r',
  });
/** As if a node had been paused for a minute while the others ran. Only the clock of the database counts. */
const pause = (digit: string) =>
  server.run(
    name,
    `update database_writer set seen_ms = seen_ms - 60000 where id = '${digit.repeat(16)}';
     update database_writer set steady_ms = 0`,
  );

function orphansOf(db: GatewayDatabase): LedgerOrphans {
  if (db.owner === null) throw new Error('not clustered');
  return new LedgerOrphans(db, db.owner);
}

describe.skipIf(skipped !== null)('gateways with cluster=yes', () => {
  it('write to one database, and are listed', async () => {
    await fresh();
    const [a, b] = [await openPostgres(options, identity('a')), await openPostgres(options, identity('b'))];
    await Promise.all([intend(a, 'x'), intend(b, 'y')]);
    const node = { version: '1.2.3', startedMs: expect.any(Number), seenMs: expect.any(Number) };
    expect(await listNodes(a)).toMatchObject([
      { ...node, id: 'a'.repeat(16), name: 'host-a', state: 'live' },
      { ...node, id: 'b'.repeat(16), name: 'host-b', state: 'live' },
    ]);
    await b.close();
    await pause('a');
    const command = await openPostgres(options, identity('c', true, 'command'));
    expect((await listNodes(command)).map(({ state }) => state)).toEqual(['dead', 'stopped']);
    await command.close();
    await a.close();
  });

  it('do not share it with one that has cluster=no', async () => {
    await fresh();
    const shared = await openPostgres(options, identity('a'));
    await expect(openPostgres(options, identity('b', false))).rejects.toMatchObject({
      kind: 'conflict',
      hint: expect.stringContaining('set cluster=yes to share the database'),
    });
    await shared.close();
    const alone = await openPostgres(options, identity('b', false));
    await expect(openPostgres(options, identity('a'))).rejects.toMatchObject({
      kind: 'conflict',
      hint: expect.stringContaining('set cluster=yes there and restart it'),
    });
    await alone.close();
  });

  it('share it without the setting if they are workers of one root', async () => {
    await fresh();
    const worker = (digit: string, root: string) => ({ ...identity(digit), root });
    const [a, b] = [
      await openPostgres(options, worker('a', 'root')),
      await openPostgres(options, worker('b', 'root')),
    ];
    await Promise.all([intend(a, 'x'), intend(b, 'y')]);
    for (const other of [worker('c', 'other'), identity('c'), identity('c', false)]) {
      await expect(openPostgres(options, other)).rejects.toMatchObject({ kind: 'conflict' });
    }
    await a.close();
    await b.close();
    const clustered = await openPostgres(options, identity('c'));
    await expect(openPostgres(options, worker('a', 'root'))).rejects.toMatchObject({ kind: 'conflict' });
    await clustered.close();
  });

  it('need ids of their own', async () => {
    await fresh();
    const a = await openPostgres(options, identity('a'));
    await expect(openPostgres(options, { ...identity('a'), host: 'copy' })).rejects.toMatchObject({
      kind: 'conflict',
      hint: expect.stringContaining('node-id'),
    });
    await a.close();
  });

  it('end the writes of a node that was paused, and settle them instead', async () => {
    await fresh();
    const [a, b] = [await openPostgres(options, identity('a')), await openPostgres(options, identity('b'))];
    const id = await intend(a, 'x');
    const own = await intend(b, 'y');
    expect((await orphansOf(b).claim()).pending).toEqual([]);
    await pause('a');
    expect((await orphansOf(b).claim()).pending.map((row) => row.id)).toEqual([id]);
    await expect(ledgerOf(a).abandon(id)).rejects.toMatchObject({
      kind: 'conflict',
      hint: expect.stringContaining('declared dead'),
    });
    expect(await a.lost).toMatchObject({ kind: 'conflict' });
    await ledgerOf(b).abandon(id);
    await ledgerOf(b).abandon(own);
    await a.close();
    await b.close();
  });

  it('do not wait long for one that is paused within a transaction, which then repeats its write', async () => {
    await fresh();
    const [a, b] = [await openPostgres(options, identity('a')), await openPostgres(options, identity('b'))];
    let attempts = 0;
    let hasLock = false;
    const paused = Promise.withResolvers<void>();
    const ofA = a.write(async (trx) => {
      attempts += 1;
      await trx.selectFrom('lease').select('name').execute();
      hasLock = true;
      if (attempts === 1) await paused.promise;
      return attempts;
    });
    await eventually('it has the lock', () => hasLock);
    const ids = await Promise.all(['x', 'y', 'z'].map((key) => intend(b, key)));
    expect(new Set(ids).size).toBe(3);
    paused.resolve();
    expect(await ofA).toBe(2);
    await Promise.all([a.close(), b.close()]);
  });

  it('hear of a request at once, also after a loss of the connection', async () => {
    await fresh();
    const [a, b] = [await openPostgres(options, identity('a')), await openPostgres(options, identity('b'))];
    if (a.owner === null || b.owner === null) throw new Error('not clustered');
    const [ofA, ofB] = [a, b].map((db) => {
      if (db.owner === null) throw new Error('not clustered');
      return new NodeRequests(db, db.owner, systemClock, systemEntropy);
    });
    const { owner } = a;
    let hints = 0;
    ofA?.onHint(() => {
      hints += 1;
    });
    const listeners = "select pid from pg_stat_activity where query like 'listen %'";
    for (let time = 0; time < 2; time += 1) {
      const before = hints;
      await eventually('it listens', async () => (await server.run(name, listeners)).length === 1);
      await ofB?.ask(owner, 'any', null, 10, new AbortController().signal).catch(() => undefined);
      await eventually('it hears of it', () => hints > before);
      await server.run(name, `select pg_terminate_backend(pid) from (${listeners}) as listener`);
      await eventually('it is cut off', async () => (await server.run(name, listeners)).length === 0);
    }
    await Promise.all([a.close(), b.close()]);
  });

  it('report the lock of another program, for each of several writes', async () => {
    await fresh();
    const a = await openPostgres(options, identity('a'));
    const client = await server.connect(name);
    await client.query(`select pg_advisory_lock(${writeLock})`);
    const writes = await Promise.allSettled(['x', 'y', 'z'].map((key) => intend(a, key)));
    for (const write of writes) {
      expect(write).toMatchObject({ reason: { kind: 'unavailable', message: /locked by another program/ } });
    }
    await client.end();
    await intend(a, 'later');
    await a.close();
  });

  it('settle what a node has left that stopped in order, at once', async () => {
    await fresh();
    const [a, b] = [await openPostgres(options, identity('a')), await openPostgres(options, identity('b'))];
    const id = await intend(a, 'x');
    await a.close();
    expect((await orphansOf(b).claim()).pending.map((row) => row.id)).toEqual([id]);
    await b.close();
  });

  it('settle what a command has left, and not what it writes', async () => {
    await fresh();
    const a = await openPostgres(options, identity('a'));
    const command = await openPostgres(options, identity('c', true, 'command'));
    const id = await intend(command, 'x');
    expect((await orphansOf(a).claim()).pending).toEqual([]);
    await command.close();
    expect((await orphansOf(a).claim()).pending.map((row) => row.id)).toEqual([id]);
    await a.close();
  });

  it('settle the writes of the last process of their own', async () => {
    await fresh();
    const killed = await openPostgres(options, identity('a'));
    const id = await intend(killed, 'x');
    const next = await openPostgres(options, identity('a'));
    expect((await orphansOf(next).claim()).pending.map((row) => row.id)).toEqual([id]);
    await expect(intend(killed, 'y')).rejects.toMatchObject({ kind: 'conflict' });
    await killed.close();
    await next.close();
  });

  it('end the writes of a paused gateway with cluster=no', async () => {
    await fresh();
    const alone = await openPostgres(options, identity('a', false));
    await pause('a');
    const shared = await openPostgres(options, identity('b'));
    await expect(intend(alone, 'x')).rejects.toMatchObject({ kind: 'conflict' });
    await alone.close();
    await shared.close();
  });
});
