import type { ItemOf } from '../../api/endpoints.js';
import type { Tone } from '../../parts/status.js';

export type Approval = ItemOf<'listApprovals'>;

/** The states of requests for approval. A failed one was approved, but could not be done. */
export const approvalStates: Readonly<Record<Approval['state'], readonly [Tone, string]>> = {
  pending: ['busy', 'waits'],
  approved: ['good', 'approved'],
  rejected: ['plain', 'rejected'],
  expired: ['plain', 'expired'],
  failed: ['bad', 'approved, but failed'],
};
