import type { Kysely, SelectQueryBuilder, Transaction } from 'kysely';
import { sql } from 'kysely';
import type { Clock, Entropy } from '../../model/call.js';
import type { FoundVersion, IntentId, LedgerVersions, LiveRow } from '../../model/ledger.js';
import type { ObjectRef } from '../../model/object-store.js';
import type { GatewayDatabase } from '../database.js';
import type { SealedObjectRow } from '../schema/ledger.js';
import type { Schema } from '../schema.js';
import { markReplaced, removedColumns } from './replaced-versions.js';
import { checkConfirmation, checkRef, checksumColumns, isNullVersion, newRow, toLedgerRow } from './rows.js';

/** Compares the ledger's rows with the versions of a bucket. */
export function createLedgerVersions(db: GatewayDatabase, clock: Clock, entropy: Entropy): LedgerVersions {
  return new DatabaseVersions(db, clock, entropy);
}

class DatabaseVersions implements LedgerVersions {
  readonly #db: GatewayDatabase;
  readonly #clock: Clock;
  readonly #entropy: Entropy;

  constructor(db: GatewayDatabase, clock: Clock, entropy: Entropy) {
    this.#db = db;
    this.#clock = clock;
    this.#entropy = entropy;
  }

  async buckets(): Promise<readonly string[]> {
    return await this.#db.read(async (k) => {
      const names: string[] = [];
      // One index search per bucket, however many rows it has.
      for (let last = ''; ; ) {
        const row = await nextBucket(k, last).executeTakeFirst();
        if (row === undefined) return names;
        names.push(row.bucket);
        last = row.bucket;
      }
    });
  }

  async liveRows(bucket: string, afterKey: string | null, limit: number): Promise<readonly LiveRow[]> {
    return await this.#db.read(async (k) => {
      const rows = await liveRowsAfter(k, bucket, afterKey, limit).execute();
      const lastKey = rows.at(-1)?.object_key;
      if (lastKey === undefined || rows.length < limit) return rows.map(toLiveRow);
      const complete = rows.filter((row) => row.object_key !== lastKey);
      if (complete.length > 0) return complete.map(toLiveRow);
      return (await liveRowsOfKey(k, { bucket, key: lastKey }).execute()).map(toLiveRow);
    });
  }

  async liveRowsOf(ref: ObjectRef): Promise<readonly LiveRow[]> {
    return await this.#db.read(async (k) => (await liveRowsOfKey(k, ref).execute()).map(toLiveRow));
  }

  async countLive(bucket: string): Promise<number> {
    const row = await this.#db.read((k) => liveCount(k, bucket).executeTakeFirst());
    return row?.versions ?? 0;
  }

  async restore(found: readonly FoundVersion[], actor: string): Promise<readonly FoundVersion[]> {
    for (const { ref, ...confirmation } of found) {
      checkRef(ref);
      checkConfirmation(confirmation);
    }
    return await this.#db.write(async (trx) => {
      const written: FoundVersion[] = [];
      // Oldest version first, because rows are in the order of the writes.
      for (const version of found.toReversed()) {
        if (await this.#restoreOne(trx, version, actor)) written.push(version);
      }
      return written;
    });
  }

  async markRemoved(ids: readonly IntentId[], actor: string): Promise<void> {
    const goneMs = this.#clock.nowMs();
    await this.#db.write(async (trx) => {
      for (const id of ids) {
        await trx
          .updateTable('sealed_object')
          .set({ ...removedColumns(goneMs, actor), gone_ms: goneMs })
          .where('id', '=', id)
          .where('state', 'in', ['confirmed', 'removed'])
          .execute();
      }
    });
  }

  async #restoreOne(trx: Transaction<Schema>, found: FoundVersion, actor: string): Promise<boolean> {
    const { ref, listedMs } = found;
    const rows = await liveRowsOfKey(trx, ref).execute();
    const known = rows.filter((row) => describesVersion(row, found));
    const isNewer = (row: SealedObjectRow): boolean => (row.settled_ms ?? 0) > listedMs;
    if (known.some((row) => isSealedAlike(row, found) || isNewer(row))) return false;
    const current = rows.find((row) => row.is_current === 1);
    const isNewest = found.isLatest && (current === undefined || !isNewer(current));
    // Without versioning, a write since the listing has replaced this version.
    if (!isNewest && found.isLatest && current !== undefined && isReplacedBy(found, current)) return false;
    const nowMs = this.#clock.nowMs();
    const wrong = known.map((row) => row.seq);
    if (wrong.length > 0) {
      const isWrong = { ...removedColumns(nowMs, actor), gone_ms: nowMs };
      await trx.updateTable('sealed_object').set(isWrong).where('seq', 'in', wrong).execute();
    }
    if (isNewest && current !== undefined) {
      await trx.updateTable('sealed_object').set({ is_current: 0 }).where('seq', '=', current.seq).execute();
    }
    const seq = await this.#insert(trx, found, actor, isNewest);
    if (isNewest && isNullVersion(found.versionId)) await markReplaced(trx, ref, seq, nowMs);
    return true;
  }

  async #insert(
    trx: Transaction<Schema>,
    found: FoundVersion,
    actor: string,
    isNewest: boolean,
  ): Promise<number> {
    const { ref, sealedWith, lastModifiedMs } = found;
    const id = this.#entropy.id();
    const { seq } = await trx
      .insertInto('sealed_object')
      .values({
        ...newRow(id, { ref, sealedWith, actor, requestId: id }, lastModifiedMs),
        state: 'confirmed',
        is_current: isNewest ? 1 : 0,
        size: found.size,
        ...checksumColumns(found.checksum),
        etag: found.etag,
        version_id: found.versionId,
        mtime_seconds: found.mtimeSeconds,
        settled_ms: lastModifiedMs,
        settled_seq: 0,
      })
      .returning('seq')
      .executeTakeFirstOrThrow();
    // The version counts as confirmed before any later intent.
    await trx.updateTable('sealed_object').set({ settled_seq: seq }).where('seq', '=', seq).execute();
    return seq;
  }
}

