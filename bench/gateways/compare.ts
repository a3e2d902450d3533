import type { Stage } from '../arena.js';
import { startDelayProxy } from '../delay-proxy.js';
import { median } from '../measure.js';
import type { Arena, StartPeer } from '../peers/peer.js';
import { startRclone } from '../peers/rclone.js';
import { startSshdOverS3fs } from '../peers/s3fs.js';
import { startSftpgw } from '../peers/sftpgw.js';
import type { Report } from '../results/report.js';
import { renderTable } from '../table.js';
import type { Files } from '../workload.js';
import {
  awsContender,
  bareSdkContender,
  type Contender,
  type Course,
  gatewayContender,
  memoryDirectory,
} from './contenders.js';
import {
  amountOf,
  type Bar,
  barsOf,
  type DisciplineName,
  disciplineNames,
  type Runs,
  rclone,
  sshdOverS3fs,
  titleOf,
} from './disciplines.js';

export interface Comparison {
  readonly rounds: number;
  /** Delay of each direction of the link between the SFTP client and each gateway, in ms; 0 for none. */
  readonly latencyMs: number;
  readonly wanted: ReadonlySet<DisciplineName>;
}

/** The gateway is first, because the others are compared with it. */
const gateways: readonly { readonly name: string; readonly start: StartPeer }[] = [
  { name: 'sftpgw', start: (arena) => startSftpgw(arena) },
  { name: sshdOverS3fs, start: startSshdOverS3fs },
  { name: rclone, start: startRclone },
];

interface Entrant {
  readonly contender: Contender;
  readonly runs: ReadonlyMap<DisciplineName, Runs>;
}

/**
 * Runs the disciplines with all contenders in turn, so that a slow minute of the machine affects all of them, and prints
 * a table of each. All servers keep running, and idle ones are not used. None caches the content of closed files.
 */
export async function compareGateways(
  stage: Stage,
  files: Files,
  comparison: Comparison,
  report: Report,
): Promise<void> {
  using memory = memoryDirectory();
  await using started = new AsyncDisposableStack();
  const course: Course = { files, scratch: memory.path };
  const contenders = [
    ...(await startGateways(stage, course, comparison.latencyMs, started)),
    started.use(awsContender(stage.arena('aws'), course)),
    started.use(bareSdkContender(stage.arena('sdk'), course, 1)),
    started.use(bareSdkContender(stage.arena('sdk'), course, 8)),
  ];
  const entrants = contenders.map((contender): Entrant => ({ contender, runs: emptyRuns(contender) }));
  const wanted = disciplineNames.filter((name) => comparison.wanted.has(name));
  for (let round = 0; round < comparison.rounds; round += 1) {
    for (const name of wanted) {
      for (const entrant of entrants) await runOnce(entrant, name, round);
    }
  }
  for (const name of wanted) reportOn(name, entrants, files, comparison, report);
}

async function startGateways(
  stage: Stage,
  course: Course,
  latencyMs: number,
  started: AsyncDisposableStack,
): Promise<Contender[]> {
  const contenders: Contender[] = [];
  for (const { name, start } of gateways) {
    const arena: Arena = stage.arena(name.split(' ')[0] ?? name);
    const peer = started.use(await start(arena));
    const port = latencyMs === 0 ? peer.port : started.use(await startDelayProxy(peer.port, latencyMs)).port;
    contenders.push(gatewayContender(arena, { ...peer, port }, course));
  }
  return contenders;
}

function emptyRuns({ name, disciplines, usage }: Contender): ReadonlyMap<DisciplineName, Runs> {
  const taken = disciplineNames.filter((discipline) => disciplines[discipline] !== undefined);
  return new Map(
    taken.map((discipline) => [
      discipline,
      { name, seconds: [], cpu: usage === null ? null : [], failure: null },
    ]),
  );
}

/** Measures one contender once, unless it has failed in this discipline. */
async function runOnce({ contender, runs }: Entrant, name: DisciplineName, round: number): Promise<void> {
  const result = runs.get(name);
  const run = contender.disciplines[name];
  if (result === undefined || run === undefined || result.failure !== null) return;
  const before = contender.usage?.cpuSeconds() ?? 0;
  try {
    const seconds = await run(round);
    const cpu = (contender.usage?.cpuSeconds() ?? 0) - before;
    result.seconds.push(seconds);
    result.cpu?.push(cpu);
    process.stderr.write(
      `${name}, ${contender.name}: ${seconds.toFixed(2)} s${result.cpu === null ? '' : `, CPU ${cpu.toFixed(2)} s`}\n`,
    );
  } catch (error) {
    result.failure = `fails: ${String(error).trim().split('\n').at(-1)?.slice(0, 120)}`;
    process.stderr.write(`${name}, ${contender.name}: ${String(error)}\n`);
  }
}

function reportOn(
  name: DisciplineName,
  entrants: readonly Entrant[],
  files: Files,
  { latencyMs }: Comparison,
  report: Report,
): void {
  const rows = entrants.flatMap(({ contender, runs }) => {
    const found = runs.get(name);
    return found === undefined ? [] : [{ ...found, memoryMib: contender.usage?.peakMemoryMib() ?? null }];
  });
  const suffix = latencyMs === 0 ? '' : ` with ${latencyMs} ms each way`;
  report.print(renderTable(`${titleOf(name, files)}${suffix}`, amountOf(name, files), rows));
  const [own, ...others] = rows;
  if (own === undefined) return;
  for (const other of others) {
    for (const of of ['rate', 'cpu'] as const) {
      const text = `${name}${suffix}: ${of === 'rate' ? 'rate' : 'CPU'} over ${other.name}`;
      const bar = barsOf(name).find((one) => one.against === other.name && one.of === of);
      const value = ratioOf(of, own, other);
      if (bar === undefined) report.keep(text, value, of === 'rate' ? 'higher' : 'lower');
      else report.ratio(text, value, of === 'rate' ? { atLeast: bar.limit } : { atMost: bar.limit });
    }
  }
}

/** Returns the gateway's median rate or CPU divided by the other's. */
function ratioOf(of: Bar['of'], own: Runs, other: Runs): number {
  if (of === 'rate') return median(other.seconds) / median(own.seconds);
  return median(own.cpu ?? []) / median(other.cpu ?? []);
}
