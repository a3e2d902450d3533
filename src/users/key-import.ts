import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { isAbsence } from '../files/system-errors.js';
import type { KeyFingerprint } from '../model/customer-key.js';
import { usernameOfDirectory } from '../model/users.js';
import { removedHomeOwner, removedHomesDirectories } from './homes.js';
import { type KeySource, sharedKeySources, syncKeySource, uploadKeySource } from './key-sources.js';
import { fileFault } from './user-files.js';
import type { UserKeys } from './user-keys.js';
import { pathsInHome, type UserDirectories, userPaths } from './user-paths.js';

/** The dependencies of a scan for raw key files. */
export interface KeyImportServices {
  readonly directories: UserDirectories;
  /** `ROOT/root/.sftpgateway`. */
  readonly sharedSettingsDirectory: string;
  readonly keys: UserKeys;
}

/**
 * Imports every raw key file into the keyring: those of users, removed users and the shared directory. Logs
 * failures.
 */
export async function importKeyFiles(services: KeyImportServices): Promise<void> {
  await services.keys.importRawKeys(await allKeySources(services));
}

/** Returns the paths of all raw key files, including kept ones, that hold this key. */
export async function findRawFiles(
  services: KeyImportServices,
  keyId: KeyFingerprint,
): Promise<readonly string[]> {
  const paths: string[] = [];
  for (const source of await allKeySources(services))
    paths.push(...(await services.keys.rawFilesWith(source, keyId)));
  return paths;
}

async function allKeySources({
  directories,
  sharedSettingsDirectory,
}: KeyImportServices): Promise<readonly KeySource[]> {
  const found: KeySource[] = [];
  for (const name of await namesIn(directories.homes)) {
    const username = usernameOfDirectory(name);
    if (username === null) continue;
    const paths = userPaths(directories, username);
    found.push(uploadKeySource(username, paths, null), syncKeySource(username, paths, null));
  }
  for (const directory of removedHomesDirectories(directories)) {
    for (const name of await namesIn(directory)) {
      const username = usernameOfDirectory(removedHomeOwner(name) ?? '');
      if (username === null) continue;
      const paths = pathsInHome(join(directory, name), username);
      found.push(uploadKeySource(username, paths, null), syncKeySource(username, paths, null));
    }
  }
  return [...found, ...sharedKeySources(sharedSettingsDirectory, null)];
}

async function namesIn(directory: string): Promise<readonly string[]> {
  try {
    return (await readdir(directory)).sort();
  } catch (error) {
    if (isAbsence(error)) return [];
    throw fileFault(directory, 'read', error);
  }
}
