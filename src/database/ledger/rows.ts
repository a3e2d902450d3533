import type { Checksum } from '../../model/checksum.js';
import { parseKeyFingerprint } from '../../model/customer-key.js';
import { Fault } from '../../model/fault.js';
import type { Confirmation, Intent, IntentId, LedgerRow, SealedWith } from '../../model/ledger.js';
import type { ObjectRef } from '../../model/object-store.js';
import { ownerColumns } from '../cluster/nodes.js';
import type { RowOwner } from '../database.js';
import type { NewSealedObject, SealedObjectRow } from '../schema/ledger.js';

/** The columns of a new row, in the order of the statement. */
export const newColumns = [
  'id',
  'bucket',
  'object_key',
  'parent_prefix',
  'state',
  'is_current',
  'sealed_kind',
  'key_fingerprint',
  'key_md5',
  'kms_key_arn',
  'actor',
  'request_id',
  'intended_ms',
  'node',
  'node_epoch',
] as const satisfies readonly (keyof NewSealedObject)[];

/** A row with all columns of an insert. */
export type NewRow = Pick<SealedObjectRow, (typeof newColumns)[number]>;

/** The columns of a confirmation. */
export type ConfirmedColumns = Pick<
  SealedObjectRow,
  'size' | 'checksum' | 'checksum_algorithm' | 'etag' | 'version_id' | 'mtime_seconds' | 'settled_ms' | 'seq'
>;

/**
 * Reports whether a version id stands for an object written without versioning. S3 calls its version `null`,
 * but not every answer contains that.
 */
export function isNullVersion(versionId: string | null): boolean {
  return versionId === null || versionId === 'null';
}

/** Returns the key up to and including its last `/`; empty at the top of the bucket. */
export function parentPrefix(key: string): string {
  return key.slice(0, key.lastIndexOf('/') + 1);
}

/** Throws `invalid` for a key that is not valid Unicode: storing it as UTF-8 would change it. */
export function checkRef(ref: ObjectRef): void {
  if (ref.bucket === '' || ref.key === '') throw new Fault('invalid', 'an object needs a bucket and a key');
  if (/\p{Surrogate}/u.test(ref.key)) throw new Fault('invalid', 'the object key is not valid Unicode');
}

/** Throws `bug` for numbers that are out of range: stored, they would look like values from S3. */
export function checkConfirmation({ size, checksum, mtimeSeconds }: Confirmation): void {
  const isCount = (value: number): boolean => Number.isSafeInteger(value) && value >= 0;
  const fits =
    isCount(size) &&
    (checksum === null || (isCount(checksum.value) && checksum.value < 2 ** 32)) &&
    (mtimeSeconds === null || Number.isSafeInteger(mtimeSeconds));
  if (fits) return;
  throw new Fault('bug', `ledger confirm: size ${size}, checksum ${checksum?.value}, time ${mtimeSeconds}`);
}

/** Returns the row of a write that is about to begin. */
export function newRow(
  id: string,
  intent: Intent,
  intendedMs: number,
  owner: RowOwner | null = null,
): NewRow {
  const { sealedWith } = intent;
  return {
    id,
    bucket: intent.ref.bucket,
    object_key: intent.ref.key,
    parent_prefix: parentPrefix(intent.ref.key),
    state: 'intended',
    is_current: 0,
    sealed_kind: sealedWith.kind,
    key_fingerprint: sealedWith.kind === 'sse-c' ? sealedWith.fingerprint : null,
    key_md5: sealedWith.kind === 'sse-c' ? sealedWith.keyMd5Base64 : null,
    kms_key_arn: sealedWith.kind === 'sse-kms' ? sealedWith.keyArn : null,
    actor: intent.actor,
    request_id: intent.requestId,
    intended_ms: intendedMs,
    node: null,
    node_epoch: null,
    ...ownerColumns(owner),
  };
}

/** Converts a database row into a row of the ledger. */
export function toLedgerRow(row: SealedObjectRow): LedgerRow {
  return {
    id: row.id as IntentId,
    ref: { bucket: row.bucket, key: row.object_key },
    sealedWith: toSealedWith(row),
    actor: row.actor,
    requestId: row.request_id,
    state: row.state,
    uploadId: row.upload_id,
    confirmation: toConfirmation(row),
    intendedMs: row.intended_ms,
    settledMs: row.settled_ms,
  };
}

/** Returns the columns of a checksum. */
export function checksumColumns(
  checksum: Checksum | null,
): Pick<SealedObjectRow, 'checksum' | 'checksum_algorithm'> | { checksum: null } {
  if (checksum === null) return { checksum: null };
  return { checksum: checksum.value, checksum_algorithm: checksum.algorithm };
}

/** Returns the changes to a row that is confirmed. */
export function confirmedColumns(
  seq: number,
  { size, checksum, etag, versionId, mtimeSeconds }: Confirmation,
  settledMs: number,
): ConfirmedColumns {
  return {
    seq,
    size,
    checksum: checksum?.value ?? null,
    checksum_algorithm: checksum?.algorithm ?? 'crc32',
    etag,
    version_id: versionId,
    mtime_seconds: mtimeSeconds,
    settled_ms: settledMs,
  };
}

/** Returns the confirmation in a row; null if the row was never confirmed. */
export function toConfirmation(
  row: Pick<
    SealedObjectRow,
    'size' | 'checksum' | 'checksum_algorithm' | 'etag' | 'version_id' | 'mtime_seconds'
  >,
): Confirmation | null {
  if (row.size === null || row.etag === null) return null;
  return {
    size: row.size,
    checksum: row.checksum === null ? null : { algorithm: row.checksum_algorithm, value: row.checksum },
    etag: row.etag,
    versionId: row.version_id,
    mtimeSeconds: row.mtime_seconds,
  };
}

function toSealedWith(row: SealedObjectRow): SealedWith {
  switch (row.sealed_kind) {
    case 'sse-c':
      return {
        kind: 'sse-c',
        fingerprint: parseKeyFingerprint(row.key_fingerprint ?? ''),
        keyMd5Base64: row.key_md5 ?? '',
      };
    case 'sse-kms':
      return { kind: 'sse-kms', keyArn: row.kms_key_arn ?? '' };
    default:
      return { kind: row.sealed_kind };
  }
}
