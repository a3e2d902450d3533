import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import {
  ensureDirectory,
  removeFileDurably,
  secretDirectoryMode,
  secretFileMode,
  temporaryName,
  writeFileDurably,
} from '../files/durable.js';
import { FileCache } from '../files/file-cache.js';
import { isAbsence } from '../files/system-errors.js';
import type { KeyFingerprint } from '../model/customer-key.js';
import { Fault } from '../model/fault.js';
import { readFault, writeFault } from './disk-fault.js';
import {
  type KeyRecord,
  parseKeyFileName,
  parseKeyRecord,
  recordFileName,
  renderKeyRecord,
  sealedFileName,
} from './key-record.js';

/** The name of the file with the recovery recipients. */
export const recipientsFileName = 'recovery-recipients.txt';

/** The files of one key. */
export interface KeyEntry {
  readonly id: KeyFingerprint;
  /** The description; null if it does not exist or is invalid. */
  readonly record: KeyRecord | null;
  /** The error in the description's file; null if the file is valid or does not exist. */
  readonly recordProblem: Fault | null;
  readonly hasSealedFile: boolean;
}

/** The directory at one moment. Remains the same object until something changes. */
export interface KeyringSnapshot {
  readonly entries: ReadonlyMap<KeyFingerprint, KeyEntry>;
  /** Names that do not belong in a keyring, except files left by a crash. */
  readonly unknownFiles: readonly string[];
  readonly hasLeftovers: boolean;
}

const maxFileBytes = 65_536;

/** Two changes within this time may have the same time stamps (see `FileCache`). */
const settleMs = 2500;

const nothing: KeyringSnapshot = { entries: new Map(), unknownFiles: [], hasLeftovers: false };

interface RecordContent {
  readonly record: KeyRecord | null;
  readonly problem: string;
}

/**
 * The directory of sealed files and descriptions. Every change renames or removes a file, so the directory's
 * time stamps show it.
 */
export class KeyringFiles {
  readonly directory: string;
  readonly #sealed = new FileCache<{ readonly bytes: Uint8Array }>(maxFileBytes, ({ bytes }) => ({ bytes }));
  readonly #records = new FileCache<RecordContent>(maxFileBytes, ({ bytes }) => readRecord(bytes));
  #seen: { readonly stamps: string; readonly snapshot: KeyringSnapshot } | null = null;
  #changes = 0;

  constructor(directory: string) {
    this.directory = directory;
  }

  /** Number of files that this object has written or removed. */
  get changes(): number {
    return this.#changes;
  }

  path(name: string): string {
    return join(this.directory, name);
  }

