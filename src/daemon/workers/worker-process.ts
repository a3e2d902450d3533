import { type ChildProcess, fork } from 'node:child_process';
import type { Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import type { FaultKind } from '../../model/fault.js';
import type { FromWorker, ToWorker, WorkerOptions } from './messages.js';
import { workerVariable } from './messages.js';

/** Beside this file in a build (scripts/build.mjs). Tests of a checkout build it first. */
const program = new URL(
  import.meta.url.endsWith('.ts') ? '../../../dist/bin/lib/worker.js' : './worker.js',
  import.meta.url,
);

/** How a process ended: its exit code, or the signal that ended it. */
export interface WorkerExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A process that the supervisor has started. */
export interface WorkerChild {
  readonly pid: number | undefined;
  readonly isRunning: boolean;
  /** Does nothing if the process has ended. The process gets the socket, if there is one. */
  send(message: ToWorker, socket?: Socket): void;
  kill(signal: NodeJS.Signals): void;
  onMessage(listener: (message: FromWorker) => void): void;
  /** Called once. */
  onExit(listener: (exit: WorkerExit) => void): void;
}

/** Starts a process. */
export type StartWorker = (options: WorkerOptions) => WorkerChild;

/**
 * Starts the program as it is on the disk now, so that a later start runs an upgraded program. Its messages and sockets
 * go over a channel, and it ends when the channel is closed.
 */
export const startWorker: StartWorker = (options) => {
  const child = fork(fileURLToPath(program), [], {
    env: { ...process.env, [workerVariable]: JSON.stringify(options) },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  return new ForkedWorker(child);
};

class ForkedWorker implements WorkerChild {
  readonly #child: ChildProcess;

  constructor(child: ChildProcess) {
    this.#child = child;
    // The exit reports it.
    child.on('error', () => undefined);
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  send(message: ToWorker, socket?: Socket): void {
    if (this.#child.connected) this.#child.send(message, socket, {}, () => undefined);
    else socket?.destroy();
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  onMessage(listener: (message: FromWorker) => void): void {
    this.#child.on('message', (message) => listener(message as FromWorker));
  }

  onExit(listener: (exit: WorkerExit) => void): void {
    let hasEnded = false;
    const ended = (code: number | null, signal: NodeJS.Signals | null) => {
      if (!hasEnded) listener({ code, signal });
      hasEnded = true;
    };
    this.#child.once('exit', ended);
    this.#child.once('error', () => {
      if (this.#child.pid === undefined) ended(null, null);
    });
  }
}

/** A process as the supervisor knows it. */
export class Worker {
  readonly slot: number;
  readonly child: WorkerChild;
  readonly startedMs: number;
  state: 'starting' | 'ready' | 'retiring' = 'starting';
  /** Connections that it got and that have not ended. */
  connections = 0;
  aliveMs: number;
  /** Why it cannot start or continue, if it has reported it. */
  failure: { readonly kind: FaultKind; readonly text: string } | null = null;

  constructor(slot: number, child: WorkerChild, nowMs: number) {
    this.slot = slot;
    this.child = child;
    this.startedMs = nowMs;
    this.aliveMs = nowMs;
  }
}

/** A process that did not report for this long gets no connections, in milliseconds. */
const hangingMs = 4_000;

/** Returns true if the process has not reported for some seconds: its event loop does not run. */
export function isHanging({ aliveMs }: Worker, nowMs: number): boolean {
  return nowMs - aliveMs >= hangingMs;
}

/**
 * Returns the process that gets the next connection: the one with the fewest, and of these the one behind `last`.
 * Processes that hang get none while there are others. Returns null without a ready process.
 */
export function nextWorker(workers: readonly Worker[], last: number, nowMs: number): Worker | null {
  const ready = workers.filter(({ state }) => state === 'ready');
  const alive = ready.filter((worker) => !isHanging(worker, nowMs));
  const order = (worker: Worker) => (worker.slot > last ? 0 : 1);
  const [next = null] = (alive.length > 0 ? alive : ready).toSorted(
    (one, other) => one.connections - other.connections || order(one) - order(other) || one.slot - other.slot,
  );
  return next;
}
