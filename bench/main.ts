import { cpus, totalmem } from 'node:os';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { buildStage, type Stage } from './arena.js';
import { measureDatabases } from './database.js';
import { compareGateways } from './gateways/compare.js';
import { type DisciplineName, disciplineNames } from './gateways/disciplines.js';
import { measureGrowth } from './growth/growth.js';
import { measureLayers } from './layers/layers.js';
import { median } from './measure.js';
import { compareMirrors, type MirrorSizes } from './mirror/compare.js';
import { versionOf } from './process.js';
import { Ratios, tolerance } from './results/ratios.js';
import { Report } from './results/report.js';
import { measureRotation } from './rotation.js';
import { type Row, renderTable } from './table.js';
import { measureTrail } from './trail.js';
import { measureTransport } from './transport.js';
import { type Files, makeFiles } from './workload.js';

const help = `npm run bench [-- --rounds 3] [--mib 1024] [--small 200] [--only PART,PART...] [--latency 25] [--save FILE]
npm run bench:check [-- the same options]

Transfers the same files with the same OpenSSH client to the same S3 server with the same customer key, through this gateway
and through its alternatives in turn. The parts are:
  small        --small files of 4 KiB over one session, also against the bare SDK
  small-eight  the same files over eight sessions at once
  small-get    their download over one session
  upload, download  one file of --mib MiB
  transport    the SSH and SFTP layers without S3
  mirror       or a part of it: mirror-small, mirror-large, mirror-unchanged, mirror-events; their sizes are
               --mirror-small 10000, --mirror-large 20, --mirror-unchanged 100000 (objects) and --mirror-events 2000
  rotation     --rotation selects small, large or mixed objects, or whole, which needs 20 GiB of disk and 20 GiB more per round
  layers       the CPU of the gateway against that of its two layers, for one file of --mib MiB
  trail        the CPU of the audit trail
  database     SQLite and PostgreSQL; with --before FILE, the program of another checkout too
  growth       a root with --users 10,100,500,2000 users: the cost of each number for an idle gateway, for logins and
               for commands; growth-embedded measures the same with the S3 server in the gateway's process
All but layers, trail, database and growth run without --only. With --latency MS, a proxy between client and gateway delays each direction by MS
milliseconds; transport is measured with and without it. --save writes the ratios to a file. bench:check compares them with
bench/results/baseline.json and fails if one is worse by more than ${100 * tolerance} %.
`;

const baseline = resolve('bench/results/baseline.json');

interface Settings {
  readonly rounds: number;
  readonly largeMib: number;
  readonly smallCount: number;
  readonly only: ReadonlySet<string>;
  /** Delay of each direction of the link between client and gateway, in ms; 0 for none. */
  readonly latencyMs: number;
  readonly mirror: MirrorSizes;
  /** The name of one set of objects for the rotation, or `all`. */
  readonly rotation: string;
  /** Numbers of users for `growth`. */
  readonly users: readonly number[];
  /** File for the ratios, or null. */
  readonly save: string | null;
  /** The `sftpgw` program of another checkout, or null. */
  readonly before: string | null;
  /** Compares the ratios with the baseline. */
  readonly check: boolean;
}

const others = [
  'transport',
  'mirror',
  'rotation',
  'layers',
  'trail',
  'database',
  'growth',
  'growth-embedded',
];
const mirrorParts = ['small', 'large', 'unchanged', 'events'].map((name) => `mirror-${name}`);
const parts: readonly string[] = [...disciplineNames, ...others, ...mirrorParts];
const usualParts = [...disciplineNames, 'transport', 'mirror', 'rotation'];

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
      only: option(usualParts.join(',')),
      save: { type: 'string' },
      before: { type: 'string' },
      check: { type: 'boolean', default: false },
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
    save: values.save ?? null,
    before: values.before ?? null,
    check: values.check,
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
    [...settings.only].some((part) => !['transport', 'growth', 'growth-embedded'].includes(part)),
  );
  const versions = describe(stage);
  print(
    `${versions.date}, ${versions.machine}, ${settings.rounds} rounds; ${versions.programs.join('; ')}\n\n`,
  );
  const ratios = new Ratios();
  const report = new Report(print, ratios);
  await transfers(stage, settings, report);
  const isWanted = (name: string) => settings.only.has('mirror') || settings.only.has(name);
  await compareMirrors(stage, settings.mirror, isWanted, report);
  for (const kind of ['external', 'embedded'] as const) {
    if (!settings.only.has(kind === 'embedded' ? 'growth-embedded' : 'growth')) continue;
    await measureGrowth(stage.arena('growth'), kind, settings.users, growthTimes, report);
  }
  if (settings.only.has('rotation')) {
    await measureRotation(stage, settings.rounds, settings.rotation, report);
  }
  if (settings.save !== null) {
    const { rounds, latencyMs, largeMib, smallCount } = settings;
    ratios.save(settings.save, { ...versions, rounds, latencyMs, largeMib, smallCount });
  }
  if (settings.check) check(ratios);
}

