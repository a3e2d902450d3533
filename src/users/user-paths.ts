import { join } from 'node:path';
import type { Username } from '../model/users.js';

/** The directories of the users on disk, as absolute paths. */
export interface UserDirectories {
  /** `ROOT/home`: one directory per user. */
  readonly homes: string;
  /** `ROOT/opt/sftpgw/shared`: the content of every user's `/shared`. */
  readonly shared: string;
  /** `ROOT/var/lib/sftpgw/removed`: the homes of removed users. */
  readonly removed: string;
}

/** The files and directories of one user. */
export interface UserPaths {
  readonly home: string;
  /** The directory of the settings, the keys and the password, with mode 0700. */
  readonly privateDirectory: string;
  /** The settings. The user exists while this file does. */
  readonly properties: string;
  readonly password: string;
  /** The TOTP secret in base32; 0600. */
  readonly totpSecret: string;
  readonly uploadKey: string;
  readonly syncKey: string;
  readonly sshDirectory: string;
  readonly authorizedKeys: string;
  /** The root directory that the user sees. */
  readonly tree: string;
  readonly downloads: string;
  readonly local: string;
  /** A symbolic link to the shared directory. */
  readonly sharedLink: string;
}

/** Max users whose paths are kept, about 1 KiB each. */
const maxKept = 10_000;
const kept = new WeakMap<UserDirectories, Map<Username, UserPaths>>();

/** Returns the paths of a user in the directory of homes. Keeps them, because each request needs them. */
export function userPaths(directories: UserDirectories, username: Username): UserPaths {
  const ofUsers = kept.get(directories) ?? new Map<Username, UserPaths>();
  kept.set(directories, ofUsers);
  const known = ofUsers.get(username);
  if (known !== undefined) return known;
  if (ofUsers.size >= maxKept) ofUsers.clear();
  const paths = pathsInHome(join(directories.homes, username), username);
  ofUsers.set(username, paths);
  return paths;
}

/** Returns the paths in a home at another location, an absolute path. Does not normalise each of them, because there are thousands. */
export function pathsInHome(home: string, username: Username): UserPaths {
  const privateDirectory = `${home}/.sftpgateway`;
  const sshDirectory = `${home}/.ssh`;
  const tree = `${home}/home/${username}`;
  return {
    home,
    privateDirectory,
    properties: `${privateDirectory}/user.properties`,
    password: `${privateDirectory}/password`,
    totpSecret: `${privateDirectory}/totp.secret`,
    uploadKey: `${privateDirectory}/sse.key`,
    syncKey: `${privateDirectory}/sse-sync.key`,
    sshDirectory,
    authorizedKeys: `${sshDirectory}/authorized_keys`,
    tree,
    downloads: `${tree}/downloads`,
    local: `${tree}/local`,
    sharedLink: `${tree}/shared`,
  };
}
