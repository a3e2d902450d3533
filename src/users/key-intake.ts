import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { isAbsence } from '../files/system-errors.js';
import type { KeyFingerprint } from '../model/customer-key.js';
import { parseUsername, type Username } from '../model/users.js';
import { removedHomeOwner, removedHomesDirectories } from './homes.js';
import { type KeyPlace, sharedKeyPlaces, syncKeyPlace, uploadKeyPlace } from './key-places.js';
import { pathsInHome, type UserPlaces, userPaths } from './places.js';
import { fileFault } from './user-files.js';
import type { UserKeys } from './user-keys.js';

export interface KeyIntakeParts {
  readonly places: UserPlaces;
  /** `ROOT/root/.sftpgateway`. */
  readonly sharedSettingsDirectory: string;
  readonly keys: UserKeys;
}

/**
 * Takes every raw key file into the keyring: those of the users, those that removed users have left, and those of the shared directory.
 * A file that cannot be taken in is logged.
 */
export async function takeInKeyFiles(parts: KeyIntakeParts): Promise<void> {
  for (const place of await allKeyPlaces(parts)) await parts.keys.takeIn([place]);
}

/** The paths of all raw key files, the kept ones too, that hold this key. */
export async function rawFilesWith(parts: KeyIntakeParts, keyId: KeyFingerprint): Promise<readonly string[]> {
  const paths: string[] = [];
  for (const place of await allKeyPlaces(parts)) paths.push(...(await parts.keys.rawFilesWith(place, keyId)));
  return paths;
}

async function allKeyPlaces({
  places,
  sharedSettingsDirectory,
}: KeyIntakeParts): Promise<readonly KeyPlace[]> {
  const found: KeyPlace[] = [];
  for (const name of await namesIn(places.homes)) {
    const username = usernameOf(name);
    if (username === null) continue;
    const paths = userPaths(places, username);
    found.push(uploadKeyPlace(username, paths, null), syncKeyPlace(username, paths, null));
  }
  for (const directory of removedHomesDirectories(places)) {
    for (const name of await namesIn(directory)) {
      const username = usernameOf(removedHomeOwner(name) ?? '');
      if (username === null) continue;
      const paths = pathsInHome(join(directory, name), username);
      found.push(uploadKeyPlace(username, paths, null), syncKeyPlace(username, paths, null));
    }
  }
  return [...found, ...sharedKeyPlaces(sharedSettingsDirectory, null)];
}

function usernameOf(name: string): Username | null {
  try {
    return parseUsername(name);
  } catch {
    return null;
  }
}

async function namesIn(directory: string): Promise<readonly string[]> {
  try {
    return (await readdir(directory)).sort();
  } catch (error) {
    if (isAbsence(error)) return [];
    throw fileFault(directory, 'read', error);
  }
}