function describesVersion(row: SealedObjectRow, found: FoundVersion): boolean {
  if (row.etag !== found.etag || row.state === 'intended') return false;
  return (
    row.version_id === found.versionId || (isNullVersion(row.version_id) && isNullVersion(found.versionId))
  );
}

function isSealedAlike(row: SealedObjectRow, { sealedWith }: FoundVersion): boolean {
  if (sealedWith.kind === 'sse-c') return row.key_fingerprint === sealedWith.fingerprint;
  return row.sealed_kind !== 'sse-c';
}

function isReplacedBy(found: FoundVersion, current: SealedObjectRow): boolean {
  return isNullVersion(found.versionId) && isNullVersion(current.version_id);
}

function toLiveRow(row: SealedObjectRow): LiveRow {
  return { ...toLedgerRow(row), isCurrent: row.is_current === 1 };
}

/** Selects the first bucket name after the given one. */
export function nextBucket(db: Kysely<Schema>, after: string) {
  return db
    .selectFrom('sealed_object')
    .select('bucket')
    .where('bucket', '>', after)
    .orderBy('bucket')
    .limit(1);
}

const isLive = sql<boolean>`gone_ms is null and state <> 'abandoned'`;

/** Selects the rows of versions that S3 may have, after a key, in listing order and newest first. */
export function liveRowsAfter(
  db: Kysely<Schema>,
  bucket: string,
  afterKey: string | null,
  limit: number,
): SelectQueryBuilder<Schema, 'sealed_object', SealedObjectRow> {
  return db
    .selectFrom('sealed_object')
    .selectAll()
    .where('bucket', '=', bucket)
    .where('object_key', '>', afterKey ?? '')
    .where(isLive)
    .orderBy('object_key')
    .orderBy('seq', 'desc')
    .limit(limit);
}

/** Selects the rows of an object's versions that S3 may have, newest first. */
export function liveRowsOfKey(
  db: Kysely<Schema>,
  ref: ObjectRef,
): SelectQueryBuilder<Schema, 'sealed_object', SealedObjectRow> {
  return db
    .selectFrom('sealed_object')
    .selectAll()
    .where('bucket', '=', ref.bucket)
    .where('object_key', '=', ref.key)
    .where(isLive)
    .orderBy('seq', 'desc');
}

/** Counts the settled rows of versions that S3 may have. */
export function liveCount(db: Kysely<Schema>, bucket: string) {
  return db
    .selectFrom('sealed_object')
    .select(({ fn }) => fn.countAll<number>().as('versions'))
    .where('bucket', '=', bucket)
    .where('state', '<>', 'intended')
    .where(isLive);
}
