/** The first and the second SIGTERM or SIGINT, as promises. */
export class StopSignals implements Disposable {
  readonly first: Promise<void>;
  readonly second: Promise<void>;
  readonly #listener: () => void;

  constructor() {
    const arrivals: (() => void)[] = [];
    this.first = new Promise((resolve) => arrivals.push(resolve));
    this.second = new Promise((resolve) => arrivals.push(resolve));
    this.#listener = () => arrivals.shift()?.();
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, this.#listener);
  }

  [Symbol.dispose](): void {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.off(signal, this.#listener);
  }
}

/**
 * Calls `report` at each SIGHUP instead of ending the process, until it is disposed. A process whose terminal is closed
 * ends as usual.
 */
export function surviveHangUps(report: () => void): Disposable {
  if (process.stdin.isTTY) return { [Symbol.dispose]: () => undefined };
  process.on('SIGHUP', report);
  return { [Symbol.dispose]: () => void process.off('SIGHUP', report) };
}
