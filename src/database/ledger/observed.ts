import type { Transaction } from 'kysely';
import type { Clock, Entropy } from '../../model/call.js';
import type { Observation, ObservedObjects } from '../../model/ledger.js';
import type { ObjectRef } from '../../model/object-store.js';
import type { GatewayDatabase } from '../database.js';
import type { NewSealedObject } from '../schema/ledger.js';
import type { Schema } from '../schema.js';
import { markReplaced, removedColumns, removedUnlessVersioned } from './replaced-versions.js';
import { checkConfirmation, checkRef, checksumColumns, isNullVersion, newRow } from './rows.js';

/**
 * Rows per statement. SQLite allows 32,766 parameters, and a fixed number keeps the set of prepared
 * statements small.
 */
const statementRows = 32;

/** Records observed objects in the same rows as writes of this gateway. */
export function createObservedObjects(db: GatewayDatabase, clock: Clock, entropy: Entropy): ObservedObjects {
  return new DatabaseObservedObjects(db, clock, entropy);
}

class DatabaseObservedObjects implements ObservedObjects {
  readonly #db: GatewayDatabase;
  readonly #clock: Clock;
  readonly #entropy: Entropy;

  constructor(db: GatewayDatabase, clock: Clock, entropy: Entropy) {
    this.#db = db;
    this.#clock = clock;
    this.#entropy = entropy;
  }

  async observe(observations: readonly Observation[], actor: string): Promise<void> {
    const byBucket = new Map<string, Map<string, Observation>>();
    for (const observation of observations) {
      const { ref, size, checksum, etag, versionId } = observation;
      checkRef(ref);
      checkConfirmation({ size, checksum, etag, versionId, mtimeSeconds: null });
      const keys = byBucket.get(ref.bucket) ?? new Map<string, Observation>();
      byBucket.set(ref.bucket, keys.set(ref.key, observation));
    }
    await this.#db.write(async (trx) => {
      for (const [bucket, keys] of byBucket) {
        const all = [...keys.values()];
        for (let at = 0; at < all.length; at += statementRows) {
          await this.#observe(trx, bucket, all.slice(at, at + statementRows), actor);
        }
      }
    });
  }

  async recordRemovals(
    versions: readonly { readonly ref: ObjectRef; readonly etag: string }[],
    actor: string,
  ): Promise<void> {
    const removedMs = this.#clock.nowMs();
    await this.#db.write(async (trx) => {
      for (const { ref, etag } of versions) {
        await trx
          .updateTable('sealed_object')
          .set({ ...removedColumns(removedMs, actor), gone_ms: removedUnlessVersioned(removedMs) })
          .where('bucket', '=', ref.bucket)
          .where('object_key', '=', ref.key)
          .where('state', '=', 'confirmed')
          .where('etag', '=', etag)
          .execute();
      }
    });
  }

  async #observe(
    trx: Transaction<Schema>,
    bucket: string,
    observations: readonly Observation[],
    actor: string,
  ): Promise<void> {
    const current = await trx
      .selectFrom('sealed_object')
      .select(['seq', 'object_key', 'etag', 'settled_ms', 'key_fingerprint'])
      .where('bucket', '=', bucket)
      .where('state', '=', 'confirmed')
      .where('is_current', '=', 1)
      .where(
        'object_key',
        'in',
        observations.map(({ ref }) => ref.key),
      )
      .execute();
    const known = new Map(current.map((row) => [row.object_key, row]));
    const news = observations.filter(({ ref, etag, sealedWith, readMs }) => {
      const row = known.get(ref.key);
      if (row === undefined) return true;
      const isThis = row.etag === etag && row.key_fingerprint === sealedWith.fingerprint;
      return !isThis && (row.settled_ms ?? 0) < readMs;
    });
    if (news.length === 0) return;
    const replaced = news.flatMap(({ ref }) => known.get(ref.key)?.seq ?? []);
    if (replaced.length > 0) {
      await trx.updateTable('sealed_object').set({ is_current: 0 }).where('seq', 'in', replaced).execute();
    }
    const last = await trx
      .selectFrom('sealed_object')
      .select(({ fn }) => fn.max('seq').as('seq'))
      .executeTakeFirst();
    const lastSeq = last?.seq ?? 0;
    for (const { ref, versionId } of news.filter(({ ref }) => known.has(ref.key))) {
      if (isNullVersion(versionId)) await markReplaced(trx, ref, lastSeq + 1, this.#clock.nowMs());
    }
    const settledSeq = lastSeq + news.length;
    await trx
      .insertInto('sealed_object')
      .values(news.map((observation) => this.#row(observation, actor, settledSeq)))
      .execute();
  }

  #row(observation: Observation, actor: string, settledSeq: number): NewSealedObject {
    const { ref, sealedWith, size, checksum, etag, versionId } = observation;
    const nowMs = this.#clock.nowMs();
    const id = this.#entropy.id();
    return {
      ...newRow(id, { ref, sealedWith, actor, requestId: id }, nowMs),
      state: 'confirmed',
      is_current: 1,
      size,
      ...checksumColumns(checksum),
      etag,
      version_id: versionId,
      settled_ms: nowMs,
      settled_seq: settledSeq,
    };
  }
}
