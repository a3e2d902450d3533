import { type Username, usernameOfDirectory } from '../model/users.js';
import { type SnapshotPath, snapshotPath } from '../recovery/snapshot-paths.js';

/** The kinds of files that the nodes of a cluster share. */
export type ReplicatedKind = SnapshotPath['kind'] | 'sealed-key' | 'key-description' | 'metrics-token';

/** A file that the nodes of a cluster share. */
export interface ReplicatedFile {
  readonly kind: ReplicatedKind;
  /** Null for a file that does not belong to one user. */
  readonly username: Username | null;
}

/** The directory of the keyring, below the root. */
export const keyringDirectory = 'opt/sftpgw/keys';
const metricsToken = 'var/lib/sftpgw/metrics.token';

/** The files of the gateway that the copy in the bucket does not have. */
export const moreGatewayFiles: readonly string[] = [metricsToken];

const keyringFile = new RegExp(`^${keyringDirectory}/[0-9a-f]{32}\\.(age|json)$`);
const homeOfFile = /^home\/([^/]+)\//;

/**
 * Returns the kind of a path below the root; null if each node has its own file. The nodes share the files that the
 * copy in the bucket has, the keyring's own, and the token for metrics.
 */
export function replicatedFile(path: string): ReplicatedFile | null {
  const [, extension] = keyringFile.exec(path) ?? [];
  if (extension !== undefined)
    return { kind: extension === 'age' ? 'sealed-key' : 'key-description', username: null };
  if (path === metricsToken) return { kind: 'metrics-token', username: null };
  const found = snapshotPath(path);
  if (found === null) return null;
  if ('username' in found) return found;
  return { kind: found.kind, username: usernameOfDirectory(homeOfFile.exec(path)?.[1] ?? '') };
}

/** Returns whether a kind belongs to the keyring, whose files change only under its lock. */
export function isOfKeyring(kind: ReplicatedKind): boolean {
  return kind === 'sealed-key' || kind === 'key-description' || kind === 'recipients';
}

/**
 * Returns whether a local file is kept if another node has changed it too. A sealed key is not kept: each of its files
 * has the same key, and a destroyed key must not stay.
 */
export function isKept(kind: ReplicatedKind): boolean {
  return kind !== 'sealed-key';
}
