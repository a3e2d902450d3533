import type { Report } from '../results/report.js';
import type { Cost } from './gateway.js';

/** The measurements with one number of users. */
export interface GrowthRow {
  readonly users: number;
  readonly loginMs: number;
  readonly memoryMib: number;
  /** Lists while the gateway was idle; null if nothing counted them. */
  readonly lists: number | null;
  /** Minutes for which the gateway was idle. */
  readonly minutes: number;
  readonly steps: Readonly<Record<StepName, Cost>>;
}

/** The steps of a measurement. `seen` ends when a change below an idle prefix is on the disk. */
export type StepName =
  | 'start'
  | 'settle'
  | 'idle'
  | 'login'
  | 'userAdd'
  | 'recoveryStatus'
  | 'doctorSample'
  | 'seen';

/** Limits of the idle CPU in seconds a minute. */
const idleCpuLimits: Readonly<Record<number, number>> = { 500: 3, 2000: 10 };
const maxListsPerMinute = 300;
const maxTurnMs = 100;
const maxCostRatio = 3;
const maxLoginRatio = 1.5;
/** Seconds until a change is seen, with and without events. */
const seenLimits = { embedded: 10, external: 300 };
/** Numbers of users whose costs are compared. */
const compared = { few: 100, many: 2000 };
const comparedSteps: readonly StepName[] = ['start', 'userAdd', 'recoveryStatus', 'doctorSample'];

/** Prints the measurements as tables, and whether they hold their limits. */
export function reportGrowth(
  kind: 'external' | 'embedded',
  rows: readonly GrowthRow[],
  report: Report,
): void {
  const names = Object.keys(rows[0]?.steps ?? {}) as StepName[];
  const minutes = rows[0]?.minutes ?? 1;
  const header = ['users', 'idle CPU, s a minute', 'LIST a minute', 'memory, MiB', 'login, ms'];
  printTable(report, `Growth with users, S3 ${kind}`, header, rows, (row) => [
    (row.steps.idle.cpuSeconds / minutes).toFixed(1),
    row.lists === null ? '-' : (row.lists / minutes).toFixed(0),
    row.memoryMib.toFixed(0),
    row.loginMs.toFixed(0),
  ]);
  const costs = names.map((name) => `${name}, s (CPU s)`);
  printTable(report, 'Time, and CPU of the gateway and the command', ['users', ...costs], rows, ({ steps }) =>
    names.map((name) => `${steps[name].seconds.toFixed(1)} (${steps[name].cpuSeconds.toFixed(1)})`),
  );
  const turns = names.map((name) => `${name}, ms (CPU ms)`);
  printTable(report, 'Longest turn of the event loop', ['users', ...turns], rows, ({ steps }) =>
    names.map((name) => `${steps[name].wallMs.toFixed(0)} (${steps[name].cpuMs.toFixed(0)})`),
  );
  for (const row of rows) reportRow(kind, row, report);
  const few = rows.find(({ users }) => users === compared.few);
  const many = rows.find(({ users }) => users === compared.many);
  if (few === undefined || many === undefined) return;
  for (const name of comparedSteps) {
    const ratio = many.steps[name].cpuSeconds / few.steps[name].cpuSeconds;
    report.ratio(`growth, ${kind}, ${name}: CPU with 2,000 users over 100`, ratio, { atMost: maxCostRatio });
  }
  const login = many.loginMs / few.loginMs;
  report.ratio(`growth, ${kind}, login: time with 2,000 users over 100`, login, { atMost: maxLoginRatio });
}

function reportRow(kind: 'external' | 'embedded', row: GrowthRow, report: Report): void {
  const { users, steps, lists, minutes } = row;
  const limit = idleCpuLimits[users];
  const name = `growth, ${kind}, ${users} users`;
  if (limit !== undefined) {
    report.ratio(`${name}: idle CPU seconds a minute`, steps.idle.cpuSeconds / minutes, { atMost: limit });
  }
  if (lists !== null) {
    report.ratio(`${name}: idle LIST a minute`, lists / minutes, { atMost: maxListsPerMinute });
  }
  report.ratio(`${name}: seconds until a change is seen`, steps.seen.seconds, { atMost: seenLimits[kind] });
  // The turn that loads the modules ends before the gateway listens.
  const { start: _start, ...listening } = steps;
  const longest = Math.max(...Object.values(listening).map(({ cpuMs }) => cpuMs));
  report.ratio(`${name}: longest turn in ms of CPU`, longest, { atMost: maxTurnMs });
}

function printTable(
  report: Report,
  title: string,
  header: readonly string[],
  rows: readonly GrowthRow[],
  cellsOf: (row: GrowthRow) => readonly string[],
): void {
  const lines = [header, header.map(() => '---')].map((cells) => `| ${cells.join(' | ')} |`);
  for (const row of rows) lines.push(`| ${[String(row.users), ...cellsOf(row)].join(' | ')} |`);
  report.print(`\n### ${title}\n\n${lines.join('\n')}\n\n`);
}
