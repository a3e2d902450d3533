import type { Call } from '../../model/call.js';
import { accessFor, noKey } from '../../model/encryption.js';
import { Fault, isFault } from '../../model/fault.js';
import type { Confirmation, IntentId, LedgerRow } from '../../model/ledger.js';
import type { CopiedObject, CopyOptions, ObjectInfo, WrittenObject } from '../../model/object-store.js';
import { type Opened, openWithKeys } from '../access.js';
import { mtimeMetadata, mtimeOf, rowOf, wholeSeconds } from '../mtime.js';
import { expectedEncryption, isEncryptedAs, sealedWith } from '../sealed-with.js';
import { settleRow } from '../settle.js';
import { mayHaveSucceeded } from '../upload/uncertain-outcome.js';
import type { CopyLimit, CopySource, CopyTarget } from '../vault.js';
import type { VaultServices } from '../vault-services.js';
import { headOriginal, isSameObject, sameContent, undoCopy } from './undo-copy.js';

/** A copy that is verified and confirmed in the ledger. */
export interface VerifiedCopy {
  /** Properties of the target, as a HEAD returns them. */
  readonly info: ObjectInfo;
  readonly source: ObjectInfo;
}

/** Copies an object, see `Vault.copy`. The caller holds the locks. Returns null if there is no source. */
export async function copyVerified(
  services: VaultServices,
  call: Call,
  from: CopySource,
  to: CopyTarget,
  limit: CopyLimit = (work) => work(),
): Promise<VerifiedCopy | null> {
  const { ledger, ownIntents } = services;
  const { ref, actor, encryption } = to;
  const intent = { ref, sealedWith: sealedWith(encryption), actor, requestId: call.id };
  const intendedMs = services.clock.nowMs();
  const id = await ledger.intend(intent);
  ownIntents.set(id, ref);
  try {
    const copied = await copyOnce(services, call, from, to, limit);
    if (copied === null) {
      await ledger.abandon(id);
      return null;
    }
    return await requireCopy(services, call, id, from, to, copied);
  } catch (error) {
    const row: LedgerRow = { ...intent, ...unsettled, id, intendedMs };
    const found = await settleFailed(services, call, row, from, to, error);
    if (found !== null) return found;
    throw error;
  } finally {
    ownIntents.delete(id);
  }
}

function copyOnce(
  services: VaultServices,
  call: Call,
  from: CopySource,
  to: CopyTarget,
  limit: CopyLimit,
): Promise<Opened<CopiedObject> | null> {
  const { metadata, contentType } = to.described ?? { metadata: {}, contentType: null };
  const options: Omit<CopyOptions, 'sourceAccess'> = {
    encryption: to.encryption,
    acl: to.acl,
    metadata: { ...metadata, ...mtimeMetadata(to.mtimeSeconds) },
    contentType,
    metadataFrom: to.described === undefined ? 'copy' : 'options',
    ...(to.onlyIfAbsent === undefined ? {} : { onlyIfAbsent: to.onlyIfAbsent }),
    ...(to.onlyIfMatches === undefined ? {} : { onlyIfMatches: to.onlyIfMatches }),
    ...(from.ifMatch === undefined ? {} : { sourceEtag: from.ifMatch }),
    ...(from.size === undefined ? {} : { sourceSize: from.size }),
    ...(from.versionId === undefined ? {} : { sourceVersionId: from.versionId }),
  };
  return openWithKeys(services.ledger, from.ref, from.keys, (sourceAccess) =>
    limit(() => services.store.copy(call, from.ref, to.ref, { ...options, sourceAccess })),
  );
}

/**
 * Confirms the copy once a HEAD shows the source's content with the target's encryption. Throws `corrupt` if
 * it does not.
 */
async function requireCopy(
  services: VaultServices,
  call: Call,
  id: IntentId,
  from: CopySource,
  to: CopyTarget,
  copied: Opened<CopiedObject>,
): Promise<VerifiedCopy> {
  const { ledger } = services;
  const { source, isVerified = false, ...written } = copied.value;
  const info = isVerified
    ? verifiedInfo(services, to, copied.value)
    : await headWritten(services, call, to, written);
  if (info === null) {
    // S3 reported success, so the ledger records which key the copy was encrypted with.
    await ledger.confirm(id, confirmationOf(copied, written, to, source));
    throw new Fault(
      'conflict',
      `the copy at ${to.ref.key} was immediately overwritten or deleted by another client`,
    );
  }
  const trouble =
    info.size !== source.size
      ? `it has ${info.size} bytes instead of ${source.size}`
      : isEncryptedAs(info.encryption, sealedWith(to.encryption))
        ? null
        : `its encryption is ${info.encryption.kind} instead of ${to.encryption.kind}`;
  if (trouble !== null) {
    const remainder = isSameObject(from, to) ? '' : '; the original is unchanged';
    throw new Fault('corrupt', `the copy at ${to.ref.key} is wrong: ${trouble}${remainder}`);
  }
  await ledger.confirm(id, confirmationOf(copied, written, to, info));
  if (isSameObject(from, to)) {
    services.rekeyed.note(to.ref, source.etag, { etag: info.etag, access: accessFor(to.encryption) });
  }
  return { info, source };
}

