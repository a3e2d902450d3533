import { randomBytes } from 'node:crypto';
import { type FileHandle, mkdir, open, rename, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** Only the owner can read files and directories with objects or secrets. */
export const privateFileMode = 0o600;
export const privateDirectoryMode = 0o700;

/** Makes the names in a directory (created, renamed, removed) survive a power loss: fsync(2), NOTES. */
export async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Creates a directory and its parents, readable only by the owner. Does not change an existing one. */
export async function ensurePrivateDirectory(path: string): Promise<void> {
  const first = await mkdir(path, { recursive: true, mode: privateDirectoryMode });
  if (first !== undefined) await syncDirectory(dirname(first));
}

/**
 * Writes a file completely or not at all, with mode 0600: into a temporary file that is synced,
 * renamed and made durable with its directory.
 */
export async function writePrivateFile(path: string, content: Uint8Array | string): Promise<void> {
  const aside = join(dirname(path), `.${randomBytes(6).toString('hex')}.tmp`);
  let handle: FileHandle | null = await open(aside, 'wx', privateFileMode);
  try {
    await handle.writeFile(content);
    await handle.sync();
    await handle.close();
    handle = null;
    await rename(aside, path);
  } catch (error) {
    await handle?.close().catch(() => undefined);
    await unlink(aside).catch(() => undefined);
    throw error;
  }
  await syncDirectory(dirname(path));
}
