import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { copyRoot } from '../test/support/cluster.js';
import { runOk } from '../test/support/command.js';
import { Gateway, type TestUser } from '../test/support/gateway.js';
import { PostgresServer } from '../test/support/postgres-server.js';
import { s3Targets } from '../test/support/s3-targets.js';
import { cpuSecondsOf, processTree, timedSeconds } from './measure.js';

// Measures what docs/CLUSTER.md calculates with: `node dist/bench/scale.js`. It prints the CPU time and the
// transactions for each file, the transactions of an idle node, and how many transactions PostgreSQL commits here.

const filesPerSession = 100;
const largeBytes = 512 * 1024 ** 2;
const idleSeconds = 30;
const pgbenchSeconds = 8;
/** How long a new node is busy with its start, in milliseconds. */
const settleMs = 20_000;

/** Transactions of a database: all of them, and those that wrote. */
interface Transactions {
  readonly all: number;
  readonly writing: number;
}

async function transactions(server: PostgresServer, database: string): Promise<Transactions> {
  // Only a transaction that writes gets an id. The counters of a session are reported within a second.
  await delay(1_500);
  const [row] = await server.run(
    database,
    `select xact_commit + xact_rollback as total, pg_snapshot_xmax(pg_current_snapshot())::text as next
      from pg_stat_database where datname = current_database()`,
  );
  return { all: Number(row?.['total']), writing: Number(row?.['next']) };
}

async function counted(server: PostgresServer, database: string, pid: number, work: () => Promise<unknown>) {
  const before = await transactions(server, database);
  const cpu = cpuSecondsOf(processTree(pid));
  const seconds = await timedSeconds(work);
  const used = cpuSecondsOf(processTree(pid)) - cpu;
  const after = await transactions(server, database);
  return { seconds, cpu: used, all: after.all - before.all, writing: after.writing - before.writing };
}

async function measureFiles(gateway: Gateway, user: TestUser, server: PostgresServer, database: string) {
  const small = join(gateway.work, 'small');
  mkdirSync(small);
  for (let file = 0; file < filesPerSession; file++)
    writeFileSync(join(small, `f${file}`), randomBytes(4096));
  const large = join(gateway.work, 'large');
  writeFileSync(large, randomBytes(largeBytes));
  for (const sessions of [1, 8, 32]) {
    const paths = Array.from({ length: sessions }, (_, index) => `/uploads/s${sessions}-${index}`);
    for (const path of paths) await user.sftpOk(`mkdir ${path}\nput ${small}/f0 ${path}/warm`);
    const upload = () => Promise.all(paths.map((path) => user.sftpOk(`put ${small}/* ${path}/`)));
    const { seconds, cpu, all, writing } = await counted(server, database, gateway.pid, upload);
    const files = sessions * filesPerSession;
    const each = [all / files, writing / files].map((value) => value.toFixed(2)).join(' of which writing ');
    console.log(
      `4 KiB files over ${sessions} sessions: ${(files / seconds).toFixed(0)} files/s, ${((1_000 * cpu) / files).toFixed(1)} ms of CPU, transactions for each file: ${each}`,
    );
  }
  const sent = await counted(server, database, gateway.pid, () => user.sftpOk(`put ${large} /uploads/large`));
  const read = await counted(server, database, gateway.pid, () =>
    user.sftpOk(`get /uploads/large ${large}.got`),
  );
  const perGib = ({ cpu }: { readonly cpu: number }) => ((cpu * 1024 ** 3) / largeBytes).toFixed(1);
  console.log(`CPU seconds for each GiB: ${perGib(sent)} to send, ${perGib(read)} to fetch`);
  console.log(`transactions of one large file: ${sent.all}, of which writing ${sent.writing}`);
}

async function measureIdle(
  label: string,
  { pid }: Gateway,
  server: PostgresServer,
  database: string,
): Promise<void> {
  const idle = await counted(server, database, pid, () => delay(idleSeconds * 1_000));
  // The counters are read 1.5 s before and after.
  const [all, writing] = [idle.all, idle.writing].map((each) => (each / (idleSeconds + 1.5)).toFixed(2));
  console.log(`${label}, each second: ${all} transactions, of which writing ${writing}`);
}

/** Runs pgbench with a script for some seconds, and prints the transactions per second. */
async function pgbench(server: PostgresServer, label: string, script: string): Promise<void> {
  const file = join(server.directory, 'script.sql');
  writeFileSync(file, script);
  for (const clients of [1, 8, 64]) {
    const options = ['-n', '-f', file, '-c', String(clients), '-j', '2', '-T', String(pgbenchSeconds)];
    const login = ['-h', server.directory, '-p', String(server.port), '-U', 'sftpgw', 'postgres'];
    const { stdout } = await runOk('pgbench', [...options, ...login]);
    const rate = /tps = ([\d.]+)/.exec(stdout)?.[1] ?? '?';
    console.log(`pgbench, ${label}, ${clients} clients: ${Math.round(Number(rate))} transactions/s`);
  }
}

const [target] = await s3Targets();
if (target === undefined) throw new Error('no S3 server');
const server = await PostgresServer.start({ isDurable: true, settings: ['max_connections=120'] });
const database = await server.createDatabase();
const bucket = await target.makeBucket();
const { endpoint, region, credentials } = target;
{
  const options = {
    s3: { endpoint, caFile: null, region, bucket, ...credentials },
    properties: { 'database.url': server.url(database), cluster: 'yes' },
    env: { SFTPGW_DATABASE_PASSWORD: server.password },
    logLevel: 'warn',
  };
  await using gateway = await Gateway.start(options);
  const user = await gateway.addUser('bench');
  await measureFiles(gateway, user, server, database);
  await measureIdle('one idle node', gateway, server, database);
  await using second = await Gateway.prepare(options);
  copyRoot(gateway, second);
  await second.serve();
  await delay(settleMs);
  await measureIdle('two idle nodes', gateway, server, database);
  const [connections] = await server.run(
    database,
    "select count(*) as n from pg_stat_activity where application_name = 'sftpgw'",
  );
  console.log(`connections of two idle nodes: ${String(connections?.['n'])}`);
}
await server.run('postgres', 'create table row (id bigserial primary key, content text)');
const insert = "insert into row (content) values (repeat('x', 300));";
await pgbench(server, 'one row', `begin;\n${insert}\ncommit;\n`);
await pgbench(
  server,
  'one row, one writer at a time',
  `begin;\nselect pg_advisory_xact_lock(1);\n${insert}\ncommit;\n`,
);
await server.stop();
await target.close();
