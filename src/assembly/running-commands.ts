import { rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { acquireProcessLock, type ProcessLock } from '../database/sqlite/process-lock.js';
import { ensureDirectory, secretDirectoryMode } from '../files/durable.js';
import { isAbsence } from '../files/system-errors.js';
import { isFault } from '../model/fault.js';

/**
 * Says that a command works on objects under this id, the `requestId` of its rows in the ledger, so that a gateway that starts
 * meanwhile does not take what it is about to write for what a crash left. However the process ends, the kernel takes it back.
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

/** Whether the process that announced itself under this id is still there. What one left that is not is removed. */
export async function isCommandRunning(directory: string, id: string): Promise<boolean> {
  // What else may stand in a row is no name of a file.
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
