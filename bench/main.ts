import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { buildStage, type Stage } from './arena.js';
import { measureGrowth } from './growth/growth.js';
import { median } from './measure.js';
import { compareMirrors, type MirrorSizes } from './mirror/compare.js';
import type { Arena, Peer, StartPeer } from './peers/peer.js';
import { startRclone } from './peers/rclone.js';
import { startSshdOverS3fs } from './peers/s3fs.js';
import { startSftpgw } from './peers/sftpgw.js';
import { timed, versionOf } from './process.js';
import { measureRotation } from './rotation.js';
import { type Row, renderBar, renderTable } from './table.js';
import { measureTransport } from './transport.js';
import { downloadLarge, type Files, makeFiles, sha256, uploadLarge, uploadSmall } from './workload.js';

const help = `npm run bench [-- --rounds 3] [--mib 1024] [--small 200] [--only upload,download,small,transport,mirror,rotation,growth]
  [--latency 25]

Transfers the same files with the same OpenSSH client to the same S3 server with the same customer key, through this gateway
and through its alternatives in turn. The mirror has the parts mirror-small, mirror-large, mirror-unchanged and mirror-events;
their sizes are --mirror-small 10000, --mirror-large 20, --mirror-unchanged 100000 (objects) and --mirror-events 2000.
The part growth builds a root with --users 10,100,500,2000 users and measures what each number costs an idle gateway.
--rotation selects small, large or mixed objects, or whole, which needs 20 GiB of disk and 20 GiB more per round.
With --latency MS, transport is measured a second time through a proxy that delays each direction by MS milliseconds.
`;

/** The measurements of a run. Contenders take turns, so that a slow minute of the machine affects all of them. */
interface Settings {
  readonly rounds: number;
  readonly largeMib: number;
  readonly smallCount: number;
  readonly only: ReadonlySet<string>;
  /** Delay of each direction of the link in the transport's second measurement, in ms; 0 for none. */
  readonly latencyMs: number;
  readonly mirror: MirrorSizes;
  /** The name of one set of objects for the rotation, or `all`. */
  readonly rotation: string;
  /** Numbers of users for `growth`. */
  readonly users: readonly number[];
}

/** The gateway is first, because the others are compared with it. */
const contenders: readonly { readonly name: string; readonly start: StartPeer }[] = [
  { name: 'sftpgw', start: startSftpgw },
  { name: 'sshd + s3fs', start: startSshdOverS3fs },
  { name: 'rclone serve sftp', start: startRclone },
];

interface Running {
  readonly arena: Arena;
  readonly peer: Peer;
  readonly runs: Record<Discipline, Runs>;
}

interface Runs {
  seconds: number[];
  cpu: number[];
  failure: string | null;
}

type Discipline = 'upload' | 'download' | 'small';

const parts = ['upload', 'download', 'small', 'transport', 'mirror', 'rotation', 'growth'].concat(
  ['small', 'large', 'unchanged', 'events'].map((name) => `mirror-${name}`),
);

/** Parses the arguments. Returns null if they only ask for help. Throws for an unknown option or part. */
function readSettings(args: string[]): Settings | null {
  const option = (fallback: string) => ({ type: 'string', default: fallback }) as const;
  const { values } = parseArgs({
    args,
    options: {
      help: { type: 'boolean', default: false },
      rounds: option('3'),
      mib: option('1024'),
      small: option('200'),
      only: option('upload,download,small,transport,mirror,rotation'),
      latency: option('0'),
      rotation: option('all'),
      users: option('10,100,500,2000'),
      'mirror-small': option('10000'),
      'mirror-large': option('20'),
      'mirror-unchanged': option('100000'),
      'mirror-events': option('2000'),
    },
  });
  if (values.help) return null;
  const only = values.only.split(',');
  const unknown = only.filter((name) => !parts.includes(name));
  if (unknown.length > 0) throw new Error(`unknown part: ${unknown.join(', ')}; see --help`);
  const rounds = Number(values.rounds);
  return {
    rounds,
    largeMib: Number(values.mib),
    smallCount: Number(values.small),
    only: new Set(only),
    latencyMs: Number(values.latency),
    rotation: values.rotation,
    users: values.users.split(',').map(Number),
    mirror: {
      rounds,
      smallObjects: Number(values['mirror-small']),
      largeObjects: Number(values['mirror-large']),
      unchangedObjects: Number(values['mirror-unchanged']),
      events: Number(values['mirror-events']),
    },
  };
}

/** The first passes over 2,000 prefixes take most of the first minute. */
const growthTimes = { settleSeconds: 60, idleSeconds: 60 };

