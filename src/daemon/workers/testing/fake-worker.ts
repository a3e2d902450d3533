import type { Socket } from 'node:net';
import type { FromWorker, ToWorker, WorkerOptions } from '../messages.js';
import type { StartWorker, WorkerChild, WorkerExit } from '../worker-process.js';

/** A process of a supervisor that does what a test tells it to. */
export class FakeWorker implements WorkerChild {
  readonly options: WorkerOptions;
  readonly pid = 1;
  readonly received: ToWorker[] = [];
  readonly sockets: Socket[] = [];
  readonly signals: NodeJS.Signals[] = [];
  isRunning = true;
  readonly #listeners: ((message: FromWorker) => void)[] = [];
  readonly #exits: ((exit: WorkerExit) => void)[] = [];

  constructor(options: WorkerOptions) {
    this.options = options;
  }

  get slot(): number {
    return this.options.place.slot;
  }

  send(message: ToWorker, socket?: Socket): void {
    this.received.push(message);
    if (socket !== undefined) this.sockets.push(socket);
  }

  kill(signal: NodeJS.Signals): void {
    this.signals.push(signal);
    this.exit(null, signal);
  }

  onMessage(listener: (message: FromWorker) => void): void {
    this.#listeners.push(listener);
  }

  onExit(listener: (exit: WorkerExit) => void): void {
    this.#exits.push(listener);
  }

  /** The process sends a message. */
  say(message: FromWorker): void {
    for (const listener of this.#listeners) listener(message);
  }

  ready(): void {
    this.say({ kind: 'ready', bucket: 'bucket', s3Endpoint: null });
  }

  exit(code: number | null, signal: NodeJS.Signals | null = null): void {
    if (!this.isRunning) return;
    this.isRunning = false;
    for (const listener of this.#exits.splice(0)) listener({ code, signal });
  }

  /** The last lead that the process has heard of. */
  get lead(): number | null | undefined {
    const members = this.received.findLast((message) => message.kind === 'members');
    return members?.kind === 'members' ? members.lead : undefined;
  }

  has(kind: ToWorker['kind']): boolean {
    return this.received.some((message) => message.kind === kind);
  }
}

/** Starts fake processes, and keeps them in the order of their starts. */
export function fakeStarts(onStart: (worker: FakeWorker) => void = () => undefined): {
  readonly start: StartWorker;
  readonly started: FakeWorker[];
} {
  const started: FakeWorker[] = [];
  return {
    started,
    start: (options) => {
      const worker = new FakeWorker(options);
      started.push(worker);
      queueMicrotask(() => onStart(worker));
      return worker;
    },
  };
}
