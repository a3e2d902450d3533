import { chown, mkdir, stat, utimes } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ensureDirectory, secretDirectoryMode, secretFileMode, writeFileDurably } from '../files/durable.js';
import { hasCode, isAbsence } from '../files/system-errors.js';
import { Fault } from '../model/fault.js';
import type { Keyring } from '../model/keyring.js';
import type { Username } from '../model/users.js';
import { prepareHome } from '../users/homes.js';
import { type UserDirectories, userPaths } from '../users/user-paths.js';
import { openKeyOrNull } from './import-keys.js';
import type { Snapshot, SnapshotFile } from './snapshot.js';
import { snapshotPath } from './snapshot-paths.js';

export interface RestoreServices {
  readonly root: string;
  readonly directories: UserDirectories;
  /** Holds the keys of the snapshot already. */
  readonly keyring: Pick<Keyring, 'open'>;
  /** Whose the restored homes are when root restores them: the owner of this directory, which the gateway runs as. */
  readonly stateDirectory: string;
  readonly onFile: (done: number, total: number) => void;
}

export interface RestoredFiles {
  readonly users: readonly Username[];
  readonly files: number;
  readonly keyFiles: number;
  /** A sentence for each file that could not be restored. */
  readonly problems: readonly string[];
}

/** Settings can be read by everybody, as `setup` writes them, and homes are found. */
const openFileMode = 0o644;
const openDirectoryMode = 0o755;

/**
 * Writes the files of a snapshot below the root, over what is there; each whole or not at all, a user's `user.properties` after all
 * else of the user. Done again after a crash it comes to the same. Raw key files are written again with the keys of the keyring, so
 * that settings that name no key mean what they meant. Faults: `denied`, `unavailable`, `over-quota`, naming the file.
 */
export async function restoreSnapshot(snapshot: Snapshot, services: RestoreServices): Promise<RestoredFiles> {
  const total = snapshot.files.length + snapshot.keyFiles.length;
  let done = 0;
  const users = usersOf(snapshot.files);
  for (const username of users) await makeHome(username, services);
  const { keyFiles, problems } = await restoreKeyFiles(snapshot, services, () =>
    services.onFile(++done, total),
  );
  for (const file of snapshot.files.toSorted(makerLast)) {
    await writeBelow(services.root, file.path, file.content);
    services.onFile(++done, total);
  }
  return { users, files: snapshot.files.length, keyFiles, problems };
}

/** The recovery recipients and signers of a snapshot: whatever is sealed from now on is sealed and signed for them. */
export async function restoreRecipients(snapshot: Snapshot, root: string): Promise<void> {
  for (const { path, content } of snapshot.files) {
    const kind = snapshotPath(path)?.kind;
    if (kind === 'recipients' || kind === 'signer') await writeBelow(root, path, content);
  }
}

function usersOf(files: readonly SnapshotFile[]): readonly Username[] {
  return files.flatMap(({ path }) => {
    const place = snapshotPath(path);
    return place?.kind === 'user-settings' ? [place.username] : [];
  });
}

/** A user is there once `user.properties` is. */
function makerLast(a: SnapshotFile, b: SnapshotFile): number {
  return Number(makesUser(a)) - Number(makesUser(b));
}

function makesUser({ path }: SnapshotFile): boolean {
  return snapshotPath(path)?.kind === 'user-settings';
}

async function makeHome(username: Username, { directories, stateDirectory }: RestoreServices): Promise<void> {
  const paths = userPaths(directories, username);
  try {
    if (!(await isThere(directories.homes))) await ensureDirectory(directories.homes, openDirectoryMode);
    if (!(await isThere(paths.home))) {
      await mkdir(paths.home, { mode: secretDirectoryMode });
      const { uid, gid } = await stat(stateDirectory);
      // Everything that is made in the home then belongs to its owner.
      if (process.getuid?.() === 0 && uid !== 0) await chown(paths.home, uid, gid);
    }
    await prepareHome(paths, directories);
  } catch (error) {
    throw cannotWrite(paths.home, error);
  }
}

async function isThere(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (isAbsence(error)) return false;
    throw error;
  }
}

async function restoreKeyFiles(
  { keyFiles, takenMs }: Snapshot,
  { root, keyring }: RestoreServices,
  onFile: () => void,
): Promise<{ readonly keyFiles: number; readonly problems: readonly string[] }> {
  const problems: string[] = [];
  let restored = 0;
  for (const [index, { path, key: id }] of keyFiles.entries()) {
    const key = await openKeyOrNull(keyring, id);
    if (key === null) {
      problems.push(`${path} is not restored: its key ${id} is not in the copy`);
    } else {
      const bytes = key.reveal();
      await writeBelow(root, path, bytes);
      bytes.fill(0);
      // Which of the kept keys was the last is told by their times.
      const when = new Date(takenMs - (keyFiles.length - index) * 1000);
      await utimes(join(root, path), when, when);
      restored += 1;
    }
    onFile();
  }
  return { keyFiles: restored, problems };
}

async function writeBelow(root: string, path: string, content: Uint8Array): Promise<void> {
  const target = join(root, path);
  const isPublic = snapshotPath(path)?.kind === 'settings';
  try {
    await ensureDirectory(dirname(target), isPublic ? openDirectoryMode : secretDirectoryMode);
    await writeFileDurably(target, content, isPublic ? openFileMode : secretFileMode);
  } catch (error) {
    throw cannotWrite(target, error);
  }
}

function cannotWrite(path: string, error: unknown): Fault {
  if (error instanceof Fault) return error;
  const cause = { cause: error };
  if (hasCode(error, 'ENOSPC', 'EDQUOT'))
    return new Fault('over-quota', `no space is left for ${path}`, cause);
  if (hasCode(error, 'EACCES', 'EPERM', 'EROFS')) {
    return new Fault(
      'denied',
      `${path} may not be written; recover as root, or as the gateway's user`,
      cause,
    );
  }
  return new Fault('unavailable', `${path} cannot be written`, cause);
}
