import type { Call } from '../model/call.js';
import type { CustomerKey } from '../model/customer-key.js';
import { accessFor } from '../model/encryption.js';
import { Fault } from '../model/fault.js';
import type { Confirmation, LedgerRow } from '../model/ledger.js';
import type { ObjectInfo, ObjectRef, WrittenObject } from '../model/object-store.js';
import { type Opened, openWithKeys } from './access.js';
import { leavesDoubt } from './doubt.js';
import { mtimeMetadata, mtimeOf, rowOf, wholeSeconds } from './mtime.js';
import type { VaultServices } from './part-sender.js';
import { restsUnder, sealedWith } from './sealed-with.js';
import type { UploadTarget } from './vault.js';

/** See `Vault.move`. Whatever fails, the object is at the one place or at both, never at neither. */
export async function moveObject(
  services: VaultServices,
  call: Call,
  from: ObjectRef,
  keys: readonly CustomerKey[],
  to: UploadTarget,
): Promise<boolean> {
  return services.locks.alone([from, to.ref], async () => {
    const source = await openWithKeys(services.ledger, from, keys, (access) =>
      services.store.head(call, from, access),
    );
    if (source === null) return false;
    if (from.bucket === to.ref.bucket && from.key === to.ref.key) return true;
    if (!(await copyVerified(services, call, from, source, to))) return false;
    await services.store.remove(call, from);
    await services.ledger.recordRemoval(from, to.actor);
    return true;
  });
}

/** False when the source went meanwhile. */
async function copyVerified(
  services: VaultServices,
  call: Call,
  from: ObjectRef,
  source: Opened<ObjectInfo>,
  to: UploadTarget,
): Promise<boolean> {
  const { store, ledger, ownIntents } = services;
  const id = await ledger.intend({
    ref: to.ref,
    sealedWith: sealedWith(to.encryption),
    actor: to.actor,
    requestId: call.id,
  });
  ownIntents.set(id, to.ref);
  try {
    const written = await store.copy(call, from, to.ref, {
      encryption: to.encryption,
      acl: to.acl,
      metadata: mtimeMetadata(to.mtimeSeconds),
      contentType: null,
      metadataFrom: 'copy',
      sourceAccess: source.access,
      sourceEtag: source.value.etag,
    });
    if (written === null) {
      await ledger.abandon(id);
      return false;
    }
    const copied = await requireCopy(services, call, source.value, to, written);
    await ledger.confirm(id, confirmationOf(source, copied, written, to));
    return true;
  } catch (error) {
    if (!leavesDoubt(error)) await ledger.abandon(id);
    throw error;
  } finally {
    ownIntents.delete(id);
  }
}

/** The target as HEAD sees it. Throws `corrupt` when it is not the source's content under the target's encryption. */
async function requireCopy(
  services: VaultServices,
  call: Call,
  source: ObjectInfo,
  to: UploadTarget,
  written: WrittenObject,
): Promise<ObjectInfo> {
  const { store } = services;
  const copied = await store.head(call, to.ref, accessFor(to.encryption), written.versionId ?? undefined);
  const trouble =
    copied === null
      ? 'it is not there'
      : copied.etag !== written.etag
        ? 'another object took its place'
        : copied.size !== source.size
          ? `it has ${copied.size} bytes instead of ${source.size}`
          : restsUnder(copied.encryption, sealedWith(to.encryption))
            ? null
            : `it rests under ${copied.encryption.kind} instead of ${to.encryption.kind}`;
  if (copied !== null && trouble === null) return copied;
  if (copied !== null && copied.etag === written.etag) {
    await store.remove(call, to.ref, written.versionId === null ? {} : { versionId: written.versionId });
  }
  throw new Fault(
    'corrupt',
    `the copy at ${to.ref.key} is not what it should be: ${trouble}; the original stays`,
  );
}

function confirmationOf(
  source: Opened<ObjectInfo>,
  copied: ObjectInfo,
  written: WrittenObject,
  to: UploadTarget,
): Confirmation {
  const row: LedgerRow | null = rowOf(source.value, source.candidates);
  // A copy's time at S3 is that of the copying; the file keeps its own.
  const mtimeSeconds = to.mtimeSeconds ?? mtimeOf(source.value, source.candidates);
  return {
    size: copied.size,
    // Null when somebody else wrote the source and S3 keeps none: a rename does not fetch the whole object for it.
    crc32: row?.confirmation?.crc32 ?? written.crc32 ?? copied.crc32 ?? source.value.crc32,
    etag: written.etag,
    versionId: written.versionId,
    mtimeSeconds: wholeSeconds(mtimeSeconds),
  };
}
