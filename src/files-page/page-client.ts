import { setMaxListeners } from 'node:events';
import type { LiveChannel, LiveSession } from '../live/live-session.js';
import type { Call, Clock } from '../model/call.js';
import { Fault } from '../model/fault.js';
import type { PageSession } from '../model/files-page.js';
import type { SessionTally } from '../model/live.js';
import type { Vfs } from '../model/vfs.js';

/** The parts of a client. */
export interface PageClientParts {
  readonly session: PageSession;
  readonly address: string;
  readonly live: LiveSession;
  /** The user's tree, which the client disposes. */
  readonly vfs: Vfs;
  readonly clock: Clock;
}

/** A session of the files page at one address, with the user's tree. It is one session of the live registry. */
export class PageClient implements LiveChannel {
  readonly session: PageSession;
  readonly address: string;
  readonly live: LiveSession;
  readonly vfs: Vfs;
  readonly tally: SessionTally = { filesWritten: 0, filesRead: 0, bytesReceived: 0, bytesSent: 0 };
  readonly #clock: Clock;
  readonly #aborted = new AbortController();
  readonly #running = new Set<Promise<unknown>>();
  readonly #leave: () => void;
  #lastDataMs: number;

  constructor({ session, address, live, vfs, clock }: PageClientParts) {
    this.session = session;
    this.address = address;
    this.live = live;
    this.vfs = vfs;
    this.#clock = clock;
    this.#lastDataMs = clock.monotonicMs();
    // Each request adds a listener.
    setMaxListeners(0, this.#aborted.signal);
    this.#leave = live.addChannel(this);
  }

  get inFlight(): number {
    return this.#running.size;
  }

  get lastDataMs(): number {
    return this.#lastDataMs;
  }

  /** Runs the work of a request. The call's signal aborts when the session ends, too. */
  async run<T>(call: Call, work: (call: Call) => Promise<T>): Promise<T> {
    if (this.#aborted.signal.aborted)
      throw new Fault('unauthenticated', 'the session has ended: log in again');
    this.#lastDataMs = this.#clock.monotonicMs();
    const signal = AbortSignal.any([call.signal, this.#aborted.signal]);
    const running = work({ id: call.id, log: call.log, signal, note: call.note });
    this.#running.add(running);
    try {
      return await running;
    } finally {
      this.#running.delete(running);
      this.#lastDataMs = this.#clock.monotonicMs();
    }
  }

  /** Returns the call with a signal that aborts only when the session ends, for work that outlives the request. */
  lasting({ id, log, note }: Call): Call {
    return { id, log, note, signal: this.#aborted.signal };
  }

  /** Records that data was transferred. */
  noteActivity(): void {
    this.#lastDataMs = this.#clock.monotonicMs();
  }

  /** Aborts the requests, waits for them, and disposes the tree. `release` ends what is open in between. */
  async close(release: () => Promise<void>): Promise<void> {
    this.#aborted.abort(new Fault('cancelled', 'the session has ended'));
    await Promise.allSettled([...this.#running]);
    await release();
    this.#leave();
    await this.vfs[Symbol.asyncDispose]();
  }
}
