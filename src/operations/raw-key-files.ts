import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RawKeyFile } from '../doctor/key-files-check.js';
import { isAbsence } from '../files/system-errors.js';
import { type KeySource, sharedKeySources, syncKeySource, uploadKeySource } from '../users/key-sources.js';
import { userPaths } from '../users/user-paths.js';
import { type ParsedUserProperties, parseUserProperties } from '../users/user-properties.js';
import type { OpenRoot } from './open-root.js';

/** Every place where a raw key file may lie, and whether the settings need one there. */
export async function rawKeyFiles({ userServices, registry }: OpenRoot): Promise<readonly RawKeyFile[]> {
  const found: RawKeyFile[] = [];
  for (const { username } of await registry.list()) {
    const paths = userPaths(userServices.directories, username);
    const properties = (await readProperties(paths.properties))?.properties ?? null;
    const subject = `user ${username}`;
    found.push(
      rawKeyFile(uploadKeySource(username, paths, properties), subject, {
        option: properties?.uploadOption ?? null,
        why: 'Uploads are refused, and what rests under the key cannot be read.',
      }),
      rawKeyFile(syncKeySource(username, paths, properties), subject, {
        option: properties?.syncOption ?? null,
        why: 'Downloads under the key do not reach the user.',
      }),
    );
  }
  const directory = userServices.sharedSettingsDirectory;
  const shared = (await readProperties(join(directory, 'user.properties')))?.properties ?? null;
  const [sync, upload] = sharedKeySources(directory, shared);
  const why = 'Shared files under the key do not reach the users.';
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

/** Null when there is no file. */
async function readProperties(path: string): Promise<ParsedUserProperties | null> {
  try {
    return parseUserProperties(await readFile(path));
  } catch (error) {
    if (isAbsence(error)) return null;
    throw error;
  }
}
