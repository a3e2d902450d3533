import { acquireProcessLock } from '../database/sqlite/process-lock.js';
import { ensureDirectory, secretDirectoryMode } from '../files/durable.js';
import type { LiveSettings } from './live-settings.js';

/** Says that a gateway runs on a root. */
export function rootInUse(root: string): string {
  return `another gateway is already running on ${root}: stop it, or choose another --root`;
}

/**
 * Locks the root against other processes until the lock is disposed. Throws `conflict` with the text `inUse`
 * if one holds it.
 */
export async function lockRoot({ paths }: LiveSettings, inUse: string): Promise<AsyncDisposable> {
  for (const directory of [paths.stateDirectory, paths.scratchDirectory]) {
    await ensureDirectory(directory, secretDirectoryMode);
  }
  const lock = acquireProcessLock(paths.lockFile, inUse);
  return {
    async [Symbol.asyncDispose]() {
      lock.release();
    },
  };
}