/** Returns what a HEAD of a target would return that S3's response has verified. The time is approximate. */
function verifiedInfo(
  { clock }: VaultServices,
  to: CopyTarget,
  { source, etag, versionId, checksum }: CopiedObject,
): ObjectInfo {
  const encryption = expectedEncryption(to.encryption);
  return { ...source, ...to.described, etag, versionId, checksum, encryption, lastModifiedMs: clock.nowMs() };
}

/**
 * Returns the target's properties, even if it was stored without the key. Null if another object is there, or
 * none.
 */
async function headWritten(
  { store }: VaultServices,
  call: Call,
  to: CopyTarget,
  { etag, versionId }: WrittenObject,
): Promise<ObjectInfo | null> {
  for (const access of [accessFor(to.encryption), noKey]) {
    try {
      const info = await store.head(call, to.ref, access, versionId ?? undefined);
      return info?.etag === etag ? info : null;
    } catch (error) {
      if (!isFault(error, 'key-missing', 'key-mismatch')) throw error;
    }
  }
  return null;
}

function confirmationOf(
  { value: { source }, candidates }: Opened<CopiedObject>,
  written: WrittenObject,
  to: CopyTarget,
  target: ObjectInfo,
): Confirmation {
  const row = rowOf(source, candidates);
  return {
    size: source.size,
    // Null if another client wrote the source and S3 keeps no checksum: a copy does not fetch the whole
    // object for it.
    checksum: row?.confirmation?.checksum ?? written.checksum ?? target.checksum ?? source.checksum,
    etag: written.etag,
    // Ceph's response to a copy does not contain the version.
    versionId: written.versionId ?? (target === source ? null : target.versionId),
    // S3's time of a copy is the time of copying. The file keeps its own time.
    mtimeSeconds: wholeSeconds(to.mtimeSeconds ?? mtimeOf(source, candidates)),
  };
}

const unsettled = { state: 'intended', uploadId: null, confirmation: null, settledMs: null } as const;

/**
 * Settles the row of a failed copy as far as possible. A refusal may answer a retry of a copy that succeeded
 * and whose first response was lost. Then the object there is the copy, and it is returned.
 */
async function settleFailed(
  services: VaultServices,
  call: Call,
  row: LedgerRow,
  from: CopySource,
  to: CopyTarget,
  error: unknown,
): Promise<VerifiedCopy | null> {
  try {
    if (isFault(error, 'corrupt')) {
      if (await undoCopy(services, call, row, from, to)) await services.ledger.abandon(row.id);
      return null;
    }
    if (mayHaveSucceeded(error)) return null;
    if (isFault(error, 'conflict', 'exists', 'key-missing', 'key-mismatch')) {
      return await findCopy(services, call, row, from, to);
    }
    await services.ledger.abandon(row.id);
  } catch (trouble) {
    call.log.warn('a failed copy could not be settled; retrying at the next start', {
      bucket: to.ref.bucket,
      key: to.ref.key,
      error: Fault.from(trouble),
    });
  }
  return null;
}

/**
 * Confirms the row if the object there is encrypted as recorded and no other row describes it. This is enough
 * for an object copied onto itself. Elsewhere it must also have the source's content.
 */
async function findCopy(
  services: VaultServices,
  call: Call,
  row: LedgerRow,
  from: CopySource,
  to: CopyTarget,
): Promise<VerifiedCopy | null> {
  const keys = to.encryption.kind === 'sse-c' ? [to.encryption.key] : [];
  if ((await settleRow(services, call, row, keys)) === 'abandoned') return null;
  const info = await services.store.head(call, to.ref, accessFor(to.encryption));
  if (info === null) return null;
  if (isSameObject(from, to)) return { info, source: info };
  const source = await headOriginal(services, call, from);
  return source !== null && sameContent(source, info) ? { info, source } : null;
}