/** Prints the ratios that are worse than those of the baseline. If there are some, the program fails. */
function check(ratios: Ratios): void {
  const { compared, regressions } = ratios.compare(baseline);
  for (const { name, before, now } of regressions) {
    print(`- WORSE: ${name}: ${now.toFixed(2)}, before ${before.toFixed(2)}\n`);
  }
  print(`${compared} ratios compared with bench/results/baseline.json, ${regressions.length} worse\n`);
  if (regressions.length > 0 || compared === 0) process.exitCode = 1;
}

async function transfers(stage: Stage, settings: Settings, report: Report): Promise<void> {
  const { only, rounds, latencyMs, largeMib, smallCount } = settings;
  const wanted = new Set<DisciplineName>(disciplineNames.filter((name) => only.has(name)));
  if (wanted.size === 0 && !['transport', 'layers', 'trail', 'database'].some((part) => only.has(part)))
    return;
  const files = await makeFiles(stage.directory, largeMib * 1024 * 1024, smallCount);
  if (wanted.size > 0) {
    await compareGateways(stage, files, { rounds, latencyMs, wanted }, report);
  }
  if (only.has('database')) {
    await measureDatabases(stage, files, { rounds, before: settings.before }, report);
  }
  if (only.has('layers')) await measureLayers(stage, files, rounds, report);
  if (only.has('trail')) await measureTrail(stage, files, rounds, report);
  if (only.has('transport')) await transportAlone(stage, settings, files, report);
}

/** OpenSSH's client keeps 64 requests of 255 KiB in flight: the rate of an upload is at most that much per round trip. */
const clientMibInFlight = 16;

/** Returns the median rate of the first row in MiB/s. */
function rateOf(rows: readonly Row[], files: Files): number {
  return mib(files).amount / median(rows[0]?.seconds ?? []);
}

async function transportAlone(stage: Stage, settings: Settings, files: Files, report: Report): Promise<void> {
  const { rounds, latencyMs } = settings;
  const near = await measureTransport(stage.arena('transport'), files, rounds, 0);
  print(renderTable('The transport alone, upload, data discarded', mib(files), near.upload));
  report.ratio('transport, upload: rate over sshd', overSshd(near.upload), { atLeast: 1 });
  print(renderTable('The transport alone, download', mib(files), near.download));
  if (latencyMs === 0) return;
  const link = ` with ${latencyMs} ms each way`;
  const far = await measureTransport(stage.arena('transport'), files, rounds, latencyMs);
  print(renderTable(`The transport alone, upload${link}`, mib(files), far.upload));
  report.ratio(`transport, upload${link}: rate over sshd`, overSshd(far.upload), { atLeast: 2.5 });
  const bound = Math.min(rateOf(near.upload, files), clientMibInFlight / ((2 * latencyMs) / 1000));
  const kept = rateOf(far.upload, files) / bound;
  report.ratio(`transport, upload${link}: share of the possible rate`, kept, { atLeast: 0.75 });
  print(renderTable(`The transport alone, download${link}`, mib(files), far.download));
  report.ratio(`transport, download${link}: rate over sshd`, overSshd(far.download), { atLeast: 0.98 });
}

/** Returns the rate of the first row divided by that of OpenSSH's server. */
function overSshd(rows: readonly Row[]): number {
  const other = rows.find((row) => row.name === 'OpenSSH sshd');
  return median(other?.seconds ?? []) / median(rows[0]?.seconds ?? []);
}

function mib(files: Files): { label: string; amount: number } {
  return { label: 'MiB/s', amount: files.largeBytes / 1024 / 1024 };
}

function describe(stage: Stage): {
  readonly date: string;
  readonly machine: string;
  readonly programs: readonly string[];
} {
  const programs = [
    `Node ${process.versions.node}`,
    versionOf('sh', '-c', 'ssh -V 2>&1'),
    versionOf('s3fs', '--version'),
    versionOf('rclone', '--version'),
    versionOf('aws', '--version'),
    stage.s3Name,
  ];
  return {
    date: new Date().toISOString().slice(0, 10),
    machine: `${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GiB`,
    programs: programs.filter((program) => program !== null),
  };
}

function print(text: string): void {
  process.stdout.write(text);
}

await main();
