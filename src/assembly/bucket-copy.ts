import type { AuditScribe } from '../audit/scribe.js';
import { KeyringLock } from '../keyring/keyring-lock.js';
import type { Call, Clock, Logger } from '../model/call.js';
import { Fault } from '../model/fault.js';
import { BucketCopy, type BucketCopyServices, type CopyOutcome } from '../recovery/bucket-copy.js';
import { importKeyFiles } from '../users/key-import.js';
import type { RootKeyring } from './keyring.js';
import type { LiveSettings } from './live-settings.js';
import { systemClock, systemEntropy } from './system.js';
import type { UserServices } from './user-services.js';

/** Creates the copy of a root's keyring, users and settings in its default bucket. Reads nothing yet. */
export function createBucketCopy(
  settings: LiveSettings,
  core: Pick<BucketCopyServices, 'store' | 'keyring'> & {
    readonly parts: UserServices;
    readonly scribe: AuditScribe;
  },
): BucketCopy {
  const { root, bucketCopyFile, bucketCopyLockFile } = settings.paths;
  const lock = new KeyringLock(bucketCopyLockFile, systemClock, 'copying to the bucket');
  return new BucketCopy({
    root,
    store: core.store,
    keyring: core.keyring,
    keyFiles: core.parts.keyFiles,
    importKeyFiles: () => importKeyFiles(core.parts),
    stateFile: bucketCopyFile,
    alone: (work) => lock.hold(work),
    bucket: () => settings.bucket,
    completed: ({ snapshot, changedFiles }) =>
      core.scribe.note({
        action: 'recovery.copy',
        target: `snapshot ${snapshot}`,
        bucket: settings.bucket,
        details: { snapshot, changedFiles },
      }),
    isWanted: () => settings.current.keyringBucketCopy,
    isShared: settings.current.cluster,
    clock: systemClock,
    entropy: systemEntropy,
  });
}

/** The services of `watchBucketCopy`. */
export interface BucketCopyWatch {
  readonly bucketCopy: Pick<BucketCopy, 'isOutdated' | 'reasonNotCopied' | 'run'>;
  readonly keyring: Pick<RootKeyring, 'onChange'>;
  readonly call: Call;
  readonly log: Logger;
  readonly clock: Clock;
}

/**
 * The pause between checks for changes. With very many users it is longer, so that checks take at most a
 * twentieth of the time.
 */
const checkIntervalMs = 5_000;
const minIdlePerCheck = 20;
const maxRetryMs = 10 * 60_000;

/**
 * Keeps the copy up to date until the signal aborts: at once after a change of the keyring in this process,
 * and soon after any other change of the files. Logs a failure once and retries, finally every ten minutes.
 * Never rejects.
 */
export async function watchBucketCopy(watch: BucketCopyWatch, signal: AbortSignal): Promise<void> {
  const { clock } = watch;
  const waits = new Waits(clock, signal);
  const stop = watch.keyring.onChange(() => waits.wake());
  let logged = '';
  let failures = 0;
  while (!signal.aborted) {
    const result = await copyIfOutdated(watch);
    if (result.detail !== logged && result.text !== '') watch.log[result.level](result.text, result.fields);
    logged = result.detail;
    failures = result.failed ? failures + 1 : 0;
    const retryMs = Math.min(maxRetryMs, checkIntervalMs * 2 ** Math.min(failures, 16));
    await waits.wait(Math.max(retryMs, result.checkMs * minIdlePerCheck));
  }
  stop();
}

interface TimedCopyReport extends CopyReport {
  readonly checkMs: number;
}

interface CopyReport {
  readonly failed: boolean;
  /** The log message; empty for none. */
  readonly text: string;
  /** The reason or the snapshot. A report with the same detail as the last one is not logged. */
  readonly detail: string;
  readonly level: 'info' | 'error';
  readonly fields?: { readonly error: Fault } | { readonly snapshot: number; readonly keyringFiles: number };
}

const nothingToReport: CopyReport = { failed: false, text: '', detail: '', level: 'info' };

async function copyIfOutdated({ bucketCopy, call, clock }: BucketCopyWatch): Promise<TimedCopyReport> {
  const startMs = clock.monotonicMs();
  let checkMs = 0;
  try {
    const isNeeded = (await bucketCopy.reasonNotCopied()) !== null || (await bucketCopy.isOutdated());
    checkMs = clock.monotonicMs() - startMs;
    return { checkMs, ...(isNeeded ? described(await bucketCopy.run(call)) : nothingToReport) };
  } catch (error) {
    const fault = Fault.from(error);
    if (fault.kind === 'cancelled') return { checkMs, ...nothingToReport };
    const text = 'copying to the bucket failed';
    return { checkMs, failed: true, text, detail: fault.hint, level: 'error', fields: { error: fault } };
  }
}

function described(outcome: CopyOutcome): CopyReport {
  switch (outcome.kind) {
    case 'no-recipient':
    case 'off':
    case 'no-bucket':
      return nothingToReport;
    case 'complete':
      if (!outcome.isNewSnapshot && outcome.changedFiles === 0) return nothingToReport;
      return {
        failed: false,
        level: 'info',
        text: 'keys, users and settings copied to the bucket',
        detail: `snapshot ${outcome.snapshot}`,
        fields: { snapshot: outcome.snapshot, keyringFiles: outcome.changedFiles },
      };
  }
}

/** Waits that end early after `wake`, and when the signal aborts. */
class Waits {
  readonly #clock: Clock;
  readonly #signal: AbortSignal;
  #isWoken = false;
  #wait: AbortController | null = null;

  constructor(clock: Clock, signal: AbortSignal) {
    this.#clock = clock;
    this.#signal = signal;
    signal.addEventListener('abort', () => this.wake(), { once: true });
  }

  wake(): void {
    this.#isWoken = true;
    this.#wait?.abort();
  }

  async wait(ms: number): Promise<void> {
    if (!this.#isWoken && !this.#signal.aborted) {
      this.#wait = new AbortController();
      await this.#clock.sleep(ms, this.#wait.signal).catch(() => undefined);
      this.#wait = null;
    }
    this.#isWoken = false;
  }
}
