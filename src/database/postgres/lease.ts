import { setTimeout as pause } from 'node:timers/promises';
import { type Kysely, sql } from 'kysely';
import type { Fault } from '../../model/fault.js';
import { heartbeatMs } from '../cluster/clock.js';
import {
  addCommand,
  leaseHeld,
  leasePollMs,
  type OtherGateway,
  showAlive,
  takeLease,
  takenOver,
  type WriterIdentity,
  writeLock,
} from '../cluster/writers.js';
import type { Schema } from '../schema.js';

/**
 * The right of a process to write to a database. A gateway shows every two seconds that it runs, and so does a command
 * beside several gateways. Another command needs no lease.
 */
export class Lease {
  readonly epoch: number;
  readonly lost: Promise<Fault>;
  /** Reports that another gateway has taken over. */
  readonly lose: (fault: Fault) => void;
  #timer: NodeJS.Timeout | null = null;
  #isBeating = false;

  private constructor(epoch: number) {
    this.epoch = epoch;
    const { promise, resolve } = Promise.withResolvers<Fault>();
    this.lost = promise;
    this.lose = resolve;
  }

  /**
   * Takes the lease. Waits for a gateway that no longer shows itself until it is dead. Throws `conflict` if it
   * shows itself.
   */
  static async take(db: Kysely<Schema>, identity: WriterIdentity, name: string): Promise<Lease> {
    if (identity.kind === 'command') {
      if (identity.isClustered !== true) return new Lease(0);
      await addCommand(db, identity);
      return new Lease(0).#show(db, identity, name);
    }
    let first: OtherGateway | null = null;
    for (;;) {
      const found = await db.transaction().execute(async (trx) => {
        await sql`select pg_advisory_xact_lock(${sql.lit(writeLock)})`.execute(trx);
        return await takeLease(trx, identity);
      });
      if (typeof found === 'number') return new Lease(found).#show(db, identity, name);
      if (first !== null && (first.id !== found.id || first.seenMs !== found.seenMs))
        throw leaseHeld(name, found, identity);
      first = found;
      await pause(leasePollMs);
    }
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }

  #show(db: Kysely<Schema>, identity: WriterIdentity, name: string): this {
    this.#timer = setInterval(() => void this.#beat(db, identity, name), heartbeatMs);
    this.#timer.unref();
    return this;
  }

  async #beat(db: Kysely<Schema>, identity: WriterIdentity, name: string): Promise<void> {
    if (this.#isBeating) return;
    this.#isBeating = true;
    try {
      if (!(await showAlive(db, identity, this.epoch))) this.lose(takenOver(name, identity));
    } catch {
      // Reads and writes report that the database does not answer.
    } finally {
      this.#isBeating = false;
    }
  }
}
