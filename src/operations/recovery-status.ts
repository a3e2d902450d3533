import type { CopyStatus } from '../recovery/bucket-copy.js';
import type { RootServices } from './open-root.js';

/** The state of the recovery, by this machine's record. Asks S3 nothing. */
export interface RecoveryStatus {
  readonly recipients: readonly string[];
  readonly keys: number;
  readonly recoverableKeys: number;
  readonly copy: Omit<CopyStatus, 'completeMs' | 'failure'> & {
    readonly completeAt: string | null;
    readonly failure: { readonly at: string; readonly text: string } | null;
  };
  readonly problems: readonly string[];
}

/** Keys that are opened to check them. `sftpgw key list` and `sftpgw doctor --all` open every key. */
const maxOpened = 100;

type Services = Pick<RootServices, 'keyring' | 'bucketCopy'>;

/** Returns the problems of the keyring. Opens up to 100 keys, which takes seconds. */
export function keyProblems({ keyring }: Pick<Services, 'keyring'>): Promise<readonly string[]> {
  return keyring.problems(maxOpened);
}

/**
 * Returns what could be restored if this machine were lost now, with the problems that `problemsOf` finds. Throws the
 * faults of the keyring.
 */
export async function recoveryStatus(
  { keyring, bucketCopy }: Services,
  problemsOf: () => Promise<readonly string[]> = () => keyProblems({ keyring }),
): Promise<RecoveryStatus> {
  const keys = (await keyring.list()).filter(({ state }) => state !== 'destroyed');
  const { completeMs, failure, ...copy } = await bucketCopy.status();
  return {
    recipients: await keyring.recoveryRecipients(),
    keys: keys.length,
    recoverableKeys: keys.filter(({ isRecoverable }) => isRecoverable).length,
    copy: {
      ...copy,
      completeAt: completeMs === null ? null : timeText(completeMs),
      failure: failure === null ? null : { at: timeText(failure.ms), text: failure.text },
    },
    problems: await problemsOf(),
  };
}

/** Returns true if a recovery would restore everything that the settings copy. */
export function isReady({ recipients, keys, recoverableKeys, copy, problems }: RecoveryStatus): boolean {
  const isCopied = copy.none === 'off' || (copy.none === null && copy.isCurrent);
  return recipients.length > 0 && keys === recoverableKeys && isCopied && problems.length === 0;
}

function timeText(ms: number): string {
  return new Date(ms).toISOString();
}
