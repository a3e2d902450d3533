import type { Call } from '../../model/call.js';
import { Fault } from '../../model/fault.js';
import type { Confirmation, IntentId } from '../../model/ledger.js';
import type { VaultServices } from '../vault-services.js';

/** The row of a write. */
export interface WrittenRow {
  readonly id: IntentId;
  /**
   * True if the next start could confirm the row by the object alone (`settlePending`): the object was written by one
   * request, so that it has all that the row records, and the ledger has no other row that may describe it.
   */
  readonly isSelfEvident: boolean;
}

/**
 * Confirms the row of an object that was written and verified. Resolves when the row is durable; for a self-evident
 * one as soon as all later calls see it, so that it can share the commit of the next write.
 */
export async function confirmWritten(
  { ledger, ownIntents }: VaultServices,
  call: Call,
  { id, isSelfEvident }: WrittenRow,
  confirmation: Confirmation,
): Promise<void> {
  if (!isSelfEvident) {
    await ledger.confirm(id, confirmation);
    ownIntents.delete(id);
    return;
  }
  const { saved } = await ledger.confirmSoon(id, confirmation);
  // A settlement leaves the row unchanged until then.
  void saved
    .catch(() => ledger.confirm(id, confirmation))
    .catch((error: unknown) => {
      call.log.warn('confirmation of an upload not saved; retrying at the next start', {
        row: id,
        error: Fault.from(error),
      });
    })
    .finally(() => ownIntents.delete(id));
}
