import type { FromWorker, ToWorker } from '../messages.js';
import { WorkerLink } from '../worker-link.js';

/** A process with its link, in a test. */
export interface LinkedWorker {
  readonly link: WorkerLink;
  /** Its messages to the supervisor. */
  readonly sent: FromWorker[];
  /** Receives a message of the supervisor. */
  readonly receive: (message: ToWorker, handle?: unknown) => void;
}

/** Processes that reach each other without a supervisor. The first slot leads. */
export class LinkedWorkers implements Disposable {
  readonly #workers = new Map<number, LinkedWorker>();

  constructor(...slots: readonly number[]) {
    for (const slot of slots) this.#workers.set(slot, this.#linked(slot, slots.length));
    this.members(slots, slots[0] ?? null);
  }

  of(slot: number): LinkedWorker {
    const worker = this.#workers.get(slot);
    if (worker === undefined) throw new Error(`no worker ${slot}`);
    return worker;
  }

  /** Tells all which processes run, and which one leads. */
  members(slots: readonly number[], lead: number | null): void {
    for (const { receive } of this.#workers.values()) receive({ kind: 'members', slots, lead });
  }

  [Symbol.dispose](): void {
    for (const { link } of this.#workers.values()) link[Symbol.dispose]();
  }

  #linked(slot: number, count: number): LinkedWorker {
    const sent: FromWorker[] = [];
    const listeners: ((message: ToWorker, handle: unknown) => void)[] = [];
    const receive = (message: ToWorker, handle?: unknown) => {
      for (const listener of listeners) listener(message, handle);
    };
    const link = new WorkerLink({ slot, count }, false, {
      send: (message) => {
        sent.push(message);
        if (message.kind !== 'post' && message.kind !== 'answer') return;
        const copy = JSON.parse(JSON.stringify(message)) as typeof message;
        queueMicrotask(() => this.#workers.get(message.to)?.receive(copy));
      },
      onMessage: (listener) => void listeners.push(listener),
    });
    return { link, sent, receive };
  }
}
