import type { RootKeyring } from '../../assembly/keyring.js';
import { noRecoveryWarning } from '../../assembly/recovery-warning.js';
import type { UserServices } from '../../assembly/user-services.js';
import type { Call, Clock } from '../../model/call.js';
import { Fault } from '../../model/fault.js';
import type { UserRegistry } from '../../model/users.js';
import { keyProblems } from '../../operations/recovery-status.js';
import { importKeyFiles } from '../../users/key-import.js';

/** The services of `checkKeyring`. */
export interface KeyringCheck {
  readonly keyring: RootKeyring;
  readonly userServices: UserServices;
  readonly registry: Pick<UserRegistry, 'locations'>;
  readonly clock: Clock;
  /** Receives lines for people. */
  readonly output: (line: string) => void;
}

/** The max. wait of the SFTP server for this check. The first start may import many raw key files. */
const startWaitMs = 10_000;

/**
 * Imports the raw key files, finishes changes of the keyring that a crash interrupted, and reports problems. Opens
 * only a sample of many keys; the doctor opens all. Resolves when it is done, or after ten seconds. Never rejects.
 */
export async function checkKeyring(call: Call, check: KeyringCheck): Promise<void> {
  const enough = new AbortController();
  await Promise.race([
    runCheck(call, check),
    check.clock.sleep(startWaitMs, enough.signal).catch(() => undefined),
  ]);
  enough.abort();
}

async function runCheck(
  call: Call,
  { keyring, userServices, registry, output }: KeyringCheck,
): Promise<void> {
  try {
    // The repair reads all descriptions, so that the import need not read those of each key again.
    for (const done of await keyring.repair()) call.log.info('keyring repaired', { done });
    await importKeyFiles(userServices);
    for (const problem of await keyProblems({ keyring })) {
      output(`error: ${problem}`);
      call.log.error('problem in the keyring', { problem });
    }
    if (await lacksRecovery(keyring, registry)) output(noRecoveryWarning);
  } catch (error) {
    const fault = Fault.from(error);
    output(`error: the keyring cannot be used: ${fault.hint}`);
    call.log.error('keyring not usable', { error: fault });
  }
}

/** Returns true if customer keys exist or are in use, and only this machine can open them. */
export async function lacksRecovery(
  keyring: RootKeyring,
  registry: Pick<UserRegistry, 'locations'>,
): Promise<boolean> {
  if ((await keyring.recoveryRecipients()).length > 0) return false;
  if ((await keyring.list()).some(({ state }) => state !== 'destroyed')) return true;
  return (await registry.locations()).some(
    ({ uploadOption, syncOption }) => uploadOption === 3 || syncOption === 3,
  );
}
