import { printable } from '../../objects/s3-url.js';
import type { TransferProgress, TreeOutcome, TreeWatcher } from '../../objects/tree-outcome.js';
import type { CommandContext } from '../command.js';
import { type ExitCode, exitCodeOf, exitCodes } from '../exit-codes.js';
import { faultOf } from '../system-faults.js';
import { ProgressLine } from '../terminal/progress.js';
import { renderBytes } from '../terminal/render.js';

export interface TreeTotals {
  readonly files: number;
  readonly bytes: number;
}

/** Reports work on many objects: progress, each failed name, and the totals at the end. */
export class TreeReport implements TreeWatcher, Disposable {
  readonly #context: CommandContext;
  readonly #what: string;
  readonly #isVerbose: boolean;
  readonly #line: ProgressLine;
  readonly #counts = { done: 0, unchanged: 0, failed: 0 };
  readonly #codes = new Set<ExitCode>();
  #bytes = 0;
  #totals: TreeTotals | null = null;

  /** `what` names the work in one word: `copied`. */
  constructor(context: CommandContext, what: string, isVerbose: boolean) {
    this.#context = context;
    this.#what = what;
    this.#isVerbose = isVerbose;
    this.#line = new ProgressLine(context.shell.terminal);
  }

  /**
   * Counts the objects during the work, to estimate the time left. Only on a terminal. Ignores
   * failures.
   */
  measure(count: () => Promise<TreeTotals>): void {
    if (this.#context.shell.terminal === null) return;
    const take = (totals: TreeTotals): void => {
      this.#totals = totals;
    };
    count().then(take, () => undefined);
  }

  took(bytes: number): void {
    this.#bytes += bytes;
    this.#show();
  }

  settled(outcome: TreeOutcome): void {
    this.#counts[outcome.kind] += 1;
    if (outcome.kind === 'failed') this.#fail(outcome.name, outcome.error);
    else if (this.#isVerbose) this.#print(outcome);
    this.#show();
  }

  /**
   * Prints the totals. After failures, sets the exit code of their kind, or 1 if the kinds differ.
   */
  finish(): void {
    const { done, unchanged, failed } = this.#counts;
    const { shell, setExitCode } = this.#context;
    this.#line.clear();
    const size = this.#bytes === 0 ? '' : ` (${renderBytes(this.#bytes)})`;
    const parts = [
      `${this.#what} ${done}${size}`,
      ...(unchanged === 0 ? [] : [`${unchanged} unchanged`]),
      ...(failed === 0 ? [] : [`${failed} failed`]),
    ];
    shell.out(parts.join(', '));
    const [code = exitCodes.failure] = this.#codes;
    if (failed > 0) setExitCode(this.#codes.size === 1 ? code : exitCodes.failure);
  }

  [Symbol.dispose](): void {
    this.#line[Symbol.dispose]();
  }

  #fail(name: string, error: unknown): void {
    const fault = faultOf(error, name);
    this.#codes.add(exitCodeOf[fault.kind]);
    this.#line.clear();
    const cause = fault.kind === 'bug' && fault.cause instanceof Error ? fault.cause.message : fault.hint;
    this.#context.shell.err(`${printable(name)}: ${printable(cause)}`);
  }

  #print({ kind, from, to }: Exclude<TreeOutcome, { kind: 'failed' }>): void {
    this.#line.clear();
    const target = to === null ? '' : ` -> ${printable(to)}`;
    this.#context.shell.out(`${kind === 'done' ? this.#what : kind}: ${printable(from)}${target}`);
  }

  #show(): void {
    const { done, unchanged, failed } = this.#counts;
    this.#line.update(this.#what, {
      files: done + unchanged + failed,
      totalFiles: this.#totals?.files ?? null,
      bytes: this.#bytes,
      totalBytes: this.#totals?.bytes ?? null,
    });
  }
}

/** Reports the progress of one object. Disposing it removes the line. */
export function reportOne({ shell }: CommandContext, what: string): Disposable & TransferProgress {
  const line = new ProgressLine(shell.terminal);
  let bytes = 0;
  let totalBytes: number | null = null;
  return {
    begin(size) {
      totalBytes = size;
    },
    took(more) {
      bytes += more;
      line.update(what, { files: 0, totalFiles: totalBytes === null ? null : 1, bytes, totalBytes });
    },
    [Symbol.dispose]: () => line[Symbol.dispose](),
  };
}
