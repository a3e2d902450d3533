import type { Clock } from '../model/call.js';
import type { GatewayDatabase } from './database.js';

/** The stored outcome of a request. */
export interface StoredOutcome {
  readonly status: number;
  readonly body: string | null;
  readonly etag: string | null;
}

/** A repetition is expected within minutes, or after a night. */
const keepMs = 24 * 60 * 60 * 1000;
/** The oldest keys are removed above this number. */
const maxKeys = 10_000;

/** The keys of requests that must not run twice, for 24 hours, and the last 10,000 of them. */
export class DatabaseIdempotencyKeys {
  readonly #db: GatewayDatabase;
  readonly #clock: Clock;

  constructor(db: GatewayDatabase, clock: Clock) {
    this.#db = db;
    this.#clock = clock;
  }

  /** Claims a key: see `IdempotencyKeys` of the API. Throws the database's faults, as do all methods. */
  async begin(key: string): Promise<'running' | StoredOutcome | null> {
    const nowMs = this.#clock.nowMs();
    return await this.#db.write(async (trx) => {
      await trx
        .deleteFrom('idempotency_key')
        .where('created_ms', '<', nowMs - keepMs)
        .execute();
      const row = await trx
        .selectFrom('idempotency_key')
        .selectAll()
        .where('key_hash', '=', key)
        .executeTakeFirst();
      if (row !== undefined) {
        const { status, body, etag } = row;
        return status === null ? 'running' : { status, body, etag };
      }
      const newest = await trx
        .insertInto('idempotency_key')
        .values({ key_hash: key, created_ms: nowMs, status: null, body: null, etag: null })
        .returning('seq')
        .executeTakeFirstOrThrow();
      await trx
        .deleteFrom('idempotency_key')
        .where('seq', '<=', newest.seq - maxKeys)
        .execute();
      return null;
    });
  }

  async finish(key: string, { status, body, etag }: StoredOutcome): Promise<void> {
    await this.#db.write((trx) =>
      trx.updateTable('idempotency_key').set({ status, body, etag }).where('key_hash', '=', key).execute(),
    );
  }

  async forget(key: string): Promise<void> {
    await this.#db.write((trx) => trx.deleteFrom('idempotency_key').where('key_hash', '=', key).execute());
  }
}
