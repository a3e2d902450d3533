import type { Clock, Logger } from '../../model/call.js';
import { Fault, isFault } from '../../model/fault.js';
import type { GatewayDatabase } from '../database.js';
import { LeaseRows, leaseMs } from './lease-rows.js';

/** How often a process that holds no lease checks whether it is free, in milliseconds. */
const pollMs = 2_000;
const renewMs = 3_000;
/** Pause after work that failed, in milliseconds. Meanwhile another process may take the lease. */
const yieldMs = 5_000;
/** The work ends this long before the lease could go to another process, in milliseconds. */
const marginMs = 1_000;

/** Works while it holds a lease. The signal aborts when the lease is lost or the process ends. */
export type LeasedWork<T> = (held: AbortSignal) => Promise<T>;

/** Runs work on one node at a time. With one gateway on the database, there are no leases and all work runs. */
export class Leases {
  readonly #rows: LeaseRows | null;
  readonly #clock: Clock;
  readonly #log: Logger;

  constructor(db: GatewayDatabase, clock: Clock, log: Logger) {
    this.#rows = db.owner === null ? null : new LeaseRows(db, db.owner);
    this.#clock = clock;
    this.#log = log;
  }

  /**
   * Runs `work` while this process holds the lease `name`, again and again until the signal aborts. Work that throws
   * is logged and begins again, unless another process takes the lease in between. With one gateway it runs once, and its error is thrown.
   */
  async run(name: string, signal: AbortSignal, work: LeasedWork<void>): Promise<void> {
    if (this.#rows === null) return await work(signal);
    let hasFailed = false;
    while (!signal.aborted) {
      try {
        await this.attempt(name, signal, work);
        hasFailed = false;
      } catch (error) {
        const isExpected = signal.aborted || isFault(error, 'cancelled');
        if (!hasFailed && !isExpected) {
          this.#log.error('leased work failed', { lease: name, error: Fault.from(error) });
        }
        hasFailed = !isExpected;
      }
      await this.#clock.sleep(hasFailed ? yieldMs : pollMs, signal).catch(() => undefined);
    }
  }

  /**
   * Runs `work` and returns its result, or null if another process holds the lease. Throws what the work throws, and
   * the database's faults.
   */
  async attempt<T>(name: string, signal: AbortSignal, work: LeasedWork<T>): Promise<T | null> {
    const rows = this.#rows;
    if (rows === null) return await work(signal);
    const claimedMs = this.#clock.monotonicMs();
    const epoch = await rows.claim(name);
    if (epoch === null) return null;
    this.#log.info('lease taken', { lease: name, epoch });
    const lost = new AbortController();
    const ended = new AbortController();
    const keeping = this.#keep(rows, { name, epoch, claimedMs, lost, ended: ended.signal });
    try {
      return await work(AbortSignal.any([signal, lost.signal]));
    } finally {
      ended.abort();
      await keeping;
      // Otherwise it expires.
      if (!lost.signal.aborted) await rows.release(name, epoch).catch(() => undefined);
    }
  }

  /** Renews a lease until its work has ended. Reports it as lost before another process may take it. */
  async #keep(rows: LeaseRows, kept: KeptLease): Promise<void> {
    const { name, epoch, claimedMs, lost, ended } = kept;
    let endMs = claimedMs + leaseMs - marginMs;
    const lose = () => {
      if (!lost.signal.aborted && !ended.aborted) this.#log.warn('lease lost', { lease: name, epoch });
      lost.abort();
    };
    const renewing = (async () => {
      while (!ended.aborted && !lost.signal.aborted) {
        await this.#clock.sleep(renewMs, AbortSignal.any([ended, lost.signal]));
        const beganMs = this.#clock.monotonicMs();
        const isRenewed = await rows.renew(name, epoch).catch(() => null);
        if (isRenewed === false) return lose();
        if (isRenewed === true) endMs = beganMs + leaseMs - marginMs;
      }
    })().catch(() => undefined);
    // A renewal may wait for the database longer than the lease lasts.
    while (!ended.aborted && !lost.signal.aborted) {
      const leftMs = endMs - this.#clock.monotonicMs();
      if (leftMs <= 0) lose();
      else await this.#clock.sleep(leftMs, AbortSignal.any([ended, lost.signal])).catch(() => undefined);
    }
    await renewing;
  }
}

interface KeptLease {
  readonly name: string;
  readonly epoch: number;
  readonly claimedMs: number;
  /** Aborted when the lease is lost. */
  readonly lost: AbortController;
  /** Aborts when the work has ended. */
  readonly ended: AbortSignal;
}
