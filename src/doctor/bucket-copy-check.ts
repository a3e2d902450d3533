import type { CopyStatus } from '../recovery/bucket-copy.js';
import type { Check } from './check.js';
import type { DoctorFinding } from './finding.js';

/** Would a new machine get everything back from the bucket: the copy as this machine left it. */
export function bucketCopyCheck(copy: { status(): Promise<CopyStatus> }): Check {
  return {
    name: 'the copy in the bucket',
    run: async () => {
      const { none, isCurrent, failure, completeMs } = await copy.status();
      // Without a recipient the keyring's own check says what to do, without a bucket everything else does.
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
  why: 'When this machine is lost, only a backup of your own brings them back.',
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
    what: `The copy of keys, users and settings in the bucket is behind this machine (${since}${reason}).`,
    why: 'When this machine is lost, what is missing there is lost with it.',
    whatToDo: 'Start the gateway, which brings it up to date, or run `sftpgw recovery copy`.',
  };
}
