import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { backgroundCall } from '../src/assembly/background-call.js';
import { systemClock, systemEntropy } from '../src/assembly/system.js';
import { createKeyUsage } from '../src/database/ledger/key-usage.js';
import { createKeyLedger } from '../src/database/ledger/ledger.js';
import { createParkedUploads } from '../src/database/ledger/parked.js';
import { createLedgerVersions } from '../src/database/ledger/versions.js';
import { createRotationJobs } from '../src/database/rotation-jobs.js';
import { openDatabase } from '../src/database/sqlite/open.js';
import type { Call } from '../src/model/call.js';
import { CustomerKey } from '../src/model/customer-key.js';
import { runRotation } from '../src/rotation/rotation.js';
import type { RotationServices } from '../src/rotation/services.js';
import { createS3ObjectStore } from '../src/s3/object-store.js';
import { createVault, type RunningVault } from '../src/vault/create-vault.js';
import type { Stage } from './arena.js';
import { type BareCopy, copyAtOnce, copyIfUnchanged, copyLarge, maxAtOnceBytes } from './bare-copies.js';
import { inParallel, median, timedSeconds } from './measure.js';
import { s3Client } from './mirror/objects.js';
import type { Arena } from './peers/peer.js';
import type { Report } from './results/report.js';
import { silent } from './silent-logger.js';
import { type Row, renderTable } from './table.js';

const mebibyte = 2 ** 20;
const parallel = 8;
/** The min. rate relative to the bare SDK, which checks nothing before or after a copy. */
const min = 0.8;

interface ObjectSet {
  readonly name: string;
  readonly title: string;
  /** The size of each object. */
  readonly bytes: readonly number[];
}

const sets: readonly ObjectSet[] = [
  { name: 'small', title: '400 objects of 64 KiB', bytes: Array.from({ length: 400 }, () => 64 * 1024) },
  { name: 'large', title: '32 objects of 16 MiB', bytes: Array.from({ length: 32 }, () => 16 * mebibyte) },
  {
    name: 'mixed',
    title: '300 objects of 4 KiB to 64 MiB, as many below 512 KiB as above',
    bytes: mixture(300, 4096, 64 * mebibyte),
  },
  {
    name: 'whole',
    title: '2,000 objects, one of 6 GiB, 300, 2 x 64, 17 and 9 MiB, the others of 4 to 64 KiB',
    bytes: [
      ...[6 * 1024, 300, 64, 64, 17, 9].map((size) => size * mebibyte),
      ...mixture(1994, 4096, 64 * 1024),
    ],
  },
];

/** All sets except `whole`, which is measured only on request because it fills a disk. */
const usualSets = sets.filter(({ name }) => name !== 'whole');
const fillBytes = 16 * mebibyte;

/** A program that re-encrypts its own objects with another key. */
interface Contender {
  readonly name: string;
  readonly prefix: string;
  readonly rekey: (prefix: string, from: CustomerKey, to: CustomerKey) => Promise<void>;
}

/** Returns sizes with evenly spread logarithms, large and small ones in turn. */
function mixture(count: number, min: number, max: number): number[] {
  const step = 103;
  return Array.from({ length: count }, (_, index) =>
    Math.round(min * (max / min) ** (((index * step) % count) / (count - 1))),
  );
}

/**
 * Compares a rotation with the SDK's bare copies of equal objects with the same parallelism. The difference
 * is the cost of checking every copy, the ledger and the job. The contenders take turns with one new key per
 * round. `only` names one set, or is `all`.
 */
export async function measureRotation(
  stage: Stage,
  rounds: number,
  only: string,
  report: Report,
): Promise<void> {
  for (const set of only === 'all' ? usualSets : sets.filter(({ name }) => name === only)) {
    await measureSet(stage.arena(`rotation-${set.name}`), set, rounds, report);
  }
}

