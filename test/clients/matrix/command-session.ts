import { type CommandOptions, type Finished, run } from '../../support/command.js';
import type { Outcome, Steps } from './cells.js';
import { stepLimitMs } from './script-session.js';

/** Runs a program to its end. The exit code tells whether the step was done. */
export async function command(
  program: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<Outcome> {
  return outcomeOf(await run(program, args, { timeoutMs: stepLimitMs, ...options }));
}

export function outcomeOf({ code, signal, stdout, stderr }: Finished): Outcome {
  const output = `${stdout}\n${stderr}`.trim();
  if (code === 0) return { kind: 'done', output };
  return { kind: 'failed', output: output === '' ? `ended with ${signal ?? code} and no text` : output };
}

/** Runs programs one after the other and stops at the first that fails. */
export async function inTurn(...runs: readonly (() => Promise<Outcome>)[]): Promise<Outcome> {
  let last: Outcome = { kind: 'done', output: '' };
  for (const start of runs) {
    last = await start();
    if (last.kind !== 'done') return last;
  }
  return last;
}

/** A session without a connection of its own: each step starts the program again. */
export function sessionOf(steps: Partial<Steps>): Partial<Steps> & { close(): Promise<void> } {
  return { ...steps, close: async () => {} };
}
