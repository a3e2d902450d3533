import { chownSync, mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { secretDirectoryMode } from '../files/durable.js';

/**
 * Gives a new file or directory to the owner of the directory above, if root has created it. The gateway may
 * run as another user.
 */
export function inheritOwner(path: string): void {
  if (process.getuid?.() !== 0) return;
  const { uid, gid } = statSync(dirname(path));
  if (uid !== 0) chownSync(path, uid, gid);
}

/** Creates a directory that only its owner can enter, and those above it. */
export function makeSecretDirectory(path: string): void {
  const first = mkdirSync(path, { recursive: true, mode: secretDirectoryMode });
  if (first === undefined) return;
  const made: string[] = [];
  for (let each = path; each.length >= first.length; each = dirname(each)) made.unshift(each);
  for (const each of made) inheritOwner(each);
}
