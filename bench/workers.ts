import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Gateway, type TestUser } from '../test/support/gateway.js';
import { s3Targets } from '../test/support/s3-targets.js';
import { cpuSecondsOf, median, processTree, timedSeconds } from './measure.js';

// Compares one and two workers: `node dist/bench/workers.js [ROUNDS]`. The S3 server runs in this process, and the
// clients on the same machine, so the ratio is lower than with more cores.

const rounds = Number(process.argv[2] ?? 5);
const sessions = 8;
const filesPerSession = 50;
const largeBytes = 384 * 1024 ** 2;

interface Run {
  readonly smallPerSecond: number;
  readonly smallCpuMs: number;
  readonly largeMibPerSecond: number;
  readonly largeCpuPerGib: number;
}

const [target] = await s3Targets();
if (target === undefined) throw new Error('no S3 server');

async function measured(work: () => Promise<unknown>, pid: number) {
  const cpu = cpuSecondsOf(processTree(pid));
  const seconds = await timedSeconds(work);
  return { seconds, cpu: cpuSecondsOf(processTree(pid)) - cpu };
}

function makeFiles(gateway: Gateway): { readonly small: string; readonly large: string } {
  const small = join(gateway.work, 'small');
  mkdirSync(small);
  for (let file = 0; file < filesPerSession; file++)
    writeFileSync(join(small, `f${file}`), randomBytes(4096));
  const large = join(gateway.work, 'large');
  writeFileSync(large, randomBytes(largeBytes));
  return { small, large };
}

async function run(workers: number): Promise<Run> {
  const bucket = await target?.makeBucket();
  const { endpoint = '', region = '', credentials } = target ?? {};
  if (bucket === undefined || credentials === undefined) throw new Error('no bucket');
  await using gateway = await Gateway.start({
    s3: { endpoint, caFile: null, region, bucket, ...credentials },
    properties: { workers: String(workers) },
    logLevel: 'warn',
  });
  const user: TestUser = await gateway.addUser('bench');
  const { small, large } = makeFiles(gateway);
  const each = (count: number, batch: (index: number) => string) =>
    Promise.all(Array.from({ length: count }, (_, index) => user.sftpOk(batch(index))));
  await each(sessions, (index) => `mkdir /uploads/s${index}\nput ${small}/f0 /uploads/s${index}/warm`);
  const ofSmall = await measured(
    () => each(sessions, (index) => `put ${small}/* /uploads/s${index}/`),
    gateway.pid,
  );
  const ofLarge = await measured(
    () => each(2, (index) => `put ${large} /uploads/large${index}`),
    gateway.pid,
  );
  const files = sessions * filesPerSession;
  return {
    smallPerSecond: files / ofSmall.seconds,
    smallCpuMs: (1000 * ofSmall.cpu) / files,
    largeMibPerSecond: (2 * largeBytes) / 1024 ** 2 / ofLarge.seconds,
    largeCpuPerGib: ofLarge.cpu / ((2 * largeBytes) / 1024 ** 3),
  };
}

const runs = new Map<number, Run[]>([
  [1, []],
  [2, []],
]);
for (let round = 0; round < rounds; round++) {
  // Alternates the order, because the machine changes meanwhile.
  for (const workers of round % 2 === 0 ? [1, 2] : [2, 1]) {
    const result = await run(workers);
    runs.get(workers)?.push(result);
    console.log(workers, JSON.stringify(result));
  }
}
for (const name of ['smallPerSecond', 'smallCpuMs', 'largeMibPerSecond', 'largeCpuPerGib'] as const) {
  const [one, two] = [1, 2].map((workers) => median((runs.get(workers) ?? []).map((run) => run[name])));
  console.log(`${name}: ${one?.toFixed(1)} ${two?.toFixed(1)} ratio ${((two ?? 0) / (one ?? 1)).toFixed(2)}`);
}
await target.close();
