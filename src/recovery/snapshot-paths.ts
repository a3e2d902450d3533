import { type Username, usernameOfDirectory } from '../model/users.js';

/**
 * The files that a snapshot may hold, by paths below the root. No other file of an archive is ever
 * written.
 */
export type SnapshotPath =
  | { readonly kind: 'settings' | 'recipients' | 'signer' | 'event-secret' | 'host-key' | 'shared-settings' }
  | { readonly kind: 'user-settings' | 'password' | 'totp' | 'authorized-keys'; readonly username: Username }
  /** A raw key file. The snapshot has only the key's fingerprint. */
  | { readonly kind: 'key-file' };

const keyFileName = String.raw`sse(?:-sync)?\.key(?:\.[0-9a-f]{32})?`;
const userFile = /^home\/([^/]+)\/(.+)$/;
const userKeyFile = new RegExp(String.raw`^\.sftpgateway/${keyFileName}$`);
const sharedKeyFile = new RegExp(String.raw`^root/\.sftpgateway/${keyFileName}$`);

/** The file with the recovery recipients, below the root. */
export const recipientsPath = 'opt/sftpgw/keys/recovery-recipients.txt';

const gatewayFiles: Readonly<Record<string, SnapshotPath>> = {
  'opt/sftpgw/sftpgateway.properties': { kind: 'settings' },
  [recipientsPath]: { kind: 'recipients' },
  'root/.sftpgateway/user.properties': { kind: 'shared-settings' },
  'var/lib/sftpgw/events.secret': { kind: 'event-secret' },
  'var/lib/sftpgw/host-keys/ssh_host_ed25519_key': { kind: 'host-key' },
  'var/lib/sftpgw/host-keys/ssh_host_ecdsa_key': { kind: 'host-key' },
  'var/lib/sftpgw/host-keys/ssh_host_rsa_key': { kind: 'host-key' },
};

/** One file per recovery identity that was generated here, with the name of its signer. */
export const signerDirectory = 'var/lib/sftpgw/snapshot-signers';
const signerFile = new RegExp(`^${signerDirectory}/[0-9a-f]{16}$`);

/** The gateway's own files, in the order in which they are restored. */
export const gatewayFilePaths: readonly string[] = Object.keys(gatewayFiles);

/** Returns the files of one user. `user.properties`, which makes the user exist, is last. */
export function userFilePaths(username: Username): readonly string[] {
  const home = `home/${username}`;
  return [
    `${home}/.ssh/authorized_keys`,
    `${keyFileDirectory(username)}/password`,
    `${keyFileDirectory(username)}/totp.secret`,
    `${keyFileDirectory(username)}/user.properties`,
  ];
}

/** Returns the directory below the root that holds the raw key files of a user. */
export function keyFileDirectory(username: Username): string {
  return `home/${username}/.sftpgateway`;
}

/** The directory of the raw key files of the shared directory, below the root. */
export const sharedKeyFileDirectory = 'root/.sftpgateway';

/** Returns the kind of a path, or null if a snapshot must not hold it. */
export function snapshotPath(path: string): SnapshotPath | null {
  if (Object.hasOwn(gatewayFiles, path)) return gatewayFiles[path] ?? null;
  if (signerFile.test(path)) return { kind: 'signer' };
  if (sharedKeyFile.test(path)) return { kind: 'key-file' };
  const [, name = '', below = ''] = userFile.exec(path) ?? [];
  const username = usernameOfDirectory(name);
  if (username === null) return null;
  if (below === '.sftpgateway/user.properties') return { kind: 'user-settings', username };
  if (below === '.sftpgateway/password') return { kind: 'password', username };
  if (below === '.sftpgateway/totp.secret') return { kind: 'totp', username };
  if (below === '.ssh/authorized_keys') return { kind: 'authorized-keys', username };
  return userKeyFile.test(below) ? { kind: 'key-file' } : null;
}
