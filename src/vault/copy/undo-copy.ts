import type { Call } from '../../model/call.js';
import { compareChecksums } from '../../model/checksum.js';
import { accessFor, noKey, type ReadAccess } from '../../model/encryption.js';
import { isFault } from '../../model/fault.js';
import type { LedgerRow } from '../../model/ledger.js';
import type { ObjectInfo } from '../../model/object-store.js';
import { openWithKeys } from '../access.js';
import { isEncryptedAs, sealedWith } from '../sealed-with.js';
import { clockSkewMs } from '../upload/verify-written.js';
import type { CopySource, CopyTarget } from '../vault.js';
import type { VaultServices } from '../vault-services.js';

/**
 * Removes a copy that is not as requested, because it may be unencrypted. Removes only an object that is
 * certainly ours: it has the source's content and is newer than the row, and the source still exists. If an
 * object was copied onto itself, only a version can be removed. Returns true if no wrong copy is left.
 */
export async function undoCopy(
  services: VaultServices,
  call: Call,
  row: LedgerRow,
  from: CopySource,
  to: CopyTarget,
): Promise<boolean> {
  const wrong = await headAny(services, call, to);
  if (wrong === null) return true;
  const source = await headOriginal(services, call, from);
  if (isEncryptedAs(wrong.encryption, sealedWith(to.encryption)) && source?.size === wrong.size) return false;
  if (wrong.lastModifiedMs < row.intendedMs - clockSkewMs) return false;
  if (isSameObject(from, to)) {
    // If this version has the object's content, the version below it is the original.
    if (wrong.versionId === null || wrong.versionId === 'null') return false;
    if (!(await hasKnownContent(services, from, wrong))) return false;
    await services.store.remove(call, to.ref, { versionId: wrong.versionId });
    return true;
  }
  if (source === null || !(sameContent(source, wrong) || source.etag === wrong.etag)) return false;
  const { versionId } = wrong;
  await services.store.remove(call, to.ref, versionId === null ? { ifMatch: wrong.etag } : { versionId });
  return true;
}

/**
 * Returns the target's properties, read without a key or with its own. Null if there is no object, or one
 * with another key.
 */
async function headAny(services: VaultServices, call: Call, to: CopyTarget): Promise<ObjectInfo | null> {
  for (const access of [noKey, accessFor(to.encryption)] satisfies ReadAccess[]) {
    try {
      return await services.store.head(call, to.ref, access);
    } catch (error) {
      if (!isFault(error, 'key-missing', 'key-mismatch')) throw error;
    }
  }
  return null;
}

async function hasKnownContent(
  { ledger }: VaultServices,
  { ref }: CopySource,
  { size, checksum }: ObjectInfo,
): Promise<boolean> {
  const rows = await ledger.candidates(ref);
  return rows.some(
    ({ confirmation }) =>
      confirmation?.size === size && compareChecksums(confirmation.checksum, checksum) === 'same',
  );
}

/** Returns the properties of a copy's source, or null if there is no source. Throws `key-missing` or `key-mismatch`. */
export async function headOriginal(
  { store, ledger }: VaultServices,
  call: Call,
  { ref, keys, versionId }: CopySource,
): Promise<ObjectInfo | null> {
  const opened = await openWithKeys(ledger, ref, keys, (access) => store.head(call, ref, access, versionId));
  return opened === null ? null : opened.value;
}

/** Returns whether source and target are the same object. */
export function isSameObject(from: CopySource, to: CopyTarget): boolean {
  return from.ref.bucket === to.ref.bucket && from.ref.key === to.ref.key;
}

/** Compares size and checksum. Returns false if S3 keeps no checksum, or two algorithms. */
export function sameContent(one: ObjectInfo, other: ObjectInfo): boolean {
  return one.size === other.size && compareChecksums(one.checksum, other.checksum) === 'same';
}
