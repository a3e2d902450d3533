import type { AnswerOf } from '../../api/endpoints.js';

export type Recovery = AnswerOf<'getRecovery'>;
export type Share = Recovery['shares'][number];

const shownCharacters = 12;

/** Returns the beginning of a recipient, enough to tell one from another. */
export function shortRecipient(recipient: string): string {
  return `${recipient.slice(0, shownCharacters)}…`;
}

/** Why there is no copy in a bucket, in words. */
export const withoutCopy = {
  off: 'Copies are off: keyring.bucket.copy is no.',
  'no-recipient': 'There is no copy, because there is no recovery identity.',
  'no-bucket': 'There is no copy, because no bucket is set.',
} as const;

/** Returns the last proof that a person has the identity of a recipient; null without one. */
export function lastDrill({ drills }: Recovery, recipient: string): Recovery['drills'][number] | null {
  return drills.find((drill) => drill.recipient === recipient) ?? null;
}
