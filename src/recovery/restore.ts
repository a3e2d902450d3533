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

/** The dependencies of a restoration. */
export interface RestoreServices {
  readonly root: string;
  readonly directories: UserDirectories;
  /** Must already hold the keys of the snapshot. */
  readonly keyring: Pick<Keyring, 'open'>;
  /** Its owner, as which the gateway runs, also owns the homes that root restores. */
  readonly stateDirectory: string;
  readonly onFile: (done: number, total: number) => void;
}

/** The result of a restoration. `files` does not count raw key files. */
export interface RestoredFiles {
  readonly users: readonly Username[];
  readonly files: number;
  readonly keyFiles: number;
  /** One sentence per file that could not be restored. */
  readonly problems: readonly string[];
}

/** Modes of the settings and of the directories above homes, which everyone may read as after `setup`. */
const openFileMode = 0o644;
const openDirectoryMode = 0o755;

/**
 * Writes the files of a snapshot below the root and replaces existing ones. Each file is written atomically,
 * and a user's `user.properties` after the user's other files. Repeating it after a crash gives the same
 * result. Rebuilds raw key files from the keyring, so that settings without a key id use the same key as
 * before. Throws `denied`, `unavailable` or `over-quota`, naming the file.
 */
export async function restoreSnapshot(snapshot: Snapshot, services: RestoreServices): Promise<RestoredFiles> {
  const total = snapshot.files.length + snapshot.keyFiles.length;
  let done = 0;
  const users = usersOf(snapshot.files);
  for (const username of users) await createHome(username, services);
  const { keyFiles, problems } = await restoreKeyFiles(snapshot, services, () =>
    services.onFile(++done, total),
  );
  for (const file of snapshot.files.toSorted(settingsLast)) {
    await writeBelow(services.root, file.path, file.content);
    services.onFile(++done, total);
  }
  return { users, files: snapshot.files.length, keyFiles, problems };
}

/**
 * Restores the recovery recipients and signers of a snapshot. They apply to everything that is sealed
 * later.
 */
export async function restoreRecipients(snapshot: Snapshot, root: string): Promise<void> {
  for (const { path, content } of snapshot.files) {
    const kind = snapshotPath(path)?.kind;
    if (kind === 'recipients' || kind === 'signer') await writeBelow(root, path, content);
  }
}

function usersOf(files: readonly SnapshotFile[]): readonly Username[] {
  return files.flatMap(({ path }) => {
    const found = snapshotPath(path);
    return found?.kind === 'user-settings' ? [found.username] : [];
  });
}

/** Sorts `user.properties` last, because a user exists as soon as it does. */
function settingsLast(a: SnapshotFile, b: SnapshotFile): number {
  return Number(makesUser(a)) - Number(makesUser(b));
}

function makesUser({ path }: SnapshotFile): boolean {
  return snapshotPath(path)?.kind === 'user-settings';
}

/** Creates the home of a user, with the owner of the state directory. Throws `denied` or `unavailable`. */
export async function createHome(
  username: Username,
  { directories, stateDirectory }: Pick<RestoreServices, 'directories' | 'stateDirectory'>,
): Promise<void> {
  const paths = userPaths(directories, username);
  try {
    if (!(await exists(directories.homes))) await ensureDirectory(directories.homes, openDirectoryMode);
    if (!(await exists(paths.home))) {
      await mkdir(paths.home, { mode: secretDirectoryMode });
      const { uid, gid } = await stat(stateDirectory);
      // Everything that is created in the home belongs to the owner of the home.
      if (process.getuid?.() === 0 && uid !== 0) await chown(paths.home, uid, gid);
    }
    await prepareHome(paths, directories);
  } catch (error) {
    throw cannotWrite(paths.home, error);
  }
}

async function exists(path: string): Promise<boolean> {
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
      problems.push(`${path} was not restored: its key ${id} is not in the copy`);
    } else {
      const bytes = key.reveal();
      await writeBelow(root, path, bytes);
      bytes.fill(0);
      // The times of kept keys give their order.
      const when = new Date(takenMs - (keyFiles.length - index) * 1000);
      await utimes(join(root, path), when, when);
      restored += 1;
    }
    onFile();
  }
  return { keyFiles: restored, problems };
}

/**
 * Writes a file of a snapshot below the root, with the mode of its kind. Throws `denied`, `unavailable` and
 * `over-quota`.
 */
export async function writeBelow(root: string, path: string, content: Uint8Array): Promise<void> {
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
  if (hasCode(error, 'ENOSPC', 'EDQUOT')) return new Fault('over-quota', `no space left for ${path}`, cause);
  if (hasCode(error, 'EACCES', 'EPERM', 'EROFS')) {
    return new Fault(
      'denied',
      `permission denied for writing ${path}; recover as root or as the gateway's user`,
      cause,
    );
  }
  return new Fault('unavailable', `${path} cannot be written`, cause);
}