async function measureSet(arena: Arena, set: ObjectSet, rounds: number, report: Report): Promise<void> {
  await using ours = await openOurs(arena);
  const client = s3Client(arena);
  const bare =
    (copy: BareCopy): Contender['rekey'] =>
    (prefix, from, to) =>
      inParallel(parallel, [...set.bytes.entries()], async ([index, bytes]) => {
        const object = { bucket: arena.bucket, key: prefix + nameOf(index) };
        if (bytes <= maxAtOnceBytes) await copy(client, object, from, to);
        else await copyLarge(client, object, bytes, from, to);
      });
  // The gateway is first. The SDK runs without and with protection of concurrent writes; the gateway always
  // protects them.
  const contenders: readonly Contender[] = [
    {
      name: 'sftpgw key rotate',
      prefix: `bench/${set.name}/`,
      rekey: (prefix, from, to) => rotate(ours, arena, prefix, from, to),
    },
    { name: 'bare SDK, CopyObject', prefix: `bare/${set.name}/`, rekey: bare(copyAtOnce) },
    { name: 'bare SDK, only if unchanged', prefix: `careful/${set.name}/`, rekey: bare(copyIfUnchanged) },
  ];
  const running = contenders.map((contender) => ({ ...contender, key: newKey(), seconds: [] as number[] }));
  for (const { prefix, key } of running) await fill(ours, arena, prefix, set.bytes, key);
  for (let round = 0; round < rounds; round += 1) {
    for (const one of running) {
      const next = newKey();
      one.seconds.push(await timedSeconds(() => one.rekey(one.prefix, one.key, next)));
      one.key = next;
    }
  }
  client.destroy();
  const rows = running.map(({ name, seconds }): Row => ({ name, seconds, cpu: null, failure: null }));
  const title = `Rotation of ${set.title}, ${parallel} in parallel`;
  report.print(renderTable(title, { label: 'objects/s', amount: set.bytes.length }, rows));
  const [first, ...others] = rows;
  for (const { name, seconds } of others) {
    const ratio = median(seconds) / median(first?.seconds ?? []);
    report.ratio(`rotation of ${set.name}: rate over ${name}`, ratio, { atLeast: min });
  }
}

function nameOf(index: number): string {
  return `f${String(index).padStart(4, '0')}`;
}

interface Ours extends AsyncDisposable {
  readonly vault: RunningVault;
  readonly call: Call;
  readonly services: Omit<RotationServices, 'keysOf'>;
}

async function openOurs(arena: Arena): Promise<Ours> {
  const { endpoint, caFile, region, accessKeyId, secretAccessKey } = arena;
  const clocks = { clock: systemClock, entropy: systemEntropy };
  const credentials = { accessKeyId, secretAccessKey };
  const store = createS3ObjectStore({ endpoint, caFile, region, credentials, ...clocks });
  const database = await openDatabase(join(arena.work, 'ledger.db'));
  const ledger = createKeyLedger(database, systemClock, systemEntropy);
  const parked = createParkedUploads(database, systemClock);
  const scratchDirectory = join(arena.work, 'scratch');
  const vault = createVault({ store, ledger, parked, ...clocks, scratchDirectory });
  const call = backgroundCall(new AbortController().signal, systemEntropy, silent);
  const services = {
    jobs: createRotationJobs(database, systemClock, systemEntropy),
    vault,
    store,
    versions: createLedgerVersions(database, systemClock, systemEntropy),
    usage: createKeyUsage(database, systemClock),
    clock: systemClock,
    aclOf: async () => null,
    retire: async () => undefined,
    patienceMs: 0,
  };
  return {
    vault,
    call,
    services,
    async [Symbol.asyncDispose]() {
      await vault[Symbol.asyncDispose]();
      await database.close();
      await store[Symbol.asyncDispose]();
    },
  };
}

async function fill(
  { vault, call }: Ours,
  { bucket }: Arena,
  prefix: string,
  sizes: readonly number[],
  key: CustomerKey,
): Promise<void> {
  const body = randomBytes(Math.min(fillBytes, Math.max(...sizes)));
  await inParallel(parallel, [...sizes.entries()], async ([index, bytes]) => {
    const target = {
      ref: { bucket, key: prefix + nameOf(index) },
      encryption: { kind: 'sse-c', key } as const,
      acl: null,
      actor: 'bench',
      mtimeSeconds: null,
    };
    await using writer = await vault.openUpload(call, target);
    for (let offset = 0; offset < bytes; offset += body.byteLength) {
      await writer.write(offset, [body.subarray(0, bytes - offset)]);
    }
    await writer.commit(call);
  });
}

async function rotate(
  { services, call }: Ours,
  { bucket }: Arena,
  prefix: string,
  from: CustomerKey,
  to: CustomerKey,
): Promise<void> {
  const job = await services.jobs.begin({
    username: 'bench',
    bucket,
    prefix,
    newKey: to.fingerprint,
    oldKeys: [from.fingerprint],
    versions: 'keep',
    pace: { objectsPerSecond: null, bytesPerSecond: null, parallel },
  });
  const done = await runRotation({ ...services, keysOf: async () => [to, from] }, call, job);
  if (done.counts.failed > 0) throw new Error(`${done.counts.failed} objects failed`);
}

function newKey(): CustomerKey {
  return CustomerKey.fromBytes(randomBytes(32));
}