  /** Lists the directory. Costs one stat(2) if nothing changed. Throws `denied` or `unavailable`. */
  async snapshot(): Promise<KeyringSnapshot> {
    const stamps = await this.#stamps();
    if (stamps === null) return nothing;
    if (this.#seen?.stamps === stamps.text) return this.#seen.snapshot;
    this.#seen = null;
    const snapshot = await this.#scan();
    if (stamps.isSettled) this.#seen = { stamps: stamps.text, snapshot };
    return snapshot;
  }

  /**
   * Returns the files of one key, or null if it has none. Reads two files or fewer, even if other keys
   * change.
   */
  async entry(id: KeyFingerprint): Promise<KeyEntry | null> {
    const seen = this.#seen;
    if (seen !== null && seen.stamps === (await this.#stamps())?.text)
      return seen.snapshot.entries.get(id) ?? null;
    const content = await this.#record(recordFileName(id));
    const hasSealedFile = (await this.sealed(id)) !== null;
    return content === null && !hasSealedFile ? null : this.#entryOf(id, content, hasSealedFile);
  }

  /** Returns the sealed file of a key, or null if it does not exist. Throws `denied` or `unavailable`. */
  async sealed(id: KeyFingerprint): Promise<Uint8Array | null> {
    const path = this.path(sealedFileName(id));
    try {
      return (await this.#sealed.read(path))?.bytes ?? null;
    } catch (error) {
      throw readFault(path, error);
    }
  }

  async writeSealed(id: KeyFingerprint, sealed: Uint8Array): Promise<void> {
    await this.write(sealedFileName(id), sealed);
  }

  async writeRecord(record: KeyRecord): Promise<void> {
    await this.write(recordFileName(record.id), renderKeyRecord(record));
  }

  async write(name: string, content: Uint8Array | string): Promise<void> {
    const path = this.path(name);
    try {
      await ensureDirectory(this.directory, secretDirectoryMode);
      await writeFileDurably(path, content, secretFileMode);
      this.#changes += 1;
    } catch (error) {
      throw writeFault(path, error);
    }
  }

  async removeSealed(id: KeyFingerprint): Promise<void> {
    await this.#remove(sealedFileName(id));
  }

  /** Removes partial files that a crash left. The caller must hold the keyring's lock. */
  async removeLeftovers(): Promise<void> {
    for (const name of await this.#names()) if (temporaryName.test(name)) await this.#remove(name);
  }

  async #remove(name: string): Promise<void> {
    const path = this.path(name);
    try {
      await removeFileDurably(path);
      this.#changes += 1;
    } catch (error) {
      if (!isAbsence(error)) throw writeFault(path, error);
    }
  }

  /** Returns the directory's time stamps, or null if it does not exist. */
  async #stamps(): Promise<{ readonly text: string; readonly isSettled: boolean } | null> {
    try {
      const { dev, ino, mtimeNs, ctimeNs, ctimeMs } = await stat(this.directory, { bigint: true });
      const isSettled = Date.now() - Number(ctimeMs) > settleMs;
      return { text: `${dev}:${ino}:${mtimeNs}:${ctimeNs}`, isSettled };
    } catch (error) {
      if (isAbsence(error)) return null;
      throw readFault(this.directory, error);
    }
  }

  async #names(): Promise<readonly string[]> {
    try {
      return await readdir(this.directory);
    } catch (error) {
      if (isAbsence(error)) return [];
      throw readFault(this.directory, error);
    }
  }

  async #scan(): Promise<KeyringSnapshot> {
    const names = await this.#names();
    const sealed = new Set<KeyFingerprint>();
    const records = new Map<KeyFingerprint, RecordContent | Fault>();
    const unknownFiles: string[] = [];
    for (const name of names) {
      const file = parseKeyFileName(name);
      if (file === null) {
        if (name !== recipientsFileName && !temporaryName.test(name)) unknownFiles.push(name);
      } else if (file.kind === 'sealed') {
        sealed.add(file.id);
      } else {
        const content = await this.#record(name);
        if (content !== null) records.set(file.id, content);
      }
    }
    const entries = new Map<KeyFingerprint, KeyEntry>();
    for (const id of [...new Set([...sealed, ...records.keys()])].sort()) {
      entries.set(id, this.#entryOf(id, records.get(id) ?? null, sealed.has(id)));
    }
    return { entries, unknownFiles, hasLeftovers: names.some((name) => temporaryName.test(name)) };
  }

  async #record(name: string): Promise<RecordContent | Fault | null> {
    const path = this.path(name);
    try {
      return await this.#records.read(path);
    } catch (error) {
      return readFault(path, error);
    }
  }

  #entryOf(id: KeyFingerprint, content: RecordContent | Fault | null, hasSealedFile: boolean): KeyEntry {
    if (content === null) return { id, record: null, recordProblem: null, hasSealedFile };
    if (content instanceof Fault) return { id, record: null, recordProblem: content, hasSealedFile };
    const isOther = content.record !== null && content.record.id !== id;
    const problem = isOther ? `it describes another key, ${content.record?.id}` : content.problem;
    if (content.record !== null && !isOther)
      return { id, record: content.record, recordProblem: null, hasSealedFile };
    const fault = new Fault('corrupt', `${this.path(recordFileName(id))}: invalid description: ${problem}`);
    return { id, record: null, recordProblem: fault, hasSealedFile };
  }
}

function readRecord(bytes: Uint8Array): RecordContent {
  try {
    return { record: parseKeyRecord(Buffer.from(bytes).toString('utf8')), problem: '' };
  } catch (error) {
    return { record: null, problem: Fault.from(error).hint };
  }
}
