import type { RootKeyring } from '../assembly/keyring.js';
import { noRecoveryWarning } from '../assembly/recovery-warning.js';
import type { UserServices } from '../assembly/user-services.js';
import type { Call, Clock } from '../model/call.js';
import { Fault } from '../model/fault.js';
import type { UserRegistry } from '../model/users.js';
import { importKeyFiles } from '../users/key-import.js';

export interface KeyringCheck {
  readonly keyring: RootKeyring;
  readonly userServices: UserServices;
  readonly registry: Pick<UserRegistry, 'list'>;
  readonly clock: Clock;
  /** Takes the sentences meant for a person. */
  readonly output: (line: string) => void;
}

/** The first start takes many raw key files in: the SFTP server does not wait longer than this for them. */
const startWaitMs = 10_000;

/**
 * Finishes what a crash has left of the keyring, takes the raw key files in, and says what is wrong. Resolves when it is done, or after ten
 * seconds; never rejects.
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
    await importKeyFiles(userServices);
    for (const done of await keyring.repair()) call.log.info(done);
    for (const problem of await keyring.problems()) {
      output(`error: ${problem}`);
      call.log.error('the keyring has a problem', { problem });
    }
    if (await lacksRecovery(keyring, registry)) output(noRecoveryWarning);
  } catch (error) {
    const fault = Fault.from(error);
    output(`error: the keyring cannot be used: ${fault.hint}`);
    call.log.error('the keyring cannot be used', { error: fault });
  }
}

/** True when customer keys are in use, or kept, and nobody but this machine can open them. */
export async function lacksRecovery(
  keyring: RootKeyring,
  registry: Pick<UserRegistry, 'list'>,
): Promise<boolean> {
  if ((await keyring.recoveryRecipients()).length > 0) return false;
  if ((await keyring.list()).some(({ state }) => state !== 'destroyed')) return true;
  return (await registry.list()).some(
    ({ uploadOption, syncOption }) => uploadOption === 3 || syncOption === 3,
  );
}
