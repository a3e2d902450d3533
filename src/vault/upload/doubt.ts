import { Fault } from '../../model/fault.js';

/**
 * Whether a request that failed so may have left something at S3 all the same. Then the ledger's row stays pending, so
 * that its key is not forgotten, and the next start settles it.
 */
export function leavesDoubt(error: unknown): boolean {
  const fault = Fault.from(error);
  return fault.isTransient || ['cancelled', 'corrupt', 'bug'].includes(fault.kind);
}
