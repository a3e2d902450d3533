import { type TransferListItem, Worker } from 'node:worker_threads';
import type { DiskAnswers, DiskTask } from './disk-tasks.js';

/** Beside this file: as TypeScript in a checkout's tests, as JavaScript in a build (scripts/build.mjs). */
const program = new URL(
  import.meta.url.endsWith('.ts') ? './disk-thread.ts' : './disk-thread.js',
  import.meta.url,
);

interface Pending {
  resolve(answer: unknown): void;
  reject(error: Error): void;
}

/**
 * Runs file calls on a thread of its own, with the system's plain calls and many per message. A call through Node's thread pool costs
 * the main thread more than the call itself, and a sync would hold one of its four threads. The thread starts with the first task.
 */
export class DiskWorker implements AsyncDisposable {
  readonly #name: string;
  #thread: Worker | null = null;
  /** In the order of their messages: the thread answers in that order. */
  readonly #pending: Pending[] = [];
  #isClosed = false;

  /** `name` appears in a debugger. */
  constructor(name: string) {
    this.#name = name;
  }

  /** Sends one task and returns its answer. Rejects if the worker is disposed or its thread dies. */
  run<T extends DiskTask>(
    task: T,
    transfer: readonly TransferListItem[] = [],
  ): Promise<DiskAnswers[T['kind']]> {
    return new Promise((resolve, reject) => {
      if (this.#isClosed) {
        reject(closedError());
        return;
      }
      this.#pending.push({ resolve: (answer) => resolve(answer as DiskAnswers[T['kind']]), reject });
      this.#thread ??= this.#start();
      this.#thread.ref();
      this.#thread.postMessage(task, transfer);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    await this.#thread?.terminate();
    this.#fail(closedError());
  }

  #start(): Worker {
    const thread = new Worker(program, { name: this.#name });
    thread.on('message', (answer: unknown) => {
      this.#pending.shift()?.resolve(answer);
      if (this.#pending.length === 0) thread.unref();
    });
    thread.on('error', (error: Error) => {
      if (this.#thread === thread) this.#thread = null;
      this.#fail(error);
    });
    return thread;
  }

  #fail(error: Error): void {
    for (const { reject } of this.#pending.splice(0)) reject(error);
  }
}

function closedError(): Error {
  return new Error('the disk thread was closed');
}
