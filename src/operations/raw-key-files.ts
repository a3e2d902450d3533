import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RawKeyFile } from '../doctor/key-files-check.js';
import { isAbsence } from '../files/system-errors.js';
import type { Username } from '../model/users.js';
import { type KeySource, sharedKeySources, syncKeySource, uploadKeySource } from '../users/key-sources.js';
import { userPaths } from '../users/user-paths.js';
import { type ParsedUserProperties, parseUserProperties } from '../users/user-properties.js';
import type { RootServices } from './open-root.js';

/**
 * Returns every path of a raw key file of these users (null: of all) and of the shared directory, whether or not it
 * exists, and whether the settings need it.
 */
export async function rawKeyFiles(
  { userServices, registry }: RootServices,
  usernames: readonly Username[] | null = null,
): Promise<readonly RawKeyFile[]> {
  const found: RawKeyFile[] = [];
  for (const username of usernames ?? (await registry.locations()).map((user) => user.username)) {
    const paths = userPaths(userServices.directories, username);
    const properties = (await readProperties(paths.properties))?.properties ?? null;
    const subject = `user ${username}`;
    found.push(
      rawKeyFile(uploadKeySource(username, paths, properties), subject, {
        option: properties?.uploadOption ?? null,
        why: 'Uploads are refused, and files encrypted with the key cannot be read.',
      }),
      rawKeyFile(syncKeySource(username, paths, properties), subject, {
        option: properties?.syncOption ?? null,
        why: 'The user does not get downloads that are encrypted with the key.',
      }),
    );
  }
  const directory = userServices.sharedSettingsDirectory;
  const shared = (await readProperties(join(directory, 'user.properties')))?.properties ?? null;
  const [sync, upload] = sharedKeySources(directory, shared);
  const why = 'Users do not get shared files that are encrypted with the key.';
  const subject = 'shared directory';
  found.push(
    rawKeyFile(sync, subject, { option: shared?.syncOption ?? null, why }),
    rawKeyFile(upload, subject, { option: null, why }),
  );
  return found;
}

function rawKeyFile(
  { path, keyId }: KeySource,
  subject: string,
  { option, why }: { readonly option: number | null; readonly why: string },
): RawKeyFile {
  return { subject, path, keyId, isNeeded: option === 3 && keyId === null, why };
}

/** Returns null if the file does not exist. */
async function readProperties(path: string): Promise<ParsedUserProperties | null> {
  try {
    return parseUserProperties(await readFile(path));
  } catch (error) {
    if (isAbsence(error)) return null;
    throw error;
  }
}
