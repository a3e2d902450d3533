import type { GlobalKeyFiles } from './logins/global-keys.js';

/**
 * Global settings for users without a setting of their own. Read at each use, so a change takes effect at
 * once.
 */
export interface GatewayDefaults {
  /** The default bucket; null while none is configured. */
  readonly bucket: string | null;
  /** Files with certificate authorities and revoked keys of all users; null for none. */
  readonly userCaFile?: string | null;
  readonly revokedKeysFile?: string | null;
  /** Limits of `/local` in bytes and in files and directories; 0 for no limit, which is the default. */
  readonly localLimitBytes?: number;
  readonly localFilesLimit?: number;
}

/** Returns the files with keys of all users. */
export function globalKeyFilesOf(defaults: GatewayDefaults): GlobalKeyFiles {
  const { userCaFile = null, revokedKeysFile = null } = defaults;
  return { userCaFile, revokedKeysFile };
}
