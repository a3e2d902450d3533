import { renderBytes, renderDuration } from './render.js';

/** Progress of some work. Totals are null while they are unknown. */
export interface Progress {
  readonly files: number;
  readonly totalFiles: number | null;
  readonly bytes: number;
  readonly totalBytes: number | null;
}

/** A terminal that shows text on its last line. */
export interface Terminal {
  /** Present width of the window in characters. */
  readonly columns: number;
  write(text: string): void;
}

/** Time before the line appears: short work does not need it. */
const quietMs = 2_000;
const everyMs = 200;
/** Window of the rate: long enough to be steady, short enough to show that S3 has become slow. */
const rateWindowMs = 10_000;
const barCells = 20;

interface Sample {
  readonly ms: number;
  readonly files: number;
  readonly bytes: number;
}

/**
 * A line with the progress of some work: files, bytes, rate and time left. It appears after two
 * seconds, is redrawn at most five times a second, and is removed at the end. Without a terminal it
 * writes nothing.
 */
export class ProgressLine implements Disposable {
  readonly #terminal: Terminal | null;
  readonly #nowMs: () => number;
  readonly #startMs: number;
  #samples: Sample[] = [];
  #drawnMs = Number.NEGATIVE_INFINITY;
  #isShown = false;

  /** `nowMs` is a monotonic clock. */
  constructor(terminal: Terminal | null, nowMs: () => number = () => performance.now()) {
    this.#terminal = terminal;
    this.#nowMs = nowMs;
    this.#startMs = nowMs();
  }

  /**
   * Updates the line. Callers may call it at every change. `what` names the work in one or two
   * words.
   */
  update(what: string, progress: Progress): void {
    if (this.#terminal === null) return;
    const ms = this.#nowMs();
    if (ms - this.#drawnMs < everyMs) return;
    this.#drawnMs = ms;
    const { files, bytes } = progress;
    const last = this.#samples.at(-1);
    // Another piece of work has started.
    if (last !== undefined && (files < last.files || bytes < last.bytes)) this.#samples = [];
    this.#samples.push({ ms, files, bytes });
    while ((this.#samples[1]?.ms ?? ms) <= ms - rateWindowMs) this.#samples.shift();
    if (ms - this.#startMs < quietMs) return;
    const text = renderProgress(what, progress, this.#rates(), this.#terminal.columns);
    this.#terminal.write(`\r\x1b[K${text}`);
    this.#isShown = true;
  }

  /** Removes the line, so that other text can be written. The next update draws it again. */
  clear(): void {
    if (this.#isShown) this.#terminal?.write('\r\x1b[K');
    this.#isShown = false;
    this.#drawnMs = Number.NEGATIVE_INFINITY;
  }

  [Symbol.dispose](): void {
    this.clear();
  }

  #rates(): Rates {
    const first = this.#samples[0];
    const last = this.#samples.at(-1);
    const seconds = first === undefined || last === undefined ? 0 : (last.ms - first.ms) / 1000;
    if (first === undefined || last === undefined || seconds === 0) return { files: 0, bytes: 0 };
    return { files: (last.files - first.files) / seconds, bytes: (last.bytes - first.bytes) / seconds };
  }
}

/** Rates per second. */
interface Rates {
  readonly files: number;
  readonly bytes: number;
}

/** Returns the text of the line, cut to `columns` so that it never wraps. */
export function renderProgress(what: string, progress: Progress, rates: Rates, columns: number): string {
  const { files, totalFiles } = progress;
  const done = fractionDone(progress);
  const parts = [
    what,
    ...(done === null ? [] : [`${bar(done)} ${Math.floor(done * 100)} %`]),
    `${totalFiles === null ? files : `${files} of ${totalFiles}`} files`,
    ...bytesAndRate(progress, rates),
    ...timeLeft(progress, rates),
  ];
  // The last column stays free: some terminals wrap as soon as it is used.
  return parts.join('  ').slice(0, Math.max(0, columns - 1));
}

/** Returns nothing if bytes are not counted. */
function bytesAndRate({ bytes, totalBytes }: Progress, rates: Rates): readonly string[] {
  if (totalBytes === null && bytes === 0) return [];
  const done =
    totalBytes === null ? renderBytes(bytes) : `${renderBytes(bytes)} of ${renderBytes(totalBytes)}`;
  return [done, `${renderBytes(rates.bytes)}/s`];
}

/** Returns the fraction of the work that is done; null if the totals are unknown. */
function fractionDone({ files, totalFiles, bytes, totalBytes }: Progress): number | null {
  if (totalFiles === null || totalBytes === null) return null;
  // Each file also has a fixed cost, about that of `fileCostBytes` bytes.
  const whole = totalBytes + totalFiles * fileCostBytes;
  return whole === 0 ? null : Math.min(1, (bytes + files * fileCostBytes) / whole);
}

const fileCostBytes = 64 * 1024;

function timeLeft(progress: Progress, rates: Rates): readonly string[] {
  const { files, totalFiles, bytes, totalBytes } = progress;
  const rate = rates.bytes + rates.files * fileCostBytes;
  if (totalFiles === null || totalBytes === null || rate <= 0) return [];
  const left = Math.max(0, totalBytes - bytes) + Math.max(0, totalFiles - files) * fileCostBytes;
  return [`${renderDuration((left / rate) * 1000)} left`];
}

function bar(done: number): string {
  const full = Math.round(done * barCells);
  return `[${'#'.repeat(full)}${'-'.repeat(barCells - full)}]`;
}
