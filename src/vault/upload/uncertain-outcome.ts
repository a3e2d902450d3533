import { Fault } from '../../model/fault.js';

/**
 * Returns whether a request that failed with this error may still have changed something in S3. Then the
 * ledger row stays pending, so that its key is not forgotten, and the next start settles it.
 */
export function mayHaveSucceeded(error: unknown): boolean {
  const fault = Fault.from(error);
  return fault.isTransient || ['cancelled', 'corrupt', 'bug'].includes(fault.kind);
}
