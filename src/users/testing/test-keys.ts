import { join } from 'node:path';
import { createKeyFiles } from '../../keyring/key-files.js';
import { createKeyring } from '../../keyring/keyring.js';
import { testClock, testEntropy } from '../../keyring/testing/keyring-world.js';
import type { Logger } from '../../model/call.js';
import type { Keyring, KeyringCustody } from '../../model/keyring.js';
import { UserKeys } from '../user-keys.js';

/** A keyring with the users' keys, and a switch for `sse-c.require.recovery`. */
export interface TestKeys {
  readonly keyring: Keyring & KeyringCustody;
  readonly keys: UserKeys;
  requiresRecovery: boolean;
}

/** Opens raw key files and a keyring below a root, as the daemon does. */
export function testKeys(root: string, log: Logger): TestKeys {
  const keyring = createKeyring({
    directory: join(root, 'opt/sftpgw/keys'),
    identityFile: join(root, 'var/lib/sftpgw/keyring-identity'),
    lockFile: join(root, 'var/lib/sftpgw/keyring.lock'),
    clock: testClock,
    entropy: testEntropy,
    log,
  });
  const made: TestKeys = {
    keyring,
    requiresRecovery: false,
    keys: new UserKeys({
      keyFiles: createKeyFiles(log),
      keyring,
      requiresRecovery: () => made.requiresRecovery,
      clock: testClock,
      log,
    }),
  };
  return made;
}
