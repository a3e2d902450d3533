import { createKeyFiles } from '../keyring/key-files.js';
import type { Logger } from '../model/call.js';
import type { KeyFiles } from '../model/key-files.js';
import type { UserDirectoryServices } from '../users/user-directory.js';
import { UserFiles } from '../users/user-files.js';
import { UserKeys } from '../users/user-keys.js';
import type { RootKeyring } from './keyring.js';
import type { LiveSettings } from './live-settings.js';
import { systemClock, systemEntropy } from './system.js';

/** The services for everything about users. */
export interface UserServices extends UserDirectoryServices {
  readonly keyFiles: KeyFiles;
  /** `ROOT/root/.sftpgateway`, with the settings and the raw keys of the shared directory. */
  readonly sharedSettingsDirectory: string;
}

/** Builds the services for the users of a root from its settings and its keyring. */
export function buildUserServices(settings: LiveSettings, keyring: RootKeyring, log: Logger): UserServices {
  const { homes, sharedDirectory, removedDirectory, sharedSettingsDirectory } = settings.paths;
  const keyFiles = createKeyFiles(log);
  const keys = new UserKeys({
    keyFiles,
    keyring,
    requiresRecovery: () => settings.current.sseCRequireRecovery === 'yes',
    clock: systemClock,
    log,
  });
  const directories = { homes, shared: sharedDirectory, removed: removedDirectory };
  return {
    directories,
    files: new UserFiles(directories),
    sharedSettingsDirectory,
    defaults: () => ({
      bucket: settings.bucket,
      userCaFile: settings.current.sftpUserCaFile,
      revokedKeysFile: settings.current.sftpRevokedKeysFile,
      localLimitBytes: settings.current.localLimitBytes,
      localFilesLimit: settings.current.localFilesLimit,
    }),
    keyFiles,
    keys,
    clock: systemClock,
    entropy: systemEntropy,
  };
}
