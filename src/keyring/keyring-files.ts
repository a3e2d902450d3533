import { statSync } from 'node:fs';
import { readdir, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { forEachBounded } from '../concurrency/bounded.js';
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
  readonly hasSealedFiles: boolean;
}

const maxFileBytes = 65_536;

/**
 * Two changes within this time, in milliseconds, may have the same time stamps (see `FileCache`). Stamps that
 * have a fraction of a second advance with the kernel's clock, in steps of up to 10 ms.
 */
const settleMs = { fine: 100, coarse: 2500 };

/** Time in milliseconds after which a snapshot that this object continued by itself is read again. */
const maxContinuedMs = 60_000;

/** Descriptions read in parallel. */
const parallelReads = 16;

const nothing: KeyringSnapshot = {
  entries: new Map(),
  unknownFiles: [],
  hasLeftovers: false,
  hasSealedFiles: false,
};

/** A snapshot, and the directory's time stamps while it holds. */
interface SeenSnapshot {
  readonly stamps: string;
  readonly snapshot: KeyringSnapshot;
  /** Time at which the directory must be read again, by the monotonic clock. */
  readonly untilMs: number;
}

interface DirectoryStamps {
  readonly text: string;
  readonly isSettled: boolean;
  readonly mtimeSeconds: number;
}

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
  #seen: SeenSnapshot | null = null;
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
    const stamps = this.#stamps();
    if (stamps === null) return nothing;
    const seen = this.#seenWith(stamps.text);
    if (seen !== null) return seen;
    this.#seen = null;
    const snapshot = await this.#scan();
    if (stamps.isSettled) this.#seen = { stamps: stamps.text, snapshot, untilMs: Infinity };
    return snapshot;
  }

  /**
   * Returns what `snapshot` does, but also remembers it within moments of a change, so that one's own changes
   * continue from it. The caller holds the keyring's lock.
   */
  async snapshotToChange(): Promise<KeyringSnapshot> {
    const stamps = this.#stamps();
    if (stamps === null) return nothing;
    const seen = this.#seenWith(stamps.text);
    if (seen !== null) return seen;
    this.#seen = null;
    const marked = await this.#markDirectory();
    const snapshot = await this.#scan();
    if (marked !== null)
      this.#seen = { stamps: marked, snapshot, untilMs: performance.now() + maxContinuedMs };
    return snapshot;
  }

  /** Returns a text that changes with every change of the directory; null within moments of a change. */
  async state(): Promise<string | null> {
    const stamps = this.#stamps();
    if (stamps === null) return '';
    return stamps.isSettled || this.#seenWith(stamps.text) !== null ? stamps.text : null;
  }

  #seenWith(stamps: string): KeyringSnapshot | null {
    const seen = this.#seen;
    return seen?.stamps === stamps && performance.now() < seen.untilMs ? seen.snapshot : null;
  }

  /**
   * Returns the files of one key, or null if it has none. Reads two files or fewer, even if other keys
   * change.
   */
  async entry(id: KeyFingerprint): Promise<KeyEntry | null> {
    const seen = this.#seen === null ? null : this.#seenWith(this.#stamps()?.text ?? '');
    if (seen !== null) return seen.entries.get(id) ?? null;
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
      const before = await this.#known();
      await ensureDirectory(this.directory, secretDirectoryMode);
      await writeFileDurably(path, content, secretFileMode);
      this.#changes += 1;
      await this.#continue(before, name);
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
    this.#seen = null;
  }

  async #remove(name: string): Promise<void> {
    const path = this.path(name);
    try {
      const before = await this.#known();
      await removeFileDurably(path);
      this.#changes += 1;
      await this.#continue(before, name);
    } catch (error) {
      if (!isAbsence(error)) throw writeFault(path, error);
    }
  }

  /** Returns the present snapshot if the next call of `snapshot` would not read the directory. */
  async #known(): Promise<KeyringSnapshot | null> {
    const stamps = this.#stamps();
    if (stamps === null) return null;
    const seen = this.#seenWith(stamps.text);
    this.#seen = seen === null ? null : this.#seen;
    return seen;
  }

  /**
   * Applies one's own change of a file to the snapshot before it, instead of reading all descriptions again.
   * The caller holds the keyring's lock, so no other gateway process changes the directory meanwhile. A file
   * that a person copies into it at this moment is found when the snapshot is read again.
   */
  async #continue(before: KeyringSnapshot | null, name: string): Promise<void> {
    if (before === null) return;
    const untilMs = Math.min(this.#seen?.untilMs ?? Infinity, performance.now() + maxContinuedMs);
    this.#seen = null;
    const snapshot = await this.#with(before, name);
    const stamps = await this.#markDirectory();
    if (stamps !== null) this.#seen = { stamps, snapshot, untilMs };
  }

  async #with(before: KeyringSnapshot, name: string): Promise<KeyringSnapshot> {
    const file = parseKeyFileName(name);
    if (file === null) return { ...before };
    const content = await this.#record(recordFileName(file.id));
    const hasSealedFile = (await this.sealed(file.id)) !== null;
    const entries = new Map(before.entries);
    if (content === null && !hasSealedFile) entries.delete(file.id);
    else entries.set(file.id, this.#entryOf(file.id, content, hasSealedFile));
    return { ...before, entries, hasSealedFiles: hasSealedFile || anySealed(entries) };
  }

  /**
   * Gives the directory a modification time that no other change gives it, because the kernel's times advance
   * in steps. Returns the time stamps, or null if the file system did not keep that time.
   */
  async #markDirectory(): Promise<string | null> {
    const microseconds = Number(process.hrtime.bigint() % 1000n);
    const seconds = Date.now() / 1000 + microseconds / 1_000_000;
    try {
      await utimes(this.directory, seconds, seconds);
      const stamps = this.#stamps();
      return stamps !== null && Math.abs(stamps.mtimeSeconds - seconds) < 0.000_002 ? stamps.text : null;
    } catch {
      return null;
    }
  }

  /** Returns the directory's time stamps, or null if it does not exist. */
  #stamps(): DirectoryStamps | null {
    try {
      const { dev, ino, mtimeNs, ctimeNs, ctimeMs } = statSync(this.directory, { bigint: true });
      const waitMs = ctimeNs % 1_000_000_000n === 0n ? settleMs.coarse : settleMs.fine;
      const isSettled = Date.now() - Number(ctimeMs) > waitMs;
      return { text: `${dev}:${ino}:${mtimeNs}:${ctimeNs}`, isSettled, mtimeSeconds: Number(mtimeNs) / 1e9 };
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
    await forEachBounded(null, names, parallelReads, async (name) => {
      const file = parseKeyFileName(name);
      if (file === null) {
        if (name !== recipientsFileName && !temporaryName.test(name)) unknownFiles.push(name);
      } else if (file.kind === 'sealed') {
        sealed.add(file.id);
      } else {
        const content = await this.#record(name);
        if (content !== null) records.set(file.id, content);
      }
    });
    const entries = new Map<KeyFingerprint, KeyEntry>();
    for (const id of [...new Set([...sealed, ...records.keys()])].sort()) {
      entries.set(id, this.#entryOf(id, records.get(id) ?? null, sealed.has(id)));
    }
    const hasLeftovers = names.some((name) => temporaryName.test(name));
    return { entries, unknownFiles, hasLeftovers, hasSealedFiles: sealed.size > 0 };
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

function anySealed(entries: ReadonlyMap<KeyFingerprint, KeyEntry>): boolean {
  for (const { hasSealedFile } of entries.values()) if (hasSealedFile) return true;
  return false;
}

function readRecord(bytes: Uint8Array): RecordContent {
  try {
    return { record: parseKeyRecord(Buffer.from(bytes).toString('utf8')), problem: '' };
  } catch (error) {
    return { record: null, problem: Fault.from(error).hint };
  }
}
