import { rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { acquireProcessLock, type ProcessLock } from '../database/sqlite/process-lock.js';
import { ensureDirectory, secretDirectoryMode } from '../files/durable.js';
import { isAbsence } from '../files/system-errors.js';
import { isFault } from '../model/fault.js';

/**
 * Announces a command that writes objects. `id` is the `requestId` of its rows in the ledger. A gateway that
 * starts in the meantime then does not settle these rows as if a crash had left them. The kernel ends the
 * announcement with the process.
 */
export async function announceCommand(directory: string, id: string): Promise<{ release(): Promise<void> }> {
  await ensureDirectory(directory, secretDirectoryMode);
  const path = pathOf(directory, id);
  const lock = acquireProcessLock(path, `another command has the id ${id}`);
  return {
    release: async () => {
      lock.release();
      await rm(path, { force: true });
    },
  };
}

/**
 * Returns true while the command with this id runs. Removes the lock file of a command that no longer runs.
 */
export async function isCommandRunning(directory: string, id: string): Promise<boolean> {
  // Rows may contain other ids, which must not become file names.
  if (!/^[0-9a-f]{16}$/.test(id)) return false;
  const path = pathOf(directory, id);
  try {
    await stat(path);
  } catch (error) {
    if (isAbsence(error)) return false;
    throw error;
  }
  let lock: ProcessLock;
  try {
    lock = acquireProcessLock(path, 'the command is running');
  } catch (error) {
    if (isFault(error, 'conflict')) return true;
    throw error;
  }
  lock.release();
  await rm(path, { force: true });
  return false;
}

function pathOf(directory: string, id: string): string {
  return join(directory, `${id}.lock`);
}
