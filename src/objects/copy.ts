import type { Call } from '../model/call.js';
import { accessFor, type WriteEncryption } from '../model/encryption.js';
import { Fault, isFault } from '../model/fault.js';
import type { ObjectInfo, ObjectRef } from '../model/object-store.js';
import type { Opened } from '../vault/access.js';
import { isEncryptedAs, sealedWith } from '../vault/sealed-with.js';
import { contentOf, isSameContent } from './content.js';
import { type EncryptionChoice, refuseGatewayFiles, sourceEncryption } from './encryption-choice.js';
import { openObject } from './encryption-lookup.js';
import { objectNotFound } from './get.js';
import { s3Url } from './s3-url.js';
import type { ObjectServices } from './services.js';

/** How to copy or move objects. */
export interface CopyPlan {
  readonly choice: EncryptionChoice;
  /** Removes the source once its copy is verified. */
  readonly move: boolean;
  /** Allows moving the gateway's own files. */
  readonly gatewayFiles: boolean;
}

/** Outcome of one copy and the size of the object in bytes. */
export interface CopyResult {
  readonly outcome: 'copied' | 'unchanged';
  readonly size: number;
}

/**
 * Copies or moves one object of any size within S3, with the encryption chosen for its target. Skips the copy
 * if the target has the same content and encryption, so that an interrupted command can resume. Copies
 * exactly the object that was inspected, verifies the copy, and records it in the ledger. A move removes the
 * source only after that. Throws `not-found`, and the faults of the choice and of `Vault.copy`.
 */
export async function copyOrMoveObject(
  services: ObjectServices,
  call: Call,
  from: ObjectRef,
  to: ObjectRef,
  { choice, move, gatewayFiles }: CopyPlan,
): Promise<CopyResult> {
  if (move && !gatewayFiles) refuseGatewayFiles(from);
  const isItself = from.bucket === to.bucket && from.key === to.key;
  if (move && isItself) throw new Fault('invalid', `cannot move ${s3Url(from)} onto itself`);
  const source = await openObject(services, call, from);
  if (source === null) throw objectNotFound(from);
  const { size, etag, encryption } = source.value;
  const key = source.access.kind === 'sse-c' ? source.access.key : null;
  const chosen = await choice.at(to, sourceEncryption(encryption, key));
  const actor = move ? 'object mv' : 'object cp';
  if (await isCopied(services, call, source, to, chosen.encryption, isItself)) {
    if (move) await services.vault.remove(call, from, actor, etag);
    return { outcome: 'unchanged', size };
  }
  const keys = key === null ? [] : [key];
  const target = { ref: to, ...chosen, actor, mtimeSeconds: null };
  const isThere = move
    ? await services.vault.move(call, from, keys, target)
    : (await services.vault.copy(call, { ref: from, keys, ifMatch: etag }, target)) !== null;
  if (!isThere) throw objectNotFound(from);
  return { outcome: 'copied', size };
}

/**
 * Reports whether the target has the copy already. An object that does not open with the target's key is
 * another one, which the copy replaces.
 */
async function isCopied(
  { store, ledger }: ObjectServices,
  call: Call,
  source: Opened<ObjectInfo>,
  to: ObjectRef,
  encryption: WriteEncryption,
  isItself: boolean,
): Promise<boolean> {
  const sealed = sealedWith(encryption);
  if (isItself) return isEncryptedAs(source.value.encryption, sealed);
  try {
    const there = await store.head(call, to, accessFor(encryption));
    if (there === null || !isEncryptedAs(there.encryption, sealed)) return false;
    const kept = contentOf(there, await ledger.candidates(to));
    return isSameContent(contentOf(source.value, source.candidates), kept);
  } catch (error) {
    if (isFault(error, 'key-missing', 'key-mismatch')) return false;
    throw error;
  }
}
