import { createKeyFiles } from '../keyring/key-files.js';
import type { Logger } from '../model/call.js';
import type { UserDirectoryParts } from '../users/user-directory.js';
import type { SettingsInForce } from './settings-in-force.js';
import { systemClock, systemEntropy } from './system.js';

/** Where the users of a root are, and what they are read with. */
export function userParts(settings: SettingsInForce, log: Logger): UserDirectoryParts {
  const { homes, sharedDirectory, removedDirectory } = settings.paths;
  return {
    places: { homes, shared: sharedDirectory, removed: removedDirectory },
    defaults: () => ({ bucket: settings.bucket }),
    keyFiles: createKeyFiles(log),
    clock: systemClock,
    entropy: systemEntropy,
  };
}
