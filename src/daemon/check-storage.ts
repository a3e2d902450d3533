import { isCommandRunning } from '../assembly/running-commands.js';
import type { Call, Clock } from '../model/call.js';
import type { CustomerKey } from '../model/customer-key.js';
import { Fault, isFault } from '../model/fault.js';
import type { UserRegistry } from '../model/users.js';
import { probeS3 } from '../s3/bucket/probe.js';
import type { S3StoreOptions } from '../s3/options.js';
import type { Vault } from '../vault/vault.js';

export interface StorageCheck {
  readonly bucket: string;
  readonly s3: S3StoreOptions;
  readonly vault: Pick<Vault, 'settlePending'>;
  /** Every key at hand, as it is now. */
  readonly allKeys: () => Promise<readonly CustomerKey[]>;
  readonly runningCommandsDirectory: string;
  readonly registry: Pick<UserRegistry, 'list'>;
  readonly clock: Clock;
  /** Takes the sentences meant for a person. */
  readonly output: (line: string) => void;
}

/** The start waits this long for S3; what is not known by then is found out while the SFTP server is already open. */
const startWaitMs = 10_000;
const settleAgainMs = 60_000;

/**
 * Asks S3 whether it can be used as configured, and settles the writes that the last run left open. Findings are printed and
 * logged as they come. Resolves when both are done, or after ten seconds; never rejects.
 */
export async function checkStorage(call: Call, check: StorageCheck): Promise<void> {
  const work = Promise.all([reportFindings(call, check), settleUntilDone(call, check)]);
  const enough = new AbortController();
  await Promise.race([work, check.clock.sleep(startWaitMs, enough.signal).catch(() => undefined)]);
  enough.abort();
}

async function reportFindings(call: Call, check: StorageCheck): Promise<void> {
  try {
    const users = await check.registry.list();
    const findings = await probeS3(call, check.s3, {
      bucket: check.bucket,
      sseC: users.some((user) => user.uploadOption === 3),
    });
    for (const { severity, what, whatToDo } of findings) {
      check.output(`${severity}: ${what}: ${whatToDo}`);
      const log = severity === 'error' ? 'error' : 'warn';
      call.log[log](what, { whatToDo });
    }
    if (findings.length === 0) call.log.info('S3 can be used as configured', { bucket: check.bucket });
  } catch (error) {
    if (!isFault(error, 'cancelled')) call.log.error('S3 could not be checked', { error: Fault.from(error) });
  }
}

/** Goes on trying while something could not be settled: S3 may be away at the start. */
async function settleUntilDone(
  call: Call,
  { vault, allKeys, runningCommandsDirectory, clock }: StorageCheck,
): Promise<void> {
  try {
    for (;;) {
      const report = await vault.settlePending(call, {
        // A row names its key; whose it is does not matter, and commands write with any.
        keysOf: allKeys,
        isUnderWay: ({ requestId }) => isCommandRunning(runningCommandsDirectory, requestId),
      });
      const { confirmed, abandoned, abortedUploads, problems } = report;
      if (confirmed + abandoned + abortedUploads + problems.length > 0) {
        call.log.info('writes of the last run are settled', {
          confirmed,
          abandoned,
          abortedUploads,
          pending: problems.length,
        });
      }
      if (problems.length === 0) return;
      await clock.sleep(settleAgainMs, call.signal);
    }
  } catch (error) {
    if (isFault(error, 'cancelled') || call.signal.aborted) return;
    call.log.error('the writes of the last run could not be settled', { error: Fault.from(error) });
  }
}
