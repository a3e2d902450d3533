import type { Call } from '../../model/call.js';
import type { CustomerKey } from '../../model/customer-key.js';
import type { ObjectRef } from '../../model/object-store.js';
import { openWithKeys } from '../access.js';
import type { VaultServices } from '../upload/part-sender.js';
import type { CopyTarget } from '../vault.js';
import { copyVerified } from './copy.js';
import { removeUnchanged } from './remove-unchanged.js';

/** See `Vault.move`. Whatever fails, the object is at the one place or at both, never at neither. */
export async function moveObject(
  services: VaultServices,
  call: Call,
  from: ObjectRef,
  keys: readonly CustomerKey[],
  to: CopyTarget,
): Promise<boolean> {
  const { store, ledger, locks } = services;
  return locks.alone([from, to.ref], async () => {
    if (from.bucket === to.ref.bucket && from.key === to.ref.key) {
      return (await openWithKeys(ledger, from, keys, (access) => store.head(call, from, access))) !== null;
    }
    const copy = await copyVerified(services, call, { ref: from, keys }, to);
    if (copy === null) return false;
    // Another program's newer object stays.
    await removeUnchanged(store, call, from, copy.source.etag);
    await ledger.recordRemoval(from, to.actor);
    return true;
  });
}
