import { join } from 'node:path';
import { ensureDirectory, secretDirectoryMode, secretFileMode, writeFileDurably } from '../files/durable.js';
import { Fault } from '../model/fault.js';
import type { SharedChange, SharedRegistry, SharedSummary } from '../model/users.js';
import { changeSharedProperties } from './change-properties.js';
import { sharedKeySources } from './key-sources.js';
import { readSyncProperties } from './sync-properties.js';
import { fileFault } from './user-files.js';
import type { UserKeys } from './user-keys.js';

/** The dependencies of a shared registry. */
export interface SharedRegistryServices {
  /** `ROOT/root/.sftpgateway`. */
  readonly sharedSettingsDirectory: string;
  readonly keys: UserKeys;
}

/**
 * Opens the shared directory's settings for an administrator. A running gateway applies a change at its next
 * request.
 */
export function createSharedRegistry(services: SharedRegistryServices): SharedRegistry {
  return { save: (change) => save(services, change), describe: () => describe(services) };
}

async function save(
  { sharedSettingsDirectory: directory, keys }: SharedRegistryServices,
  change: SharedChange,
): Promise<void> {
  const path = join(directory, 'user.properties');
  const { isChanged, text, properties } = await changeSharedProperties(path, change);
  if (change.syncKeyId !== undefined) {
    await keys.requireUsableIn(change.syncKeyId, sharedKeySources(directory, properties)[0]);
    await keys.requireRecovery();
  }
  if (!isChanged) return;
  try {
    await ensureDirectory(directory, secretDirectoryMode);
    await writeFileDurably(path, text, secretFileMode);
  } catch (error) {
    throw fileFault(path, 'written', error);
  }
}

async function describe({
  sharedSettingsDirectory: directory,
  keys,
}: SharedRegistryServices): Promise<SharedSummary> {
  try {
    const sync = await readSyncProperties(join(directory, 'user.properties'));
    const key = await keys.currentKey(sharedKeySources(directory, sync)[0]);
    return { syncOption: sync.option, syncKeyFingerprint: key?.fingerprint ?? null, problems: [] };
  } catch (error) {
    return { syncOption: null, syncKeyFingerprint: null, problems: [Fault.from(error).hint] };
  }
}
