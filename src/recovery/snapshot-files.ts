import type { BigIntStats } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { hasCode, isAbsence } from '../files/system-errors.js';
import { type KeyFingerprint, parseKeyFingerprint } from '../model/customer-key.js';
import { Fault } from '../model/fault.js';
import type { KeyFiles } from '../model/key-files.js';
import type { Username } from '../model/users.js';
import type { SnapshotFile, SnapshotKeyFile } from './snapshot.js';
import {
  asUsername,
  gatewayFilePaths,
  keyFileDirectories,
  signerDirectory,
  snapshotPath,
  userFilePaths,
} from './snapshot-paths.js';

/** The longest file of its kind, `authorized_keys`, may have a quarter of it. */
const maxFileBytes = 4 * 1024 * 1024;

/** A file that belongs into a snapshot, as one look found it. */
export interface SnapshotSourceFile {
  /** Below the root. */
  readonly path: string;
  /** Another text after every change of the file. */
  readonly stamps: string;
  readonly modifiedNs: bigint;
}

/** Every file below the root that belongs into a snapshot. Nothing is opened. Faults: `denied`, `unavailable`. */
export async function findSnapshotFiles(root: string): Promise<readonly SnapshotSourceFile[]> {
  const users = await usernames(root);
  const paths = [
    ...gatewayFilePaths,
    ...(await filesIn(root, [signerDirectory])),
    ...users.flatMap(userFilePaths),
    ...(await filesIn(root, keyFileDirectories(users))),
  ];
  const found: SnapshotSourceFile[] = [];
  for (const path of paths) {
    const stats = await statOf(join(root, path));
    if (stats === null) continue;
    const { size, mtimeNs, ctimeNs, ino } = stats;
    found.push({ path, stamps: `${path}:${ino}:${size}:${mtimeNs}:${ctimeNs}`, modifiedNs: mtimeNs });
  }
  return found;
}

/** Their contents, without those of raw key files. One that has gone meanwhile is left out. */
export async function readSnapshotFiles(
  root: string,
  found: readonly SnapshotSourceFile[],
): Promise<readonly SnapshotFile[]> {
  const files: SnapshotFile[] = [];
  for (const { path } of found) {
    if (snapshotPath(path)?.kind === 'key-file') continue;
    const content = await contentOf(join(root, path));
    if (content !== null) files.push({ path, content });
  }
  return files;
}

/**
 * The raw key files that hold a key, those that were replaced longest ago first. One that holds none is passed over: whoever uses
 * it is told.
 */
export async function findKeyFiles(
  root: string,
  found: readonly SnapshotSourceFile[],
  keyFiles: KeyFiles,
): Promise<readonly SnapshotKeyFile[]> {
  const keys: SnapshotKeyFile[] = [];
  const oldestFirst = [...found].sort((a, b) =>
    a.modifiedNs < b.modifiedNs ? -1 : a.modifiedNs > b.modifiedNs ? 1 : 0,
  );
  for (const { path } of oldestFirst) {
    if (snapshotPath(path)?.kind !== 'key-file') continue;
    const kept = /\.([0-9a-f]{32})$/.exec(path)?.[1];
    const key = kept === undefined ? await keyIn(keyFiles, join(root, path)) : parseKeyFingerprint(kept);
    if (key !== null) keys.push({ path, key });
  }
  return keys;
}

async function keyIn(keyFiles: KeyFiles, path: string): Promise<KeyFingerprint | null> {
  try {
    return (await keyFiles.load(path))?.fingerprint ?? null;
  } catch {
    return null;
  }
}

/** A user is there while `user.properties` is. */
async function usernames(root: string): Promise<readonly Username[]> {
  const found: Username[] = [];
  for (const name of (await namesIn(join(root, 'home'))).toSorted()) {
    const username = asUsername(name);
    const properties = username === null ? undefined : userFilePaths(username).at(-1);
    if (username === null || properties === undefined) continue;
    if ((await statOf(join(root, properties))) !== null) found.push(username);
  }
  return found;
}

async function filesIn(root: string, directories: readonly string[]): Promise<readonly string[]> {
  const paths: string[] = [];
  for (const directory of directories) {
    const names = await namesIn(join(root, directory));
    paths.push(...names.toSorted().map((name) => `${directory}/${name}`));
  }
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
      throw new Fault('invalid', `${path} has ${size} bytes, too many for the copy in the bucket`);
    }
    return await readFile(path);
  } catch (error) {
    if (isAbsence(error)) return null;
    throw cannotRead(path, error);
  }
}

/** Homes beside those of SFTP users may be closed to the gateway, and `/root` too: it uses nothing of them. */
function isNothingOfOurs(error: unknown): boolean {
  return isAbsence(error) || hasCode(error, 'EACCES', 'EPERM');
}

function cannotRead(path: string, error: unknown): Fault {
  if (error instanceof Fault) return error;
  const isDenied = hasCode(error, 'EACCES', 'EPERM');
  const advice = isDenied ? ': check its owner and permissions' : '';
  return new Fault(
    isDenied ? 'denied' : 'unavailable',
    `${path} cannot be read for the copy in the bucket${advice}`,
    {
      cause: error,
    },
  );
}
