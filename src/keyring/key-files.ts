import { chmod, link, stat, utimes } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { DirectoryNames } from '../files/directory-names.js';
import { secretFileMode, syncDirectory, writeFileDurably } from '../files/durable.js';
import { FileCache } from '../files/file-cache.js';
import { hasCode, isAbsence } from '../files/system-errors.js';
import type { Logger } from '../model/call.js';
import type { CustomerKey, KeyFingerprint } from '../model/customer-key.js';
import { Fault } from '../model/fault.js';
import type { KeyFiles } from '../model/key-files.js';
import { isOpenToOthers, openToOthers, readFault, writeFault } from './disk-fault.js';
import { type KeyFileContent, maxKeyFileBytes, readKeyFileContent } from './key-file-content.js';
import { weaknessOf } from './weak-keys.js';

interface KeyFile {
  readonly content: KeyFileContent;
  /** Permission bits. */
  readonly mode: number;
}

/** Opens raw key files on disk. Logs problems that do not stop anything, once per change of a file. */
export function createKeyFiles(log: Logger): KeyFiles {
  return new DiskKeyFiles(log);
}

/** A problem of a key file. The text is a sentence that begins with the path. */
export interface KeyFileProblem {
  readonly kind: 'no-key' | 'weak-key' | 'open-to-others' | 'unreadable';
  readonly text: string;
}

/** Checks a key file. Returns no problem if the file does not exist. */
export async function keyFileProblems(path: string): Promise<readonly KeyFileProblem[]> {
  const problems: KeyFileProblem[] = [];
  try {
    const file = await newCache().read(path);
    if (file === null) return [];
    if (file.content.kind === 'invalid')
      problems.push({ kind: 'no-key', text: `${path}: ${file.content.reason}` });
    const weakness = file.content.kind === 'key' ? weaknessOf(file.content.key) : null;
    if (weakness !== null) problems.push({ kind: 'weak-key', text: `${path}: the key ${weakness.text}` });
    if (isOpenToOthers(file.mode))
      problems.push({ kind: 'open-to-others', text: openToOthers(path, file.mode, 'key file') });
  } catch (error) {
    problems.push({ kind: 'unreadable', text: readFault(path, error).hint });
  }
  return problems;
}

class DiskKeyFiles implements KeyFiles {
  readonly #log: Logger;
  readonly #directories = new DirectoryNames();
  readonly #cache = newCache();
  // Files that have been logged. A changed file is a new object.
  readonly #open = new WeakSet<KeyFile>();
  readonly #checked = new WeakSet<KeyFile>();
  readonly #invalid = new WeakSet<KeyFile>();
  readonly #unreadable = new Map<string, string>();

  constructor(log: Logger) {
    this.#log = log;
  }

  async load(path: string): Promise<CustomerKey | null> {
    const file = await this.#read(path);
    if (file === null) return null;
    if (file.content.kind === 'invalid') throw new Fault('invalid', `${path}: ${file.content.reason}`);
    return file.content.key;
  }

  async store(path: string, key: CustomerKey): Promise<void> {
    try {
      await this.#keepOld(path, key);
      await writeFileDurably(path, key.reveal(), secretFileMode);
    } catch (error) {
      throw writeFault(path, error);
    }
  }

