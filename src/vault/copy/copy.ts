import type { Call } from '../../model/call.js';
import { accessFor, noKey } from '../../model/encryption.js';
import { Fault, isFault } from '../../model/fault.js';
import type { Confirmation, IntentId, LedgerRow } from '../../model/ledger.js';
import type { CopiedObject, CopyOptions, ObjectInfo, WrittenObject } from '../../model/object-store.js';
import { type Opened, openWithKeys } from '../access.js';
import { mtimeMetadata, mtimeOf, rowOf, wholeSeconds } from '../mtime.js';
import { restingUnder, restsUnder, sealedWith } from '../sealed-with.js';
import { settleRow } from '../settle.js';
import { leavesDoubt } from '../upload/doubt.js';
import type { VaultServices } from '../upload/part-sender.js';
import type { CopySource, CopyTarget } from '../vault.js';
import { headSource, isItself, sameContent, undoCopy } from './undo-copy.js';

/** A copy that is what it should be, and confirmed in the ledger. */
export interface VerifiedCopy {
  /** What HEAD said of the target. */
  readonly info: ObjectInfo;
  readonly source: ObjectInfo;
}

/** See `Vault.copy`; the caller holds the locks. Null when there is no source. */
export async function copyVerified(
  services: VaultServices,
  call: Call,
  from: CopySource,
  to: CopyTarget,
): Promise<VerifiedCopy | null> {
  const { ledger, ownIntents } = services;
  const { ref, actor, encryption } = to;
  const intent = { ref, sealedWith: sealedWith(encryption), actor, requestId: call.id };
  const intendedMs = services.clock.nowMs();
  const id = await ledger.intend(intent);
  ownIntents.set(id, ref);
  try {
    const copied = await copyOnce(services, call, from, to);
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
    ...(to.admission === undefined ? {} : { admission: to.admission }),
    ...(from.ifMatch === undefined ? {} : { sourceEtag: from.ifMatch }),
    ...(from.size === undefined ? {} : { sourceSize: from.size }),
    ...(from.versionId === undefined ? {} : { sourceVersionId: from.versionId }),
  };
  return openWithKeys(services.ledger, from.ref, from.keys, (sourceAccess) =>
    services.store.copy(call, from.ref, to.ref, { ...options, sourceAccess }),
  );
}

/** Confirms the copy once HEAD says that it is the source's content under the target's encryption. Throws `corrupt` when it is not. */
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
    // It landed, S3 said so; the ledger keeps which key sealed it.
    await ledger.confirm(id, confirmationOf(copied, written, to, source));
    throw new Fault('conflict', `the copy at ${to.ref.key} was replaced or removed at once by somebody else`);
  }
  const trouble =
    info.size !== source.size
      ? `it has ${info.size} bytes instead of ${source.size}`
      : restsUnder(info.encryption, sealedWith(to.encryption))
        ? null
        : `it rests under ${info.encryption.kind} instead of ${to.encryption.kind}`;
  if (trouble !== null) {
    const rest = isItself(from, to) ? '' : '; the original stays';
    throw new Fault('corrupt', `the copy at ${to.ref.key} is not what it should be: ${trouble}${rest}`);
  }
  await ledger.confirm(id, confirmationOf(copied, written, to, info));
  if (isItself(from, to)) {
    services.successors.note(to.ref, source.etag, { etag: info.etag, access: accessFor(to.encryption) });
  }
  return { info, source };
}

/** What HEAD would say of a target that S3's answer has verified. Its time is about now. */
function verifiedInfo(
  { clock }: VaultServices,
  to: CopyTarget,
  { source, etag, versionId, checksum }: CopiedObject,
): ObjectInfo {
  const encryption = restingUnder(to.encryption);
  return { ...source, ...to.described, etag, versionId, checksum, encryption, lastModifiedMs: clock.nowMs() };
}

/** The target, also where it turns out to lie there without the key. Null when another object is there, or none. */
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
    // Null when somebody else wrote the source and S3 keeps none: a copy does not fetch the whole object for it.
    checksum: row?.confirmation?.checksum ?? written.checksum ?? target.checksum ?? source.checksum,
    etag: written.etag,
    // Ceph does not say the version in its answer to a copy.
    versionId: written.versionId ?? (target === source ? null : target.versionId),
    // A copy's time at S3 is that of the copying; the file keeps its own.
    mtimeSeconds: wholeSeconds(to.mtimeSeconds ?? mtimeOf(source, candidates)),
  };
}

const unsettled = { state: 'intended', uploadId: null, confirmation: null, settledMs: null } as const;

/**
 * Settles the row of a copy that failed, as far as that can be known. A refusal may be the answer to a second attempt of a copy
 * that had worked and whose first answer was lost: then what is there is the copy after all, and is answered.
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
    if (leavesDoubt(error)) return null;
    if (isFault(error, 'conflict', 'exists', 'key-missing', 'key-mismatch')) {
      return await findCopy(services, call, row, from, to);
    }
    await services.ledger.abandon(row.id);
  } catch (trouble) {
    call.log.warn('a copy that failed could not be settled; the next start tries again', {
      bucket: to.ref.bucket,
      key: to.ref.key,
      error: Fault.from(trouble),
    });
  }
  return null;
}

/**
 * Confirms the row when what is there rests as the row says and nobody else's row tells of it. Copied onto itself, such an
 * object is what was wanted; elsewhere it has to have the source's content too.
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
  if (isItself(from, to)) return { info, source: info };
  const source = await headSource(services, call, from);
  return source !== null && sameContent(source, info) ? { info, source } : null;
}
