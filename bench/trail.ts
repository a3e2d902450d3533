import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Stage } from './arena.js';
import { median } from './measure.js';
import type { Arena, Peer } from './peers/peer.js';
import { mainScript, startSftpgw } from './peers/sftpgw.js';
import type { Report } from './results/report.js';
import { type Files, uploadSmall } from './workload.js';

/** An import of the trail starts within 0.9 s after an event. Its CPU counts as that of the round. */
const importMs = 1_500;
const maxRatio = 1.03;

interface Gateway {
  readonly name: string;
  readonly arena: Arena;
  readonly peer: Peer;
  readonly cpuMs: number[];
}

/**
 * Measures the share of the audit trail in the CPU of uploads of 4 KiB. Two gateways take turns: one records events, in the
 * other the recorder does nothing.
 */
export async function measureTrail(
  stage: Stage,
  files: Files,
  rounds: number,
  report: Report,
): Promise<void> {
  await using started = new AsyncDisposableStack();
  const start = async (name: string, environment: Readonly<Record<string, string>>): Promise<Gateway> => {
    const arena = stage.arena(name);
    return { name, arena, peer: started.use(await startSftpgw(arena, { environment })), cpuMs: [] };
  };
  const on = await start('trail', {});
  const off = await start('no-trail', { NODE_OPTIONS: `--import=${withoutTrail}` });
  // The first round of a program also compiles its code.
  for (let round = -1; round < rounds; round += 1) {
    const turns = round % 2 === 0 ? [on, off] : [off, on];
    for (const gateway of turns) await measureRound(gateway, files, round);
  }
  if (!hasTrail(on) || hasTrail(off)) throw new Error('the trail was not replaced in one gateway only');
  const share = sum(on.cpuMs) / sum(off.cpuMs) - 1;
  const paired = on.cpuMs.map((cpuMs, round) => cpuMs / (off.cpuMs[round] ?? Number.NaN) - 1);
  report.print(
    `### The audit trail, ${files.smallCount} files of 4 KiB in one session, ${rounds} rounds\n\n`,
  );
  report.print('| what | CPU per file, ms, median (min to max) |\n|---|---|\n');
  report.print(`| with the trail | ${summary(on.cpuMs)} |\n| without | ${summary(off.cpuMs)} |\n\n`);
  report.print(
    `Share of all rounds together ${percent(share)}; of the rounds in pairs: median ${percent(median(paired))}, standard error ${percent(standardError(paired))}.\n`,
  );
  report.ratio('trail: CPU with it over without', 1 + share, { atMost: maxRatio });
}

async function measureRound(
  { name, arena, peer, cpuMs }: Gateway,
  files: Files,
  round: number,
): Promise<void> {
  const before = peer.cpuSeconds();
  await uploadSmall(arena, peer, files, { name: `${name}-${round}`, sessions: 1 });
  await delay(importMs);
  const used = ((peer.cpuSeconds() - before) * 1000) / files.smallCount;
  if (round < 0) return;
  cpuMs.push(used);
  process.stderr.write(`${name}: ${used.toFixed(2)} ms of CPU per file\n`);
}

function hasTrail({ arena }: Gateway): boolean {
  const search = [
    'audit',
    '--root',
    join(arena.work, 'root'),
    '--action',
    'file.write',
    '--limit',
    '1',
    '--json',
  ];
  return execFileSync(process.execPath, [mainScript, ...search], { encoding: 'utf8' }).includes('file.write');
}

/**
 * A module that Node.js loads before the gateway: it replaces the recorder's methods when the gateway's code is loaded.
 * The gateway has no setting for this, since a trail that can be turned off proves nothing.
 */
const withoutTrail = `data:text/javascript,${encodeURIComponent(`
import { registerHooks } from 'node:module';
registerHooks({
  load(url, context, next) {
    const loaded = next(url, context);
    const source = loaded.source === null || loaded.source === undefined ? '' : String(loaded.source);
    if (!source.includes('audit trail can be written again')) return loaded;
    if (!/\\bTrailRecorder = class\\b/.test(source)) throw new Error('the recorder of the trail is not found');
    const silent = 'TrailRecorder.prototype.record = TrailRecorder.prototype.requireWritable = () => {};';
    return { ...loaded, source: source + '\\n' + silent };
  },
});
`)}`;

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function standardError(values: readonly number[]): number {
  const mean = sum(values) / values.length;
  const variance = sum(values.map((value) => (value - mean) ** 2)) / (values.length - 1);
  return Math.sqrt(variance / values.length);
}

function summary(values: readonly number[]): string {
  return `${median(values).toFixed(2)} (${Math.min(...values).toFixed(2)} to ${Math.max(...values).toFixed(2)})`;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
