import type { Kysely, SelectQueryBuilder } from 'kysely';
import { sql } from 'kysely';
import type { Clock } from '../../model/call.js';
import { type KeyFingerprint, parseKeyFingerprint } from '../../model/customer-key.js';
import { Fault } from '../../model/fault.js';
import type { IntentId, KeyNeed, KeyUsage, UnusedKeyProof } from '../../model/ledger.js';
import type { ObjectRef } from '../../model/object-store.js';
import type { GatewayDatabase } from '../database.js';
import type { SealedObjectTable } from '../schema/ledger.js';
import type { Schema } from '../schema.js';
import { isNullVersion } from './rows.js';

/** Max needs that a refused proof names. */
const needsNamed = 100;

/** Finds which objects of the ledger need a key. */
export function createKeyUsage(db: GatewayDatabase, clock: Clock): KeyUsage {
  return {
    needs: (keyId, after, limit) =>
      db.read(async (k) => {
        const behind = after === null ? null : { ...after.ref, seq: await seqOf(k, after.id) };
        return (await needsQuery(k, keyId, behind, limit).execute()).map(toNeed);
      }),
    totals: () =>
      db.read(async (k) => {
        const rows = await totalsQuery(k).execute();
        return new Map(
          rows.map(({ key_fingerprint, objects, bytes }) => [
            parseKeyFingerprint(key_fingerprint ?? ''),
            { objects, bytes },
          ]),
        );
      }),
    proveUnused: (keyId) =>
      db.write(async (trx) => {
        const needs = await needsQuery(trx, keyId, null, needsNamed).execute();
        if (needs.length > 0) return needs.map(toNeed);
        const provenMs = clock.nowMs();
        await trx
          .insertInto('barred_key')
          .values({ key_fingerprint: keyId, barred_ms: provenMs })
          .onConflict((conflict) => conflict.doNothing())
          .execute();
        return { keyId, provenMs } as UnusedKeyProof;
      }),
  };
}

/**
 * Returns the fault for a key that was proven unused. The bar has to be checked in the transaction that writes a row:
 * otherwise the proof would not hold.
 */
export function barredFault(keyId: KeyFingerprint): Fault {
  return new Fault(
    'conflict',
    `the key ${keyId} is marked for destruction and can no longer encrypt; give the user another key`,
  );
}

// The partial index serves a query that repeats its conditions (https://www.sqlite.org/partialindex.html
// section 3).
const isLive = sql<boolean>`gone_ms is null and state <> 'abandoned'`;

type NeedColumns = Pick<
  SealedObjectTable,
  'id' | 'bucket' | 'object_key' | 'version_id' | 'state' | 'is_current' | 'size'
>;

async function seqOf(db: Kysely<Schema>, id: IntentId): Promise<number> {
  const row = await db.selectFrom('sealed_object').select('seq').where('id', '=', id).executeTakeFirst();
  if (row === undefined) throw new Fault('invalid', 'the position is not one of this list');
  return row.seq;
}

/** Selects the rows that need the key, by bucket, key and age, after the given row. */
export function needsQuery(
  db: Kysely<Schema>,
  keyId: KeyFingerprint,
  behind: (ObjectRef & { readonly seq: number }) | null,
  limit: number,
): SelectQueryBuilder<Schema, 'sealed_object', NeedColumns> {
  let query = db
    .selectFrom('sealed_object')
    .select(['id', 'bucket', 'object_key', 'version_id', 'state', 'is_current', 'size'])
    .where('key_fingerprint', '=', keyId)
    .where(isLive);
  if (behind !== null) {
    const position = sql`(${behind.bucket}, ${behind.key}, ${behind.seq})`;
    query = query.where(sql<boolean>`(bucket, object_key, seq) > ${position}`);
  }
  return query.orderBy('bucket').orderBy('object_key').orderBy('seq').limit(limit);
}

/** Counts the objects and bytes of each key. An intended row has no size and does not count. */
export function totalsQuery(db: Kysely<Schema>) {
  return db
    .selectFrom('sealed_object')
    .select(({ fn }) => [
      'key_fingerprint',
      fn.count<number>('size').as('objects'),
      fn.sum<number>('size').as('bytes'),
    ])
    .where('key_fingerprint', 'is not', null)
    .where(isLive)
    .groupBy('key_fingerprint')
    .having(({ eb, fn }) => eb(fn.count<number>('size'), '>', 0));
}

function toNeed(row: { [Column in keyof NeedColumns]: NeedColumns[Column] }): KeyNeed {
  const { version_id: versionId } = row;
  return {
    id: row.id as IntentId,
    ref: { bucket: row.bucket, key: row.object_key },
    versionId,
    state: stateOf(row),
    size: row.size,
  };
}

/**
 * Returns the state of a need. Of two overlapping writes without versioning, S3 may have kept the one that
 * the ledger considers older.
 */
function stateOf(row: Pick<NeedColumns, 'state' | 'is_current' | 'version_id'>): KeyNeed['state'] {
  if (row.state === 'intended') return 'intended';
  const mayBeCurrent = row.state === 'confirmed' && isNullVersion(row.version_id);
  return row.is_current === 1 || mayBeCurrent ? 'current' : 'older-version';
}