async function main(): Promise<void> {
  const settings = readSettings(process.argv.slice(2));
  if (settings === null) return print(help);
  await using stage = await buildStage(
    [...settings.only].some((part) => !['transport', 'growth'].includes(part)),
  );
  printHeader(stage, settings);
  const wanted = (['upload', 'download', 'small'] as const).filter((name) => settings.only.has(name));
  if (wanted.length > 0 || settings.only.has('transport')) await transfers(stage, settings, wanted);
  const isWanted = (name: string) => settings.only.has('mirror') || settings.only.has(name);
  await compareMirrors(stage, settings.mirror, isWanted, print);
  if (settings.only.has('growth')) {
    const { work, identity } = stage.arena('growth');
    await measureGrowth(work, identity, settings.users, growthTimes, print);
  }
  if (settings.only.has('rotation')) {
    await measureRotation(stage, settings.rounds, settings.rotation, print);
  }
}

async function transfers(stage: Stage, settings: Settings, wanted: readonly Discipline[]): Promise<void> {
  const files = await makeFiles(stage.directory, settings.largeMib * 1024 * 1024, settings.smallCount);
  if (wanted.length > 0) await compareGateways(stage, settings, files, wanted);
  if (settings.only.has('transport')) {
    await transportAlone(stage, settings, files);
  }
}

/** OpenSSH's client keeps 64 requests of 255 KiB in flight: the rate of an upload is at most that much per round trip. */
const clientMibInFlight = 16;

/** Returns the median rate of the first row in MiB/s. */
function rateOf(rows: readonly Row[], files: Files): number {
  return mib(files).amount / median(rows[0]?.seconds ?? []);
}

async function transportAlone(stage: Stage, settings: Settings, files: Files): Promise<void> {
  const { rounds, latencyMs } = settings;
  const near = await measureTransport(stage.arena('transport'), files, rounds, 0);
  print(renderTable('The transport alone, upload, data discarded', mib(files), near.upload));
  printRatioBar('the transport alone is at least as fast as OpenSSH', near.upload, 'OpenSSH sshd', 1);
  print(renderTable('The transport alone, download', mib(files), near.download));
  if (latencyMs === 0) return;
  const far = await measureTransport(stage.arena('transport'), files, rounds, latencyMs);
  print(renderTable(`The transport alone, upload, ${latencyMs} ms each way`, mib(files), far.upload));
  printRatioBar('upload over a slow link: rate over sshd', far.upload, 'OpenSSH sshd', 2.5);
  const bound = Math.min(rateOf(near.upload, files), clientMibInFlight / ((2 * latencyMs) / 1000));
  const kept = rateOf(far.upload, files) / bound;
  print(renderBar('upload over a slow link: at least 0.75 of the possible rate', kept, kept >= 0.75));
  print(renderTable(`The transport alone, download, ${latencyMs} ms each way`, mib(files), far.download));
  printRatioBar('download over a slow link: rate over sshd', far.download, 'OpenSSH sshd', 0.98);
}

async function compareGateways(
  stage: Stage,
  settings: Settings,
  files: Files,
  wanted: readonly Discipline[],
): Promise<void> {
  const direct = emptyResults();
  const scratch = mkdtempSync('/dev/shm/sftpgw-bench-');
  const running: Running[] = [];
  try {
    for (const { name, start } of contenders) {
      const arena = stage.arena(name.split(' ')[0] ?? name);
      running.push({ arena, peer: await start(arena), runs: emptyResults() });
    }
    for (let round = 0; round < settings.rounds; round += 1) {
      for (const one of running.filter((peer) => !failed(peer))) {
        await oneRound(one, files, round, wanted, scratch);
        // A failed contender might continue to work while others are measured.
        if (failed(one)) await one.peer[Symbol.asyncDispose]();
      }
      if (wanted.includes('upload')) await directCopy(stage.arena('aws'), files, direct);
    }
  } finally {
    for (const one of running) if (!failed(one)) await one.peer[Symbol.asyncDispose]();
    rmSync(scratch, { recursive: true, force: true });
  }
  report(wanted, running, direct, files, settings);
}

function failed({ runs }: Running): boolean {
  return Object.values(runs).some(({ failure }) => failure !== null);
}

function emptyResults(): Record<Discipline, Runs> {
  const runs = (): Runs => ({ seconds: [], cpu: [], failure: null });
  return { upload: runs(), download: runs(), small: runs() };
}

/**
 * Measures one contender once. All servers keep running, and idle ones are not used. None caches the content
 * of closed files.
 */
async function oneRound(
  { arena, peer, runs }: Running,
  files: Files,
  round: number,
  wanted: readonly Discipline[],
  scratch: string,
): Promise<void> {
  const target = join(scratch, 'back.bin');
  if (wanted.includes('small'))
    await measured(runs.small, peer, () => uploadSmall(arena, peer, files, round));
  if (wanted.includes('upload') || wanted.includes('download')) {
    await measured(runs.upload, peer, () => uploadLarge(arena, peer, files));
  }
  if (!wanted.includes('download') || runs.upload.failure !== null) return;
  await measured(runs.download, peer, () => downloadLarge(arena, peer, target));
  if (runs.download.failure === null && (await sha256(target)) !== files.largeSha256) {
    runs.download.failure = 'returned other content';
  }
  rmSync(target, { force: true });
}

