import type { Call } from '../model/call.js';
import { Fault, isFault } from '../model/fault.js';
import type { KeyLedger, PendingRemoval, Removal } from '../model/ledger.js';
import { findListed, versionsOf } from '../model/list-pages.js';
import type { ObjectStore } from '../model/object-store.js';
import type { ObjectVersions } from '../model/object-versions.js';

/** With these answers, S3 has removed nothing. After others it may have, or may do so later. */
const refusals = ['conflict', 'denied', 'invalid', 'unsupported'] as const;

/**
 * Removes an object or a version with `remove`, and records that in the ledger. The ledger knows the removal before
 * the request, so that the next start can finish it after a crash. Throws the faults of `remove` and of the ledger.
 */
export async function removeRecorded(
  ledger: Pick<KeyLedger, 'beginRemoval' | 'endRemoval'>,
  removal: Removal,
  remove: () => Promise<void>,
): Promise<void> {
  const id = await ledger.beginRemoval(removal);
  try {
    await remove();
  } catch (error) {
    if (isFault(error, ...refusals)) await ledger.endRemoval(id, false);
    throw error;
  }
  await ledger.endRemoval(id, true);
}

export interface RemovalServices {
  readonly ledger: Pick<KeyLedger, 'pendingRemovals' | 'endRemoval'>;
  readonly store: Pick<ObjectStore, 'list'> & ObjectVersions;
}

/**
 * Records the results of the removals that were begun before the time and have none. A listing shows whether the object
 * is there, without its key. Returns the number of objects that are gone. Logs and keeps removals that cannot be checked.
 */
export async function settleRemovals(
  services: RemovalServices,
  call: Call,
  olderThanMs: number,
): Promise<number> {
  let gone = 0;
  for (const removal of await services.ledger.pendingRemovals(olderThanMs)) {
    try {
      const isGone = !(await isThere(services, call, removal));
      await services.ledger.endRemoval(removal.id, isGone);
      if (isGone) gone += 1;
    } catch (error) {
      const fault = Fault.from(error);
      if (fault.kind === 'cancelled') throw fault;
      call.log.warn('a pending removal could not be checked', { ...removal.ref, error: fault });
    }
  }
  return gone;
}

async function isThere(
  services: RemovalServices,
  call: Call,
  { ref, versionId }: PendingRemoval,
): Promise<boolean> {
  if (versionId === null) return (await findListed(services.store, call, ref)) !== null;
  const versions = await versionsOf(services.store, call, ref);
  return versions.some((version) => (version.versionId ?? 'null') === versionId);
}
