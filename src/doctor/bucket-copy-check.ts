import type { Check } from './check.js';
import type { DoctorFinding } from './finding.js';

/** State of the copy of keys, users and settings in the bucket, as this machine last recorded it. */
export interface BucketCopyStatus {
  /** Why the gateway makes no copy; null if it makes one. */
  readonly none: 'off' | 'no-recipient' | 'no-bucket' | null;
  readonly isCurrent: boolean;
  /** When the copy was last complete, in milliseconds since 1970; null for never. */
  readonly completeMs: number | null;
  readonly failure: { readonly text: string } | null;
}

/** Checks that a new machine could restore everything from the bucket. */
export function bucketCopyCheck(copy: { status(): Promise<BucketCopyStatus> }): Check {
  return {
    name: 'copy in the bucket',
    run: async () => {
      const { none, isCurrent, failure, completeMs } = await copy.status();
      // The keyring check reports a missing recipient, and most other checks report a missing bucket.
      if (none === 'no-recipient' || none === 'no-bucket') return [];
      if (none === 'off') return [switchedOff];
      return isCurrent && failure === null ? [] : [behind(failure?.text ?? null, completeMs)];
    },
  };
}

const switchedOff: DoctorFinding = {
  code: 'bucket-copy-off',
  severity: 'notice',
  subject: 'gateway',
  what: 'Keys, users and settings are not copied to the bucket (keyring.bucket.copy=no).',
  why: 'If this machine is lost, only your own backup can restore them.',
  whatToDo: 'Keep such a backup, or set keyring.bucket.copy=yes.',
};

function behind(failure: string | null, completeMs: number | null): DoctorFinding {
  const since =
    completeMs === null ? 'never complete' : `complete as of ${new Date(completeMs).toISOString()}`;
  const reason = failure === null ? '' : `; the last attempt failed: ${failure}`;
  return {
    code: 'bucket-copy-behind',
    severity: 'warning',
    subject: 'gateway',
    what: `The copy of keys, users and settings in the bucket is out of date (${since}${reason}).`,
    why: 'If this machine is lost, every later change is lost with it.',
    whatToDo: 'Start the gateway, which updates the copy, or run `sftpgw recovery copy`.',
  };
}