  async loadAll(path: string): Promise<readonly CustomerKey[]> {
    const keys = new Map<KeyFingerprint, CustomerKey>();
    const kept = (await keptFiles(path, this.#directories)).map((file) => file.path);
    for (const candidate of [path, ...kept]) {
      const key = await this.#loadOrLog(candidate);
      if (key !== null && !keys.has(key.fingerprint)) keys.set(key.fingerprint, key);
    }
    return [...keys.values()];
  }

  async #read(path: string): Promise<KeyFile | null> {
    let file: KeyFile | null;
    try {
      file = await this.#cache.read(path);
    } catch (error) {
      throw readFault(path, error);
    }
    if (file !== null && isOpenToOthers(file.mode) && !this.#open.has(file)) {
      this.#open.add(file);
      this.#log.warn('key file is open to others', { problem: openToOthers(path, file.mode, 'key file') });
    }
    if (file !== null && file.content.kind === 'key' && !this.#checked.has(file)) {
      this.#checked.add(file);
      const weakness = weaknessOf(file.content.key);
      if (weakness !== null)
        this.#log.warn('key file with a weak key', { problem: `${path}: the key ${weakness.text}` });
    }
    return file;
  }

  /**
   * Returns the key of a file. Logs an unusable file and returns null, so that it does not hide other
   * keys.
   */
  async #loadOrLog(path: string): Promise<CustomerKey | null> {
    try {
      const file = await this.#read(path);
      this.#unreadable.delete(path);
      if (file === null) return null;
      if (file.content.kind === 'key') return file.content.key;
      if (!this.#invalid.has(file))
        this.#log.warn('invalid key file', { problem: `${path}: ${file.content.reason}` });
      this.#invalid.add(file);
    } catch (error) {
      const fault = Fault.from(error);
      if (this.#unreadable.get(path) !== fault.hint)
        this.#log.warn('cannot read key file', { path, error: fault });
      this.#unreadable.set(path, fault.hint);
    }
    return null;
  }

  /** Keeps a copy of the old key, because objects uploaded with it may still need it. */
  async #keepOld(path: string, next: CustomerKey): Promise<void> {
    const old = await this.#read(path);
    if (old === null) return;
    if (old.content.kind === 'invalid') {
      await moveAway(path);
      return;
    }
    const { key } = old.content;
    if (key.equals(next)) return;
    const newest = (await keptFiles(path, this.#directories))[0];
    const kept = `${path}.${key.fingerprint}`;
    await writeFileDurably(kept, key.reveal(), secretFileMode);
    if (newest !== undefined && newest.path !== kept) await makeNewer(kept, newest.mtimeNs);
  }
}

/**
 * Makes a kept key newer than the given time in nanoseconds. Kept keys are ordered by time, and two keys
 * replaced within one tick of the kernel's clock would have the same.
 */
async function makeNewer(path: string, thanNs: bigint): Promise<void> {
  const { atime, mtimeNs } = await stat(path, { bigint: true });
  if (mtimeNs > thanNs) return;
  // Two milliseconds: the seconds of a time are a double, and 0.124 s may become 0.123999999 s on the disk.
  await utimes(path, atime, new Date(Number(thanNs / 1_000_000n) + 2));
}

interface KeptFile {
  readonly path: string;
  readonly mtimeNs: bigint;
}

function newCache(): FileCache<KeyFile> {
  return new FileCache<KeyFile>(maxKeyFileBytes, ({ bytes, mode }) => {
    const content = readKeyFileContent(bytes);
    bytes.fill(0);
    return { content, mode };
  });
}

/** Returns the kept keys beside the file, the last replaced first. */
async function keptFiles(path: string, directories: DirectoryNames): Promise<readonly KeptFile[]> {
  const directory = dirname(path);
  const prefix = `${basename(path)}.`;
  let names: readonly string[];
  try {
    names = await directories.read(directory);
  } catch (error) {
    if (isAbsence(error)) return [];
    throw readFault(directory, error);
  }
  const kept: KeptFile[] = [];
  for (const name of names) {
    if (!name.startsWith(prefix) || !/^[0-9a-f]{32}$/.test(name.slice(prefix.length))) continue;
    const file = join(directory, name);
    try {
      kept.push({ path: file, mtimeNs: (await stat(file, { bigint: true })).mtimeNs });
    } catch (error) {
      if (!isAbsence(error)) throw readFault(file, error);
    }
  }
  kept.sort((a, b) => (a.mtimeNs < b.mtimeNs ? 1 : a.mtimeNs > b.mtimeNs ? -1 : 0));
  return kept;
}

/** Keeps an invalid file under another name, because it may hold a key in another form, such as base64. */
async function moveAway(path: string): Promise<void> {
  const { mtime, size } = await stat(path);
  if (size === 0) return;
  const stamp = mtime.toISOString().replace(/[-:.]/g, '');
  for (let attempt = 1; ; attempt++) {
    const moved = `${path}.invalid-${stamp}${attempt === 1 ? '' : `-${attempt}`}`;
    try {
      await link(path, moved);
      await chmod(moved, secretFileMode);
      await syncDirectory(dirname(path));
      return;
    } catch (error) {
      if (!hasCode(error, 'EEXIST')) throw error;
    }
  }
}
