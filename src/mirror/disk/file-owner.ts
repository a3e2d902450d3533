/** The user and group that own mirrored files. */
export interface FileOwner {
  readonly uid: number;
  readonly gid: number;
}

/** Only the gateway's user can read decrypted files. */
export const mirroredFileMode = 0o600;
export const mirroredDirectoryMode = 0o700;
