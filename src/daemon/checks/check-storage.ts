import { isCommandRunning } from '../../assembly/running-commands.js';
import type { Call, Clock } from '../../model/call.js';
import type { CustomerKey } from '../../model/customer-key.js';
import { Fault, isFault } from '../../model/fault.js';
import type { UserRegistry } from '../../model/users.js';
import { probeS3 } from '../../s3/bucket/probe.js';
import { proxyInUse } from '../../s3/client.js';
import type { S3StoreOptions } from '../../s3/options.js';
import { type RemovalServices, settleRemovals } from '../../vault/removals.js';
import type { Vault } from '../../vault/vault.js';
import type { OrphanSettler } from '../orphan-settler.js';

/** The bucket to check and the services of `checkStorage`. */
export interface StorageCheck {
  readonly bucket: string;
  readonly s3: S3StoreOptions;
  readonly vault: Pick<Vault, 'settlePending'>;
  /** Settles removals of objects. */
  readonly removals: RemovalServices;
  /** Settles what is left in the ledger, if several gateways share it. */
  readonly orphans: Pick<OrphanSettler, 'run'> | null;
  /** Returns every key that is available now. */
  readonly allKeys: () => Promise<readonly CustomerKey[]>;
  readonly runningCommandsDirectory: string;
  readonly registry: Pick<UserRegistry, 'locations'>;
  readonly clock: Clock;
  /** Receives lines for people. */
  readonly output: (line: string) => void;
}

/** The max. wait of the SFTP server for this check. After it the check continues in the background. */
const startWaitMs = 10_000;
const settleAgainMs = 60_000;

/**
 * Checks that S3 can be used as configured, and settles the writes that the last run left open. Prints and
 * logs findings at once. Resolves when both are done, or after ten seconds. Never rejects.
 */
export async function checkStorage(call: Call, check: StorageCheck): Promise<void> {
  const work = Promise.all([reportFindings(call, check), settleUntilDone(call, check)]);
  const enough = new AbortController();
  await Promise.race([work, check.clock.sleep(startWaitMs, enough.signal).catch(() => undefined)]);
  enough.abort();
}

async function reportFindings(call: Call, check: StorageCheck): Promise<void> {
  try {
    const proxy = proxyInUse(check.s3);
    if (proxy !== null) call.log.info('S3 is reached through a proxy', { proxy });
    const users = await check.registry.locations();
    const findings = await probeS3(call, check.s3, {
      bucket: check.bucket,
      sseC: users.some((user) => user.uploadOption === 3),
    });
    for (const { severity, what, whatToDo } of findings) {
      check.output(`${severity}: ${what}: ${whatToDo}`);
      const log = severity === 'error' ? 'error' : severity === 'warning' ? 'warn' : 'info';
      call.log[log](severity === 'notice' ? 'S3 not fully checked' : 'problem with S3', {
        problem: what,
        whatToDo,
      });
    }
    if (findings.length === 0) call.log.info('S3 check passed', { bucket: check.bucket });
  } catch (error) {
    if (!isFault(error, 'cancelled')) call.log.error('S3 check failed', { error: Fault.from(error) });
  }
}

/** Retries every minute until all writes are settled, because S3 may be unavailable at the start. */
async function settleUntilDone(call: Call, check: StorageCheck): Promise<void> {
  const { vault, orphans, allKeys, runningCommandsDirectory, clock } = check;
  try {
    const gone = await settleRemovals(check.removals, call, clock.nowMs());
    if (gone > 0) call.log.info('removals of the last run settled', { gone });
    if (orphans !== null) return await orphans.run(call);
    for (;;) {
      const report = await vault.settlePending(call, {
        // All keys, because a row names its key, and commands may write with any of them.
        keysOf: allKeys,
        isUnderWay: ({ requestId }) => isCommandRunning(runningCommandsDirectory, requestId),
      });
      const { confirmed, abandoned, abortedUploads, problems } = report;
      if (confirmed + abandoned + abortedUploads + problems.length > 0) {
        call.log.info('writes of the last run settled', {
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
    call.log.error('settling the writes of the last run failed', { error: Fault.from(error) });
  }
}
