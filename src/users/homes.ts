import { lstat, mkdir, readdir, readlink, rename, rmdir, symlink } from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';
import { ensureDirectory, secretDirectoryMode, syncDirectory } from '../files/durable.js';
import { hasCode, isAbsence } from '../files/system-errors.js';
import { Fault } from '../model/fault.js';
import { type Username, usernameOfDirectory } from '../model/users.js';
import { fileFault } from './user-files.js';
import type { UserDirectories, UserPaths } from './user-paths.js';

/** Creates the missing directories of a user (mode 0700) and the link to the shared directory. */
export async function prepareHome(paths: UserPaths, directories: UserDirectories): Promise<void> {
  const own = [
    paths.home,
    paths.privateDirectory,
    paths.sshDirectory,
    dirname(paths.tree),
    paths.tree,
    paths.downloads,
    paths.local,
  ];
  for (const directory of own) await ensureDirectory(directory, secretDirectoryMode);
  if ((await typeOf(directories.shared)) === null)
    await ensureDirectory(directories.shared, secretDirectoryMode);
  // With a relative link the whole root can be moved.
  await ensureLink(paths.sharedLink, relative(paths.tree, directories.shared));
}

/**
 * Moves a user's home to `U-TIME` in `directories.removed` and returns its new path. Moves it beside the
 * homes instead if `removed` is on another file system, because a rename is atomic and a copy of keys is not.
 * Throws `unavailable` if it cannot be moved.
 */
export async function archiveHome(
  paths: UserPaths,
  directories: UserDirectories,
  nowMs: number,
): Promise<string> {
  const stamp = new Date(nowMs).toISOString().replace(/[-:.]/g, '');
  const name = `${basename(paths.home)}-${stamp}`;
  for (const removed of removedHomesDirectories(directories)) {
    await ensureDirectory(removed, secretDirectoryMode);
    const target = await freeName(join(removed, name));
    try {
      await rename(paths.home, target);
    } catch (error) {
      await rmdir(target);
      if (hasCode(error, 'EXDEV')) continue;
      throw error;
    }
    await syncDirectory(removed);
    await syncDirectory(directories.homes);
    return target;
  }
  throw new Fault('unavailable', `${paths.home} cannot be moved to ${directories.removed}`);
}

/** Returns the directories that hold the homes of removed users. */
export function removedHomesDirectories(directories: UserDirectories): readonly string[] {
  return [directories.removed, join(directories.homes, '.sftpgw-removed')];
}

/** Returns the user of a removed home from its name; null for any other name. */
export function removedHomeOwner(name: string): string | null {
  return /^(.+)-\d{8}T\d{9}Z(?:-\d+)?$/.exec(name)?.[1] ?? null;
}

/** Creates an empty directory under a free name. Renaming a directory onto it replaces it (rename(2)). */
async function freeName(wanted: string): Promise<string> {
  for (let attempt = 1; ; attempt++) {
    const path = attempt === 1 ? wanted : `${wanted}-${attempt}`;
    try {
      await mkdir(path, { mode: secretDirectoryMode });
      return path;
    } catch (error) {
      if (!hasCode(error, 'EEXIST')) throw error;
    }
  }
}

async function ensureLink(path: string, target: string): Promise<void> {
  const type = await typeOf(path);
  if (type === 'link' && (await readlink(path)) === target) return;
  if (type === 'directory') await removeEmpty(path);
  if (type === 'other')
    throw new Fault('conflict', `${path} blocks the link to the shared directory; move it`);
  const aside = `${path}.new-link`;
  try {
    await symlink(target, aside);
  } catch (error) {
    if (!hasCode(error, 'EEXIST')) throw error;
  }
  await rename(aside, path);
  await syncDirectory(dirname(path));
}

async function removeEmpty(path: string): Promise<void> {
  try {
    await rmdir(path);
  } catch (error) {
    throw new Fault('conflict', `${path} holds files and blocks the link to the shared directory; move it`, {
      cause: error,
    });
  }
}

async function typeOf(path: string): Promise<'link' | 'directory' | 'other' | null> {
  try {
    const stats = await lstat(path);
    return stats.isSymbolicLink() ? 'link' : stats.isDirectory() ? 'directory' : 'other';
  } catch (error) {
    if (isAbsence(error)) return null;
    throw error;
  }
}

/** Returns the names of the homes that can be users', in order. A home without settings does not belong to a user. */
export async function homesOf(directory: string): Promise<readonly Username[]> {
  let names: readonly string[];
  try {
    names = await readdir(directory);
  } catch (error) {
    if (isAbsence(error)) return [];
    throw fileFault(directory, 'read', error);
  }
  return [...names].sort().flatMap((name) => usernameOfDirectory(name) ?? []);
}
