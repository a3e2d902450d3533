import type { Call } from '../../model/call.js';
import { Fault, isFault } from '../../model/fault.js';
import { findListed } from '../../model/list-pages.js';
import type { MirrorEntry, MirrorPrefix, MirrorState } from '../../model/mirror.js';
import type { ObjectRef, ObjectStore } from '../../model/object-store.js';
import type { Vault } from '../../vault/vault.js';
import { removeEmptyParents } from '../key-check.js';
import type { MirrorTarget, ObjectFetches } from '../object-fetches.js';
import { plainEtag } from '../plan/listing.js';
import { isIntact } from '../plan/local-check.js';
import { isSameVersion } from '../plan/planner.js';

interface RemovalServices {
  readonly store: Pick<ObjectStore, 'list'>;
  readonly vault: Pick<Vault, 'remove'>;
  readonly state: MirrorState;
  readonly target: MirrorTarget;
  readonly fetches: ObjectFetches;
}

/**
 * Removes the object of a mirrored file, then the file and the directories that became empty. After a crash
 * in between, the next pass removes the file. The caller must lock the path. Throws as
 * `MirrorRemoval.removeFile` does.
 */
export async function removeMirroredFile(
  { store, vault, state, target, fetches }: RemovalServices,
  { name, bucket, prefix }: MirrorPrefix,
  call: Call,
  path: string,
  actor: string,
): Promise<void> {
  const entry = await state.find(name, path);
  const mirrored = await intactObject(entry, target.disk.root);
  if (entry === null || mirrored === null) {
    throw conflict('the file on disk was changed; the gateway compares it with S3 again');
  }
  const ref = { bucket, key: prefix + path };
  // The listing also has the time that the state records.
  const object = await findListed(store, call, ref);
  if (object === null) fetches.removed(path, entry);
  else if (isSameVersion(mirrored, { ...object, etag: plainEtag(object.etag) })) {
    await removeUnchanged(vault, call, ref, actor, `"${mirrored.etag}"`);
  } else throw changed();
  await target.committer.commit({ kind: 'delete', path });
  await removeEmptyParents(state, name, target, path);
}

/**
 * Removes the object on the condition that its ETag still matches, because another client may write after the
 * comparison.
 */
async function removeUnchanged(
  vault: Pick<Vault, 'remove'>,
  call: Call,
  ref: ObjectRef,
  actor: string,
  etag: string,
): Promise<void> {
  try {
    await vault.remove(call, ref, actor, etag);
  } catch (error) {
    throw isFault(error, 'conflict') ? changed() : error;
  }
}

/** Returns the object that the file on disk came from. Null if the file is missing or was changed. */
async function intactObject(entry: MirrorEntry | null, root: string): Promise<MirrorEntry['object']> {
  if (entry === null || entry.stamp === null) return null;
  return (await isIntact(entry, root)) ? entry.object : null;
}

function changed(): Fault {
  return conflict('the object has changed in S3; check the new content, then remove it again');
}

function conflict(what: string): Fault {
  return new Fault('conflict', `not removed: ${what}`);
}
