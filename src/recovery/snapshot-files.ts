import type { BigIntStats } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { mapBounded } from '../concurrency/bounded.js';
import { hasCode, isAbsence } from '../files/system-errors.js';
import { type KeyFingerprint, parseKeyFingerprint } from '../model/customer-key.js';
import { Fault } from '../model/fault.js';
import type { KeyFiles } from '../model/key-files.js';
import { usernameOfDirectory } from '../model/users.js';
import type { SnapshotFile, SnapshotKeyFile } from './snapshot.js';
import {
  gatewayFilePaths,
  keyFileDirectory,
  sharedKeyFileDirectory,
  signerDirectory,
  snapshotPath,
  userFilePaths,
} from './snapshot-paths.js';

/** Maximum size of a file: four times the limit of `authorized_keys`, the largest kind. */
const maxFileBytes = 4 * 1024 * 1024;

/** Files read in parallel. */
const parallelReads = 32;

/** A file that belongs in a snapshot. */
export interface SnapshotSourceFile {
  /** The path below the root. */
  readonly path: string;
  /** A text that differs after every change of the file. */
  readonly stamps: string;
  readonly modifiedNs: bigint;
}

/** Finds every file below the root that belongs in a snapshot, without opening it. Throws `unavailable`. */
export async function findSnapshotFiles(root: string): Promise<readonly SnapshotSourceFile[]> {
  const users = await usersIn(root);
  const paths = [
    ...gatewayFilePaths,
    ...(await filesIn(root, signerDirectory)),
    ...users.flatMap(({ files }) => files),
    ...users.flatMap(({ keyFiles }) => keyFiles),
    ...(await filesIn(root, sharedKeyFileDirectory)),
  ];
  const stats = await mapBounded(paths, parallelReads, (path) => statOf(join(root, path)));
  return paths.flatMap((path, index) => {
    const found = stats[index];
    if (found === undefined || found === null) return [];
    const { size, mtimeNs, ctimeNs, ino } = found;
    return [{ path, stamps: `${path}:${ino}:${size}:${mtimeNs}:${ctimeNs}`, modifiedNs: mtimeNs }];
  });
}

/**
 * Reads the files, except raw key files. Omits a file that was removed since it was found. Throws `denied`,
 * `unavailable`, and `invalid` for a file that is too large.
 */
export async function readSnapshotFiles(
  root: string,
  found: readonly SnapshotSourceFile[],
): Promise<readonly SnapshotFile[]> {
  const paths = found.map(({ path }) => path).filter((path) => snapshotPath(path)?.kind !== 'key-file');
  const contents = await mapBounded(paths, parallelReads, (path) => contentOf(join(root, path)));
  return paths.flatMap((path, index) => {
    const content = contents[index] ?? null;
    return content === null ? [] : [{ path, content }];
  });
}

/**
 * Returns the raw key files that hold a key, the oldest first. Skips invalid ones, which are reported where
 * they are used.
 */
export async function findKeyFiles(
  root: string,
  found: readonly SnapshotSourceFile[],
  keyFiles: KeyFiles,
): Promise<readonly SnapshotKeyFile[]> {
  const oldestFirst = found
    .filter(({ path }) => snapshotPath(path)?.kind === 'key-file')
    .sort((a, b) => (a.modifiedNs < b.modifiedNs ? -1 : a.modifiedNs > b.modifiedNs ? 1 : 0));
  const keys = await mapBounded(oldestFirst, parallelReads, async ({ path }) => {
    const kept = /\.([0-9a-f]{32})$/.exec(path)?.[1];
    return kept === undefined ? await keyIn(keyFiles, join(root, path)) : parseKeyFingerprint(kept);
  });
  return oldestFirst.flatMap(({ path }, index) => {
    const key = keys[index] ?? null;
    return key === null ? [] : [{ path, key }];
  });
}

async function keyIn(keyFiles: KeyFiles, path: string): Promise<KeyFingerprint | null> {
  try {
    return (await keyFiles.load(path))?.fingerprint ?? null;
  } catch {
    return null;
  }
}

/** The files of one user that exist, or may exist, and the raw key files. */
interface FilesOfUser {
  readonly files: readonly string[];
  readonly keyFiles: readonly string[];
}

/**
 * Lists the files of the users whose `user.properties` exists. Each directory is listed once, because most of the files
 * that a user may have do not exist.
 */
async function usersIn(root: string): Promise<readonly FilesOfUser[]> {
  const names = (await namesIn(join(root, 'home'))).toSorted();
  const found = await mapBounded(names, parallelReads, async (name) => {
    const username = usernameOfDirectory(name);
    if (username === null) return [];
    const keyDirectory = keyFileDirectory(username);
    const existing = (await namesIn(join(root, keyDirectory)))
      .toSorted()
      .map((one) => `${keyDirectory}/${one}`);
    const mayExist = (path: string) => dirname(path) !== keyDirectory || existing.includes(path);
    const files = userFilePaths(username).filter(mayExist);
    const properties = userFilePaths(username).at(-1);
    if (properties === undefined || !files.includes(properties)) return [];
    return [{ files, keyFiles: existing.filter((path) => snapshotPath(path)?.kind === 'key-file') }];
  });
  return found.flat();
}

/** Returns the key files and signers in a directory of the gateway. */
async function filesIn(root: string, directory: string): Promise<readonly string[]> {
  const paths = (await namesIn(join(root, directory))).toSorted().map((name) => `${directory}/${name}`);
  return paths.filter((path) => ['key-file', 'signer'].includes(snapshotPath(path)?.kind ?? ''));
}

async function namesIn(directory: string): Promise<readonly string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if (isNothingOfOurs(error)) return [];
    throw cannotRead(directory, error);
  }
}

async function statOf(path: string): Promise<BigIntStats | null> {
  try {
    return await stat(path, { bigint: true });
  } catch (error) {
    if (isNothingOfOurs(error)) return null;
    throw cannotRead(path, error);
  }
}

async function contentOf(path: string): Promise<Uint8Array | null> {
  try {
    const { size } = await stat(path);
    if (size > maxFileBytes) {
      throw new Fault('invalid', `${path} is too large for the copy in the bucket: ${size} bytes`);
    }
    return await readFile(path);
  } catch (error) {
    if (isAbsence(error)) return null;
    throw cannotRead(path, error);
  }
}

/** Ignores denied access too: the homes of other accounts and `/root` may be closed to the gateway. */
function isNothingOfOurs(error: unknown): boolean {
  return isAbsence(error) || hasCode(error, 'EACCES', 'EPERM');
}

function cannotRead(path: string, error: unknown): Fault {
  if (error instanceof Fault) return error;
  const isDenied = hasCode(error, 'EACCES', 'EPERM');
  const advice = isDenied ? '; check its owner and permissions' : '';
  return new Fault(
    isDenied ? 'denied' : 'unavailable',
    `${path} cannot be read for the copy in the bucket${advice}`,
    {
      cause: error,
    },
  );
}
