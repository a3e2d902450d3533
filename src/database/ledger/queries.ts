import type { Kysely, SelectQueryBuilder } from 'kysely';
import { sql } from 'kysely';
import type { KeyRange } from '../../model/ledger.js';
import type { ObjectRef } from '../../model/object-store.js';
import { maxKeyBytes } from '../../model/path.js';
import type { SealedObjectRow } from '../schema/ledger.js';
import type { Schema } from '../schema.js';
import { parentPrefix } from './rows.js';

type Rows<Columns> = SelectQueryBuilder<Schema, 'sealed_object', Columns>;

// The partial indexes serve a query only when it repeats their condition with a literal
// (https://www.sqlite.org/partialindex.html section 3): a bound parameter is not known when the plan is made.
/** Selects the rows that were confirmed last, in a form that their index serves. */
export const isCurrent = sql<boolean>`is_current = 1`;
// SQLite also prepares a statement again at every call if it compares a column of such a condition with a bound
// parameter, because another value might change the plan (sqlite3_prepare_v2, "expmask").
/** Selects the confirmed rows. */
export const isConfirmed = sql<boolean>`state = 'confirmed'`;
/** Selects the unfinished rows, in a form that their index serves. */
export const isIntended = sql<boolean>`state = 'intended'`;

/** Selects the row of the object that was confirmed last. */
export function currentRow(
  db: Kysely<Schema>,
  ref: ObjectRef,
  parent = parentPrefix(ref.key),
): Rows<SealedObjectRow> {
  return db
    .selectFrom('sealed_object')
    .selectAll()
    .where('bucket', '=', ref.bucket)
    .where('parent_prefix', '=', parent)
    .where('object_key', '=', ref.key)
    .where(isCurrent);
}

/**
 * Selects other confirmed rows of the object whose write was still running when the write of row `seq` began.
 * S3 keeps either of two overlapping writes, whatever the order of its answers.
 */
export function overlappingRows(db: Kysely<Schema>, ref: ObjectRef, seq: number): Rows<SealedObjectRow> {
  return db
    .selectFrom('sealed_object')
    .selectAll()
    .where('bucket', '=', ref.bucket)
    .where('object_key', '=', ref.key)
    .where(isConfirmed)
    .where('settled_seq', '>=', seq)
    .where('seq', '<>', seq);
}

/** Selects the object's intended rows. */
export function intendedRows(db: Kysely<Schema>, ref: ObjectRef): Rows<SealedObjectRow> {
  return db
    .selectFrom('sealed_object')
    .selectAll()
    .where('bucket', '=', ref.bucket)
    .where('object_key', '=', ref.key)
    .where(isIntended);
}

/** Selects every intended row from before the time whose upload is not parked, oldest first. */
export function intendedBefore(db: Kysely<Schema>, timeMs: number): Rows<SealedObjectRow> {
  return db
    .selectFrom('sealed_object')
    .selectAll()
    .where(isIntended)
    .where('intended_ms', '<', timeMs)
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom('parked_upload')
            .select('row_id')
            .whereRef('parked_upload.row_id', '=', 'sealed_object.id'),
        ),
      ),
    )
    .orderBy('intended_ms')
    .orderBy('seq');
}

/** Selects the rows of these objects that were confirmed last. */
export function currentRowsOf(
  db: Kysely<Schema>,
  bucket: string,
  keys: readonly string[],
): Rows<SealedObjectRow> {
  return db
    .selectFrom('sealed_object')
    .selectAll()
    .where('bucket', '=', bucket)
    .where('object_key', 'in', keys)
    .where(isConfirmed)
    .where(isCurrent);
}

/** Selects every row of these objects that has a version id. */
export function versionRowsOf(
  db: Kysely<Schema>,
  bucket: string,
  keys: readonly string[],
): Rows<SealedObjectRow> {
  return db
    .selectFrom('sealed_object')
    .selectAll()
    .where('bucket', '=', bucket)
    .where('object_key', 'in', keys)
    .where(sql<boolean>`state in ('confirmed', 'removed')`)
    .where('version_id', 'is not', null);
}

/** The columns of a confirmation. */
export type CurrentColumns = Pick<
  SealedObjectRow,
  'object_key' | 'size' | 'checksum' | 'checksum_algorithm' | 'etag' | 'version_id' | 'mtime_seconds'
>;

/**
 * Selects the current rows of keys that begin with `prefix`, have no further `/`, and are within the range.
 */
export function currentRowsBelow(
  db: Kysely<Schema>,
  bucket: string,
  prefix: string,
  within: KeyRange | undefined,
): Rows<CurrentColumns> {
  const parent = parentPrefix(prefix);
  let query = db
    .selectFrom('sealed_object')
    .select(['object_key', 'size', 'checksum', 'checksum_algorithm', 'etag', 'version_id', 'mtime_seconds'])
    .where('bucket', '=', bucket)
    .where('parent_prefix', '=', parent)
    .where(isCurrent);
  // Keys are compared as bytes of UTF-8. No key that begins with the prefix sorts after this one.
  const end = prefix + '\u{10ffff}'.repeat(maxKeyBytes / 4);
  if (prefix !== parent) query = query.where('object_key', '>=', prefix).where('object_key', '<=', end);
  if (within === undefined) return query;
  return query.where('object_key', '>=', within.first).where('object_key', '<=', within.last);
}
