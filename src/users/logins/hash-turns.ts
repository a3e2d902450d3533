import { Fault } from '../../model/fault.js';

/** Each hash takes 32 MiB and one of libuv's four threads. File operations need the others. */
const maxRunning = 2;
/** Attempts of one source that wait. Further ones are refused as `busy`. */
export const maxWaitingPerSource = 2;
/** Bound of memory and of the longest wait. */
export const maxWaiting = 64;

interface Waiting {
  readonly start: () => void;
  readonly refuse: (fault: Fault) => void;
}

/**
 * The turns of password hashes. The sources of attempts take turns one after another, however many
 * attempts each of them makes.
 */
export class HashTurns {
  /** The attempts that wait, by source. A source that had a turn goes to the end. */
  readonly #queues = new Map<string, Waiting[]>();
  #running = 0;
  #waiting = 0;

  /**
   * Resolves when the turn has come, to the function that ends it. `source` is a name of
   * `sourceOf`. Rejects with `throttled` if too many wait, and with `cancelled` if `signal` aborts.
   */
  async take(source: string, signal?: AbortSignal): Promise<() => void> {
    if (signal?.aborted === true) throw cancelled();
    if (this.#running >= maxRunning) await this.#wait(source, signal);
    else this.#running += 1;
    let isEnded = false;
    return () => {
      if (isEnded) return;
      isEnded = true;
      this.#startNext();
    };
  }

  #wait(source: string, signal: AbortSignal | undefined): Promise<void> {
    const queue = this.#queues.get(source) ?? [];
    if (queue.length >= maxWaitingPerSource) throw busy();
    if (this.#waiting >= maxWaiting && (queue.length > 0 || !this.#makeRoom())) throw busy();
    return new Promise<void>((resolve, reject) => {
      const abort = () => {
        this.#remove(source, waiting);
        reject(cancelled());
      };
      const settle = (then: () => void) => {
        signal?.removeEventListener('abort', abort);
        then();
      };
      const waiting: Waiting = {
        start: () => settle(resolve),
        refuse: (fault) => settle(() => reject(fault)),
      };
      signal?.addEventListener('abort', abort, { once: true });
      queue.push(waiting);
      this.#queues.set(source, queue);
      this.#waiting += 1;
    });
  }

  /** Refuses an attempt of a source that has several, for a source that has none. Returns false if there is none. */
  #makeRoom(): boolean {
    for (const [source, queue] of this.#queues) {
      const last = queue.length > 1 ? queue.at(-1) : undefined;
      if (last === undefined) continue;
      this.#remove(source, last);
      last.refuse(busy());
      return true;
    }
    return false;
  }

  #remove(source: string, waiting: Waiting): void {
    const queue = this.#queues.get(source) ?? [];
    const at = queue.indexOf(waiting);
    if (at < 0) return;
    queue.splice(at, 1);
    this.#waiting -= 1;
    if (queue.length === 0) this.#queues.delete(source);
  }

  /** Passes the place of a finished hash on, so `#running` changes only if the queues are empty. */
  #startNext(): void {
    for (const [source, queue] of this.#queues) {
      const next = queue[0];
      if (next === undefined) continue;
      this.#remove(source, next);
      if (queue.length > 0) {
        this.#queues.delete(source);
        this.#queues.set(source, queue);
      }
      next.start();
      return;
    }
    this.#running -= 1;
  }
}

function busy(): Fault {
  return new Fault('throttled', 'too many passwords are being checked');
}

function cancelled(): Fault {
  return new Fault('cancelled', 'the connection ended before the password was checked');
}
