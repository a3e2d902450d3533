import { randomBytes } from 'node:crypto';
import { chmod, chown, type FileHandle, link, mkdir, open, rename, stat, unlink } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { hasCode } from './system-errors.js';

/** Mode of files with keys or secrets. */
export const secretFileMode = 0o600;
export const secretDirectoryMode = 0o700;

/** Makes renamed or created names in a directory survive a power loss (fsync(2), NOTES). */
export async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * Creates the directory and its parents, and sets the mode of an existing one too. If root creates
 * them, they belong to the owner of the directory above, so that a gateway that runs as another
 * user can read them.
 */
export async function ensureDirectory(path: string, mode: number): Promise<void> {
  const target = resolve(path);
  const firstMade = await mkdir(target, { recursive: true, mode });
  if (firstMade !== undefined) {
    const owner = await inheritedOwner(dirname(firstMade));
    for (let made = target; made.length >= firstMade.length; made = dirname(made)) {
      if (owner !== null) await chown(made, owner.uid, owner.gid);
      await syncDirectory(dirname(made));
    }
  }
  await chmod(target, mode);
}

/** Returns the name of a file that is being written. A crash may leave such a file; it has no meaning. */
export const temporaryName = /^\.[0-9a-f]{12}\.tmp$/;

/**
 * Writes a file completely or not at all: into a temporary file that is synced, renamed and made
 * durable with its directory. The mode applies from the first byte, whatever the umask. If root
 * writes it, it belongs to the owner of the directory. Throws the errors of the file system
 * unchanged.
 */
export async function writeFileDurably(
  path: string,
  content: Uint8Array | string,
  mode: number,
): Promise<void> {
  const temporary = await writeTemporary(path, content, mode);
  try {
    await rename(temporary, path);
  } catch (error) {
    await unlink(temporary).catch(() => undefined);
    throw error;
  }
  await syncDirectory(dirname(path));
}

/** Writes like `writeFileDurably`, but never replaces: returns false and does nothing if the path exists. */
export async function createFileDurably(
  path: string,
  content: Uint8Array | string,
  mode: number,
): Promise<boolean> {
  const temporary = await writeTemporary(path, content, mode);
  try {
    await link(temporary, path);
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return false;
    throw error;
  } finally {
    await unlink(temporary).catch(() => undefined);
  }
  await syncDirectory(dirname(path));
  return true;
}

/** Removes a file durably. Throws if there is none. */
export async function removeFileDurably(path: string): Promise<void> {
  await unlink(path);
  await syncDirectory(dirname(path));
}

async function writeTemporary(path: string, content: Uint8Array | string, mode: number): Promise<string> {
  const directory = dirname(path);
  const temporary = join(directory, `.${randomBytes(6).toString('hex')}.tmp`);
  const handle = await open(temporary, 'wx', mode);
  try {
    try {
      await handle.chmod(mode);
      await copyOwner(directory, handle);
      await handle.writeFile(content);
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (error) {
    await unlink(temporary).catch(() => undefined);
    throw error;
  }
  return temporary;
}

/**
 * Changes the owner of a new file in `directory` to the owner of the directory, if the process is
 * root and the owner is not.
 */
export async function copyOwner(directory: string, made: FileHandle): Promise<void> {
  const owner = await inheritedOwner(directory);
  if (owner !== null) await made.chown(owner.uid, owner.gid);
}

async function inheritedOwner(
  directory: string,
): Promise<{ readonly uid: number; readonly gid: number } | null> {
  if (process.getuid?.() !== 0) return null;
  const { uid, gid } = await stat(directory);
  return uid === 0 ? null : { uid, gid };
}
