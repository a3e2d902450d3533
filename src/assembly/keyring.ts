import { auditedKeyring } from '../audit/audited/keyring.js';
import type { AuditScribe } from '../audit/scribe.js';
import { createKeyring } from '../keyring/keyring.js';
import type { Logger } from '../model/call.js';
import type { Keyring, KeyringCustody, SealedKeyring } from '../model/keyring.js';
import type { LiveSettings } from './live-settings.js';
import { systemClock, systemEntropy } from './system.js';

/** The keyring of a root, with all its interfaces. */
export type RootKeyring = Keyring & KeyringCustody & SealedKeyring;

/** Creates the keyring of a root, whose changes `scribe` records. Reads nothing yet. */
export function createRootKeyring({ paths }: LiveSettings, log: Logger, scribe: AuditScribe): RootKeyring {
  const keyring = createKeyring({
    directory: paths.keysDirectory,
    identityFile: paths.keyringIdentityFile,
    lockFile: paths.keyringLockFile,
    clock: systemClock,
    entropy: systemEntropy,
    log,
  });
  return auditedKeyring(keyring, scribe);
}
