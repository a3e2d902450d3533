import { rmSync } from 'node:fs';
import type { Stage } from '../arena.js';
import { median } from '../measure.js';
import type { Report } from '../results/report.js';
import { type Row, renderBar, renderTable } from '../table.js';
import { mirrorContenders, prefixOf, type Run } from './contenders.js';
import { measureEvents } from './events.js';
import { putMany, s3Client } from './objects.js';
import { measureUnchanged } from './unchanged.js';

const mebibyte = 2 ** 20;

/** The rounds and the numbers of objects and events to measure. */
export interface MirrorSizes {
  readonly rounds: number;
  readonly smallObjects: number;
  readonly largeObjects: number;
  readonly unchangedObjects: number;
  readonly events: number;
}

/** The max. memory of the gateway or the command, for any number of objects. */
const maxMib = 300;

/**
 * Measures the mirror. `wanted` selects the disciplines mirror-small, mirror-large, mirror-unchanged and
 * mirror-events.
 */
export async function compareMirrors(
  stage: Stage,
  sizes: MirrorSizes,
  wanted: (discipline: string) => boolean,
  report: Report,
): Promise<void> {
  const { smallObjects, largeObjects, unchangedObjects, rounds } = sizes;
  if (wanted('mirror-small')) {
    const title = `First mirror of ${smallObjects} objects of 4 KiB`;
    await firstMirrors(stage, 'small', { count: smallObjects, bytes: 4096, rounds, title, min: 1.2 }, report);
  }
  if (wanted('mirror-large')) {
    const title = `First mirror of ${largeObjects} objects of 100 MiB`;
    await firstMirrors(
      stage,
      'large',
      { count: largeObjects, bytes: 100 * mebibyte, rounds, title, min: 1.1 },
      report,
    );
  }
  if (wanted('mirror-unchanged')) {
    const arena = stage.arena('unchanged');
    const client = s3Client(arena);
    await putMany(client, arena, prefixOf('unchanged'), unchangedObjects, 64);
    client.destroy();
    const rows = await measureUnchanged(arena, 'unchanged', unchangedObjects, rounds);
    report.print(
      renderTable(
        `A pass over ${unchangedObjects} unchanged objects`,
        { label: 'objects/s', amount: unchangedObjects },
        rows,
      ),
    );
    const ratio = median(rows[0]?.seconds ?? []) / median(rows[1]?.seconds ?? []);
    report.ratio('a pass over unchanged objects: time over the bare listing', ratio, { atMost: 1.3 });
  }
  if (wanted('mirror-events')) await events(stage, sizes.events, report.print);
}

interface First {
  readonly title: string;
  readonly count: number;
  readonly bytes: number;
  readonly rounds: number;
  /** The min. rate relative to the fastest other contender. */
  readonly min: number;
}

async function firstMirrors(
  stage: Stage,
  user: string,
  { title, count, bytes, rounds, min }: First,
  report: Report,
): Promise<void> {
  const filling = stage.arena('filling');
  const client = s3Client(filling);
  await putMany(client, filling, prefixOf(user), count, bytes);
  client.destroy();
  const runs = new Map<string, Run[]>(mirrorContenders.map(({ name }) => [name, []]));
  const failures = new Map<string, string>();
  for (let round = 0; round < rounds; round += 1) {
    for (const { name, run } of mirrorContenders) {
      const arena = stage.arena('mirror');
      try {
        const one = await run(arena, user);
        runs.get(name)?.push(one);
        process.stderr.write(
          `${name}: ${one.seconds.toFixed(2)} s, on disk after ${one.durableSeconds.toFixed(2)} s\n`,
        );
      } catch (error) {
        failures.set(name, `fails: ${String(error).slice(0, 120)}`);
      }
      rmSync(arena.work, { recursive: true, force: true });
    }
  }
  const rowsOf = (seconds: (run: Run) => number): readonly Row[] =>
    mirrorContenders.map(({ name }) => ({
      name,
      seconds: (runs.get(name) ?? []).map(seconds),
      cpu: (runs.get(name) ?? []).map((run) => run.cpuSeconds),
      failure: failures.get(name) ?? null,
    }));
  const unit =
    bytes >= mebibyte
      ? { label: 'MiB/s', amount: (count * bytes) / mebibyte }
      : { label: 'objects/s', amount: count };
  const ended = rowsOf((run) => run.seconds);
  const durable = rowsOf((run) => run.durableSeconds);
  report.print(renderTable(`${title}, until the program ends`, unit, ended));
  const name = `mirror, ${bytes >= mebibyte ? 'large' : 'small'}`;
  const ratio = ratioToFastest(ended);
  report.ratio(`${name}: rate over the fastest other, which does not sync its files`, ratio, {
    atLeast: min,
  });
  report.print(
    renderTable(`${title}, until all data is on disk (after the others: \`sync -f\`)`, unit, durable),
  );
  report.ratio(`${name}, on disk: rate over the fastest other`, ratioToFastest(durable), { atLeast: min });
  const peak = Math.max(...(runs.get(mirrorContenders[0]?.name ?? '') ?? []).map((run) => run.peakMib));
  report.print(renderBar(`at most ${maxMib} MiB of memory`, peak, peak <= maxMib));
}

/** Returns the rate of the first row divided by that of the fastest other one. */
function ratioToFastest(rows: readonly Row[]): number {
  const [ours, ...others] = rows.map((row) => median(row.seconds));
  return Math.min(...others.filter((seconds) => !Number.isNaN(seconds))) / (ours ?? Number.NaN);
}

/** Runs with events, and those of them during which the user uploads. */
const eventRuns = 5;
const uploadingRuns: ReadonlySet<number> = new Set([2, 4]);

async function events(stage: Stage, count: number, print: (text: string) => void): Promise<void> {
  const milliseconds = (value: number) => `${(value * 1000).toFixed(0)} ms`;
  print(`### ${count} events, 100 a second, objects of 4 KiB\n\n`);
  print(`| run | median | 95 % within | slowest | lost | memory |\n|---|---|---|---|---|---|\n`);
  const held: boolean[] = [];
  for (let run = 1; run <= eventRuns; run += 1) {
    const isUploading = uploadingRuns.has(run);
    const user = `events${run}`;
    const { seconds, lost, peakMib } = await measureEvents(stage.arena(user), user, count, isUploading);
    const sorted = [...seconds].sort((a, b) => a - b);
    const p95 = sorted[Math.floor(sorted.length * 0.95)] ?? Number.NaN;
    held.push(p95 < 1 && lost === 0 && (isUploading || peakMib <= maxMib));
    const times = [median(sorted), p95, sorted.at(-1) ?? Number.NaN].map(milliseconds).join(' | ');
    const name = isUploading ? `${run}, during an upload` : String(run);
    print(`| ${name} | ${times} | ${lost} | ${peakMib.toFixed(0)} MiB |\n`);
  }
  const good = held.filter((one) => one).length;
  const bar = `runs of ${eventRuns} with 95 % within 1 s, nothing lost, and ${maxMib} MiB of memory without an upload`;
  print(renderBar(bar, good, good === eventRuns));
}
