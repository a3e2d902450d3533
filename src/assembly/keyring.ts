import { createKeyring } from '../keyring/keyring.js';
import type { Logger } from '../model/call.js';
import type { Keyring, KeyringCustody, SealedKeyring } from '../model/keyring.js';
import type { SettingsInForce } from './settings-in-force.js';
import { systemClock, systemEntropy } from './system.js';

/** The keyring of a root, in all its roles. */
export type RootKeyring = Keyring & KeyringCustody & SealedKeyring;

export function keyringOf({ paths }: SettingsInForce, log: Logger): RootKeyring {
  return createKeyring({
    directory: paths.keysDirectory,
    identityFile: paths.keyringIdentityFile,
    lockFile: paths.keyringLockFile,
    clock: systemClock,
    entropy: systemEntropy,
    log,
  });
}
