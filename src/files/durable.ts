import { randomBytes } from 'node:crypto';
import { chmod, mkdir, open, rename, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** Files with keys or secrets. */
export const secretFileMode = 0o600;
export const secretDirectoryMode = 0o700;

/** Makes what was renamed or created in a directory survive a power loss (fsync(2), NOTES). */
export async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Makes the directory and those above it; an existing one gets the mode too. */
export async function ensureDirectory(path: string, mode: number): Promise<void> {
  await mkdir(path, { recursive: true, mode });
  await chmod(path, mode);
}

/**
 * Writes a file whole or not at all: aside, synced, renamed over, directory synced. The mode holds from the first byte,
 * whatever the umask. Errors of the file system come out as they are.
 */
export async function writeFileDurably(
  path: string,
  content: Uint8Array | string,
  mode: number,
): Promise<void> {
  const directory = dirname(path);
  const aside = join(directory, `.${randomBytes(6).toString('hex')}.tmp`);
  const handle = await open(aside, 'wx', mode);
  try {
    try {
      await handle.chmod(mode);
      await handle.writeFile(content);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(aside, path);
  } catch (error) {
    await unlink(aside).catch(() => undefined);
    throw error;
  }
  await syncDirectory(directory);
}
