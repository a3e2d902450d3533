import type { Call } from '../../model/call.js';
import type { CustomerKey } from '../../model/customer-key.js';
import type { ObjectRef } from '../../model/object-store.js';
import { openWithKeys } from '../access.js';
import { removeRecorded } from '../removals.js';
import type { CopyTarget } from '../vault.js';
import type { VaultServices } from '../vault-services.js';
import { copyVerified } from './copy.js';
import { removeUnchanged } from './remove-unchanged.js';

/**
 * Moves an object, see `Vault.move`. If a step fails, the object is still at the source, at the target or at
 * both.
 */
export async function moveObject(
  services: VaultServices,
  call: Call,
  from: ObjectRef,
  keys: readonly CustomerKey[],
  to: CopyTarget,
): Promise<boolean> {
  const { store, ledger, locks } = services;
  return locks.runExclusive([from, to.ref], async () => {
    if (from.bucket === to.ref.bucket && from.key === to.ref.key) {
      return (await openWithKeys(ledger, from, keys, (access) => store.head(call, from, access))) !== null;
    }
    const copy = await copyVerified(services, call, { ref: from, keys }, to);
    if (copy === null) return false;
    // A newer object of another client stays.
    const { etag } = copy.source;
    await removeRecorded(ledger, { ref: from, actor: to.actor, versionId: null }, () =>
      removeUnchanged(store, call, from, etag),
    );
    return true;
  });
}
