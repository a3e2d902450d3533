import { forEachBounded } from '../concurrency/bounded.js';
import type { Call } from '../model/call.js';
import { Fault } from '../model/fault.js';
import { findListed, versionsOf } from '../model/list-pages.js';
import type { ObjectRef } from '../model/object-store.js';
import { removeRecorded } from '../vault/removals.js';
import { refuseGatewayFiles } from './encryption-choice.js';
import { objectNotFound } from './get.js';
import { walkObjects } from './object-tree.js';
import { s3Url } from './s3-url.js';
import { type ObjectServices, parallelObjects } from './services.js';
import { type TreeWatcher, treePrefix } from './tree-outcome.js';

const actor = 'object rm';

/**
 * Removes one object, without its key, and records that in the ledger. Throws `not-found`, and `denied` for
 * the gateway's own files.
 */
export async function removeCurrentObject(
  services: ObjectServices,
  call: Call,
  ref: ObjectRef,
  gatewayFiles: boolean,
): Promise<void> {
  if (!gatewayFiles) refuseGatewayFiles(ref);
  if ((await findListed(services.store, call, ref)) === null) throw objectNotFound(ref);
  await services.vault.remove(call, ref, actor);
}

/** Removes one version or delete marker permanently. Throws as `removeCurrentObject` does. */
export async function removeVersion(
  services: ObjectServices,
  call: Call,
  ref: ObjectRef,
  versionId: string,
  gatewayFiles: boolean,
): Promise<void> {
  if (!gatewayFiles) refuseGatewayFiles(ref);
  const versions = await versionsOf(services.store, call, ref);
  const version = versions.find((one) => one.versionId === versionId);
  if (version === undefined) {
    throw new Fault(
      'not-found',
      `${s3Url(ref)} has no version ${versionId}; \`object stat\` lists its versions`,
    );
  }
  const remove = () => services.removeVersion(call, ref, versionId);
  if (version.isDeleteMarker) await remove();
  else await removeRecorded(services.ledger, { ref, actor, versionId }, remove);
}

/**
 * Removes all objects below a prefix. Throws the faults of the listing and `cancelled`; reports all others to
 * the watcher.
 */
export async function removeTree(
  services: ObjectServices,
  call: Call,
  from: ObjectRef,
  gatewayFiles: boolean,
  watcher: TreeWatcher,
): Promise<void> {
  const objects = walkObjects(services, call, treePrefix(from));
  await forEachBounded(call.signal, objects, parallelObjects, async ({ ref }) => {
    const name = s3Url(ref);
    try {
      if (!gatewayFiles) refuseGatewayFiles(ref);
      await services.vault.remove(call, ref, actor);
      watcher.settled({ kind: 'done', from: name, to: null });
    } catch (error) {
      if (Fault.from(error).kind === 'cancelled') throw error;
      watcher.settled({ kind: 'failed', name, error });
    }
  });
}
