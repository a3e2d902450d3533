import { isCommandRunning } from '../assembly/running-commands.js';
import { Mutex } from '../concurrency/mutex.js';
import type { LedgerOrphans } from '../database/ledger/orphans.js';
import type { Call, Clock } from '../model/call.js';
import type { CustomerKey } from '../model/customer-key.js';
import { Fault, isFault } from '../model/fault.js';
import type { LedgerRow } from '../model/ledger.js';
import type { ParkedUpload } from '../model/parked-uploads.js';
import type { Vault } from '../vault/vault.js';

/** The services of an `OrphanSettler`. */
export interface OrphanServices {
  readonly orphans: Pick<LedgerOrphans, 'claim' | 'stillPending'>;
  readonly vault: Pick<Vault, 'settlePending'>;
  /** Returns every key that is available now. */
  readonly allKeys: () => Promise<readonly CustomerKey[]>;
  readonly runningCommandsDirectory: string;
  readonly clock: Clock;
}

/** How often the database is asked for writes of nodes that have ended, in milliseconds. */
const pollMs = 2_000;
/** Pause before rows that could not be settled are tried again, in milliseconds. It doubles up to the maximum. */
const minRetryMs = 5_000;
const maxRetryMs = 60_000;

/**
 * Finishes or undoes the writes of nodes that have ended, and of this one before its start, as long as this node
 * runs. Each row is claimed first, so that one node settles it.
 */
export class OrphanSettler {
  readonly #services: OrphanServices;
  readonly #mutex = new Mutex();
  /** Claimed rows that are not settled yet. */
  #pending: readonly LedgerRow[] = [];
  /** Claimed uploads that are not shown yet. */
  readonly #parked: ParkedUpload[] = [];
  #adopt: ((call: Call, upload: ParkedUpload) => Promise<void>) | null = null;
  #nextTryMs = Number.NEGATIVE_INFINITY;
  #retryMs = minRetryMs;
  #hasFailed = false;

  constructor(services: OrphanServices) {
    this.#services = services;
  }

  /** From now on, passes each claimed upload to `adopt`. This node shows the uploads that it claimed before. */
  showParked(adopt: (call: Call, upload: ParkedUpload) => Promise<void>): void {
    this.#adopt = adopt;
  }

  /** Claims what ended nodes have left. Throws the database's faults. */
  async claim(): Promise<void> {
    const { orphans } = this.#services;
    for (;;) {
      const { pending, parked } = await orphans.claim();
      if (pending.length + parked.length === 0) return;
      if (pending.length > 0) {
        this.#nextTryMs = Number.NEGATIVE_INFINITY;
        this.#retryMs = minRetryMs;
      }
      this.#pending = [...this.#pending, ...pending];
      if (this.#adopt !== null) this.#parked.push(...parked);
    }
  }

  /** Claims and settles once. Never rejects, except with `cancelled`. */
  async run(call: Call): Promise<void> {
    await this.#mutex.lock();
    try {
      await this.claim();
      await this.#settle(call);
      await this.#show(call);
      this.#hasFailed = false;
    } catch (error) {
      if (isFault(error, 'cancelled') || call.signal.aborted) throw error;
      if (!this.#hasFailed) {
        call.log.error('settling the writes of other nodes failed', { error: Fault.from(error) });
      }
      this.#hasFailed = true;
    } finally {
      this.#mutex.unlock();
    }
  }

  /** Claims and settles every two seconds until the call is cancelled. */
  async watch(call: Call): Promise<void> {
    const { clock } = this.#services;
    try {
      for (;;) {
        await clock.sleep(pollMs, call.signal);
        await this.run(call);
      }
    } catch (error) {
      if (!isFault(error, 'cancelled') && !call.signal.aborted) throw error;
    }
  }

  async #settle(call: Call): Promise<void> {
    const { vault, orphans, allKeys, runningCommandsDirectory, clock } = this.#services;
    if (this.#pending.length === 0 || clock.monotonicMs() < this.#nextTryMs) return;
    const { confirmed, abandoned, abortedUploads } = await vault.settlePending(call, {
      // All keys, because a row names its key, and commands may write with any of them.
      keysOf: allKeys,
      isUnderWay: ({ requestId }) => isCommandRunning(runningCommandsDirectory, requestId),
      claimed: this.#pending,
    });
    this.#pending = await orphans.stillPending(this.#pending);
    this.#nextTryMs = clock.monotonicMs() + this.#retryMs;
    this.#retryMs = Math.min(maxRetryMs, 2 * this.#retryMs);
    call.log.info('writes of ended nodes settled', {
      confirmed,
      abandoned,
      abortedUploads,
      pending: this.#pending.length,
    });
  }

  async #show(call: Call): Promise<void> {
    const adopt = this.#adopt;
    if (adopt === null) return;
    for (const upload of this.#parked.splice(0)) await adopt(call, upload);
  }
}
