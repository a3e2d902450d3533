import type { KeyLedger } from '../../../model/ledger.js';
import type { ObjectRef } from '../../../model/object-store.js';

/** Records that the object was removed. */
export async function recordRemoval(
  ledger: Pick<KeyLedger, 'beginRemoval' | 'endRemoval'>,
  ref: ObjectRef,
  actor: string,
): Promise<void> {
  await ledger.endRemoval(await ledger.beginRemoval({ ref, actor, versionId: null }), true);
}
