import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { KeyFilePlace } from '../doctor/key-files-check.js';
import { isAbsence } from '../files/system-errors.js';
import { type KeyPlace, sharedKeyPlaces, syncKeyPlace, uploadKeyPlace } from '../users/key-places.js';
import { userPaths } from '../users/places.js';
import { type ParsedUserProperties, parseUserProperties } from '../users/user-properties.js';
import type { Operations } from './open-root.js';

/** Every place where a raw key file may lie, and whether the settings need one there. */
export async function keyFilePlaces({ parts, registry }: Operations): Promise<readonly KeyFilePlace[]> {
  const found: KeyFilePlace[] = [];
  for (const { username } of await registry.list()) {
    const paths = userPaths(parts.places, username);
    const properties = (await readProperties(paths.properties))?.properties ?? null;
    const subject = `user ${username}`;
    found.push(
      placeOf(uploadKeyPlace(username, paths, properties), subject, {
        option: properties?.uploadOption ?? null,
        why: 'Uploads are refused, and what rests under the key cannot be read.',
      }),
      placeOf(syncKeyPlace(username, paths, properties), subject, {
        option: properties?.syncOption ?? null,
        why: 'Downloads under the key do not reach the user.',
      }),
    );
  }
  const directory = parts.sharedSettingsDirectory;
  const shared = (await readProperties(join(directory, 'user.properties')))?.properties ?? null;
  const [sync, upload] = sharedKeyPlaces(directory, shared);
  const why = 'Shared files under the key do not reach the users.';
  const subject = 'shared directory';
  found.push(
    placeOf(sync, subject, { option: shared?.syncOption ?? null, why }),
    placeOf(upload, subject, { option: null, why }),
  );
  return found;
}

function placeOf(
  { path, keyId }: KeyPlace,
  subject: string,
  { option, why }: { readonly option: number | null; readonly why: string },
): KeyFilePlace {
  return { subject, path, keyId, isNeeded: option === 3 && keyId === null, why };
}

/** Null when there is no file. */
async function readProperties(path: string): Promise<ParsedUserProperties | null> {
  try {
    return parseUserProperties(await readFile(path));
  } catch (error) {
    if (isAbsence(error)) return null;
    throw error;
  }
}