async function measured(runs: Runs, peer: Peer, work: () => Promise<number>): Promise<void> {
  const before = peer.cpuSeconds();
  try {
    const seconds = await work();
    runs.seconds.push(seconds);
    runs.cpu.push(peer.cpuSeconds() - before);
    process.stderr.write(
      `${peer.name}: ${seconds.toFixed(2)} s, CPU ${(peer.cpuSeconds() - before).toFixed(2)} s\n`,
    );
  } catch (error) {
    runs.failure = `fails: ${String(error).trim().split('\n').at(-1)?.slice(0, 120)}`;
    process.stderr.write(`${peer.name}: ${String(error)}\n`);
  }
}

/** Measures `aws s3 cp` without SFTP: the rate of a usual client on this network and S3 server. */
async function directCopy(arena: Arena, files: Files, results: Record<Discipline, Runs>): Promise<void> {
  const env = {
    AWS_ACCESS_KEY_ID: arena.accessKeyId,
    AWS_SECRET_ACCESS_KEY: arena.secretAccessKey,
    AWS_DEFAULT_REGION: arena.region,
    AWS_CA_BUNDLE: arena.caFile,
  };
  const key = ['--sse-c', 'AES256', '--sse-c-key', `fileb://${arena.keyFile}`];
  const object = `s3://${arena.bucket}/direct.bin`;
  const copy = (from: string, to: string) =>
    timed('aws', ['s3', 'cp', '--quiet', '--endpoint-url', arena.endpoint, ...key, from, to], { env });
  try {
    results.upload.seconds.push(await copy(files.large, object));
    results.download.seconds.push(await copy(object, join(arena.work, 'back')));
    rmSync(join(arena.work, 'back'));
  } catch (error) {
    results.upload.failure = `fails: ${String(error).slice(0, 120)}`;
  }
}

function report(
  wanted: readonly Discipline[],
  running: readonly Running[],
  direct: Record<Discipline, Runs>,
  files: Files,
  settings: Settings,
): void {
  const rowsOf = (discipline: Discipline): Row[] => [
    ...running.map(({ peer, runs }) => ({ name: peer.name, ...runs[discipline] })),
    ...(discipline === 'small' ? [] : [{ name: 'aws s3 cp, no SFTP', ...direct[discipline], cpu: null }]),
  ];
  const gibibytes = settings.largeMib / 1024;
  for (const discipline of wanted) {
    const rows = rowsOf(discipline);
    if (discipline === 'small') {
      print(
        renderTable(
          `${settings.smallCount} files of 4 KiB, one session`,
          { label: 'files/s', amount: settings.smallCount },
          rows,
        ),
      );
      printRatioBar('200 small files are at least as fast as sshd + s3fs', rows, 'sshd + s3fs', 1);
      continue;
    }
    print(
      renderTable(
        `${discipline === 'upload' ? 'Upload' : 'Download'} of ${settings.largeMib} MiB`,
        mib(files),
        rows,
      ),
    );
    printRatioBar(
      `${discipline}: rate over sshd + s3fs`,
      rows,
      'sshd + s3fs',
      discipline === 'upload' ? 1.5 : 1.2,
    );
    const cpu = median(rows[0]?.cpu ?? []) / gibibytes;
    print(renderBar(`${discipline}: at most 3.0 s of gateway CPU per GiB`, cpu, cpu <= 3));
  }
}

function printRatioBar(text: string, rows: readonly Row[], against: string, min: number): void {
  const other = rows.find((row) => row.name === against);
  const ratio = median(other?.seconds ?? []) / median(rows[0]?.seconds ?? []);
  print(renderBar(`${text}, at least ${min}`, ratio, ratio >= min));
}

function mib(files: Files): { label: string; amount: number } {
  return { label: 'MiB/s', amount: files.largeBytes / 1024 / 1024 };
}

function printHeader(stage: Stage, settings: Settings): void {
  const versions = [
    `Node ${process.versions.node}`,
    versionOf('sh', '-c', 'ssh -V 2>&1'),
    versionOf('s3fs', '--version'),
    versionOf('rclone', '--version'),
    versionOf('aws', '--version'),
    stage.s3Name,
  ];
  print(
    `${new Date().toISOString().slice(0, 10)}, ${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GiB, `,
  );
  print(`${settings.rounds} rounds; ${versions.filter((version) => version !== null).join('; ')}\n\n`);
}

function print(text: string): void {
  process.stdout.write(text);
}

await main();
