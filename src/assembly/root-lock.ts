import { acquireProcessLock } from '../database/sqlite/process-lock.js';
import { ensureDirectory, secretDirectoryMode } from '../files/durable.js';
import type { LiveSettings } from './live-settings.js';

/** Keeps every other process from serving this root until it is disposed. Throws `conflict` with `inUse` when one does. */
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
