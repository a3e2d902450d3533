import { constants, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { mapBounded } from '../concurrency/bounded.js';
import { DirectoryNames } from '../files/directory-names.js';
import { settleMs, stampsOf } from '../files/file-cache.js';
import { isAbsence } from '../files/system-errors.js';
import { usernameOfDirectory } from '../model/users.js';
import {
  gatewayFilePaths,
  keyFileDirectory,
  sharedKeyFileDirectory,
  signerDirectory,
  userFilePaths,
} from '../recovery/snapshot-paths.js';
import { maxSharedBytes } from './content-check.js';
import { keyringDirectory, moreGatewayFiles, replicatedFile } from './replicated-files.js';

/** Files checked in parallel. */
const parallel = 32;
const homes = 'home';

/** A shared file on the disk of this node. */
export interface LocalFile {
  /** A text that differs after every change of the file. */
  readonly stamps: string;
  readonly digest: string;
  readonly modifiedNs: bigint;
}

/** The shared files of this node at one moment. */
export interface LocalFiles {
  readonly files: ReadonlyMap<string, LocalFile>;
  /**
   * Returns whether a path without a file was removed. It was not if its directory could not be read or does not exist, as
   * with a file system that is not mounted.
   */
  isRemoved(path: string): boolean;
  /** Returns whether the home of the file's user does not exist any more. */
  isHomeGone(path: string): boolean;
}

/** Returns the part of a file that the nodes share. */
export type SharedContent = (path: string, content: Buffer) => Buffer;

interface SeenFile extends LocalFile {
  /** False if the file could change again without new stamps. */
  readonly isSettled: boolean;
}

/** Finds the shared files below a root. Opens only files that have changed since the last call. */
export class RootScanner {
  readonly #root: string;
  readonly #digest: (content: Uint8Array) => string;
  readonly #shared: SharedContent;
  readonly #directories = new DirectoryNames();
  #seen: ReadonlyMap<string, SeenFile> = new Map();

  constructor(root: string, digest: (content: Uint8Array) => string, shared: SharedContent) {
    this.#root = root;
    this.#digest = digest;
    this.#shared = shared;
  }

  /** Returns all shared files. Leaves out files that cannot be read. */
  async scan(): Promise<LocalFiles> {
    const listing = await this.#list();
    const found = await mapBounded(listing.paths, parallel, async (path) => await this.#check(path));
    const files = new Map<string, SeenFile>();
    const unreadable = new Set<string>();
    for (const [index, path] of listing.paths.entries()) {
      const file = found[index] ?? null;
      if (file === 'unreadable') unreadable.add(path);
      else if (file !== null) files.set(path, file);
    }
    this.#seen = new Map(files);
    dropOtherAccounts(files);
    return {
      files,
      isRemoved: (path) => !unreadable.has(path) && listing.isKnown(path),
      isHomeGone: (path) => listing.isKnown(path) && listing.isHomeGone(path),
    };
  }

  /** Returns the shared content of a file and its digest; null if it does not exist. Throws errors of the file system. */
  async read(path: string): Promise<{ readonly content: Buffer; readonly digest: string } | null> {
    try {
      const content = this.#shared(path, await readBounded(join(this.#root, path)));
      return { content, digest: this.#digest(content) };
    } catch (error) {
      if (isAbsence(error)) return null;
      throw error;
    }
  }

  async #check(path: string): Promise<SeenFile | 'unreadable' | null> {
    try {
      // A stat(2) takes less time than its way to another thread and back.
      const stats = statSync(join(this.#root, path), { bigint: true, throwIfNoEntry: false });
      if (stats === undefined) return null;
      const stamps = stampsOf(stats);
      const seen = this.#seen.get(path);
      if (seen?.isSettled === true && seen.stamps === stamps) return seen;
      const isSettled = Date.now() - Number(stats.ctimeMs) > settleMs;
      const read = await this.read(path);
      if (read === null) return null;
      return { stamps, digest: read.digest, modifiedNs: stats.mtimeNs, isSettled };
    } catch (error) {
      return isAbsence(error) ? null : 'unreadable';
    }
  }

  async #list(): Promise<Listing> {
    const names = await this.#names(homes);
    const homeNames = new Set(Array.isArray(names) ? names : []);
    const usernames = [...homeNames].flatMap((name) => usernameOfDirectory(name) ?? []);
    const gatewayFiles = [...gatewayFilePaths, ...moreGatewayFiles];
    const directories = new Set([
      ...usernames.map(keyFileDirectory),
      ...[sharedKeyFileDirectory, signerDirectory, keyringDirectory],
      ...gatewayFiles.map(directoryOf),
    ]);
    const listed = new Map<string, FoundNames>();
    await mapBounded([...directories], parallel, async (directory) => {
      listed.set(directory, await this.#names(directory));
    });
    const inDirectories = [...listed].flatMap(([directory, found]) =>
      (Array.isArray(found) ? found : [])
        .map((name) => `${directory}/${name}`)
        .filter((path) => replicatedFile(path) !== null),
    );
    return {
      paths: [...new Set([...gatewayFiles, ...usernames.flatMap(userFilePaths), ...inDirectories])],
      isKnown: (path) => {
        const found = listed.get(directoryOf(path));
        return isBelowHomes(path) ? Array.isArray(names) && found !== 'unreadable' : Array.isArray(found);
      },
      isHomeGone: (path) => isBelowHomes(path) && !homeNames.has(path.split('/')[1] ?? ''),
    };
  }

  async #names(directory: string): Promise<FoundNames> {
    try {
      return await this.#directories.read(join(this.#root, directory));
    } catch (error) {
      return isAbsence(error) ? 'absent' : 'unreadable';
    }
  }
}

/** The names in a directory, or why there are none. */
type FoundNames = readonly string[] | 'absent' | 'unreadable';

interface Listing {
  readonly paths: readonly string[];
  /** Returns whether the directory of a path could be read. */
  isKnown(path: string): boolean;
  isHomeGone(path: string): boolean;
}

function directoryOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/'));
}

function isBelowHomes(path: string): boolean {
  return path.startsWith(`${homes}/`);
}

/** Removes the files in homes without settings: they belong to other accounts of the machine. */
function dropOtherAccounts(files: Map<string, SeenFile>): void {
  for (const path of files.keys()) {
    const username = replicatedFile(path)?.username ?? null;
    const settings = username === null ? undefined : userFilePaths(username).at(-1);
    if (settings !== undefined && !files.has(settings)) files.delete(path);
  }
}

/** Reads a file, with one byte more than the bound of a file that is too long. */
async function readBounded(path: string): Promise<Buffer> {
  // O_NONBLOCK: a FIFO in place of the file must not block the reader.
  const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const { size } = await handle.stat();
    const buffer = Buffer.alloc(Math.min(size, maxSharedBytes) + 1);
    let length = 0;
    while (length < buffer.byteLength) {
      const { bytesRead } = await handle.read(buffer, length, buffer.byteLength - length, null);
      if (bytesRead === 0) break;
      length += bytesRead;
    }
    return buffer.subarray(0, length);
  } finally {
    await handle.close();
  }
}
