import { ByteRanges } from '../../src/bytes/byte-ranges.js';
import type { OpenFlags } from './sftp-client.js';

/** One stored file. Every time that it is stored, it is another one. */
export interface StoredFile {
  readonly content: Buffer;
}

/** State of one client's handle: the content that a POSIX file would have after the same operations. */
export class ModelHandle {
  readonly client: number;
  readonly path: string;
  readonly flags: Partial<OpenFlags>;
  /** The stored file that the changes apply to, null if there was none or it was truncated. */
  opened: StoredFile | null;
  content: Buffer;
  isTouched = false;
  /** True if an operation was refused, so that CLOSE may be refused. */
  mayFail = false;
  /** True if another client was sending a new file of this name at the OPEN. */
  isBehindOther = false;
  #wasRead = false;
  /** Time of the last operation, in milliseconds. */
  usedMs = performance.now();
  /** True if CLOSE has to store a time. */
  hasTime = false;
  /** Ranges of the stored file that were not written over. */
  #kept = new ByteRanges();
  readonly #changes: (() => void)[] = [];
  #isWritten = false;
  #isSized = false;
  /** True once the changes do not apply to another stored file: appended bytes were cut. */
  #isFixed = false;

  constructor(client: number, path: string, flags: Partial<OpenFlags>, stored: StoredFile | null) {
    this.client = client;
    this.path = path;
    this.flags = flags;
    this.opened = flags.truncate === true ? null : stored;
    this.content = this.opened?.content ?? Buffer.alloc(0);
    this.#kept.add(0, this.content.byteLength);
  }

  write(offset: number, bytes: Buffer): void {
    if (bytes.byteLength === 0) return;
    this.#change(() => {
      const at = this.flags.append === true ? this.content.byteLength : offset;
      const end = at + bytes.byteLength;
      this.content = Buffer.concat([this.content], Math.max(this.content.byteLength, end));
      bytes.copy(this.content, at);
      this.#kept.remove(at, end);
    });
    this.#isWritten = true;
    this.isTouched = true;
  }

  resize(size: number): void {
    const isSame = size === this.content.byteLength;
    this.#isFixed ||= this.flags.append === true && this.#isWritten && !this.#isSized;
    this.#isSized = true;
    this.#change(() => {
      this.content = sized(this.content, size);
      this.#kept.remove(size, Number.MAX_SAFE_INTEGER);
    });
    this.isTouched ||= !isSame;
  }

  #change(change: () => void): void {
    this.#changes.push(change);
    change();
  }

  /** Applies the changes to the file that another handle of the user has stored. */
  follow(stored: StoredFile): void {
    if (this.opened === null || this.mayFail || this.#isFixed) return;
    this.opened = stored;
    this.content = stored.content;
    this.#kept = new ByteRanges();
    this.#kept.add(0, this.content.byteLength);
    for (const change of this.#changes) change();
    // A size that was the old one is a change of the new content.
    this.isTouched ||= this.content.byteLength !== stored.content.byteLength;
  }

  /** Records a read. Only bytes of the stored file make the new content depend on it. */
  noteRead(offset: number, length: number): void {
    const kept = this.#kept.from(offset);
    if (kept !== null && kept.start < offset + length) this.#wasRead = true;
  }

  /** Whether there is a stored file that stays as it is until CLOSE. */
  get keepsObject(): boolean {
    return this.opened !== null;
  }

  /** Whether a change may be refused, because the file could begin with zeros in place of the other client's bytes. */
  get mayHaveHole(): boolean {
    return this.isBehindOther && !this.isTouched && this.content.byteLength === 0;
  }

  /**
   * Whether the new content may depend on the stored file. A client that has read bytes of it may have used them, also if
   * another handle has stored an empty file since.
   */
  get mayNeedOpened(): boolean {
    return this.#wasRead || this.needsOpened;
  }

  /** Whether the new content was made from the stored file. */
  get needsOpened(): boolean {
    const { byteLength = 0 } = this.opened?.content ?? {};
    return byteLength > 0 && (this.#wasRead || !this.#kept.isEmpty);
  }
}

/** Returns the content with another size: cut, or extended with zeros. */
export function sized(content: Buffer, size: number): Buffer {
  return Buffer.concat([content.subarray(0, size)], size);
}

/** The files that must be in `/uploads` of a user, and the handles of the user's clients. */
export class UploadsModel {
  readonly stored = new Map<string, StoredFile>();
  readonly directories = new Set<string>();
  readonly handles = new Set<ModelHandle>();

  /** Returns the handle that STAT and SETSTAT of the path use, or null. */
  newest(path: string): ModelHandle | null {
    return [...this.handles].findLast((handle) => handle.path === path) ?? null;
  }

  /** Stores a file. Handles of the path follow if a client has written it, and not if it was renamed. */
  store(path: string, content: Buffer, isWritten: boolean): void {
    const file = { content };
    this.stored.set(path, file);
    for (const handle of this.handles) if (isWritten && handle.path === path) handle.follow(file);
    const [directory, name] = path.split('/');
    if (name !== undefined && directory !== undefined) this.directories.add(directory);
  }

  hasParent(path: string): boolean {
    const [directory = '', name] = path.split('/');
    return name === undefined || this.directories.has(directory);
  }

  /** Returns whether a file or an open handle is below the directory. */
  isFull(directory: string): boolean {
    const paths = [...this.stored.keys(), ...[...this.handles].map(({ path }) => path)];
    return paths.some((path) => path.startsWith(`${directory}/`));
  }

  rename(from: string, to: string): void {
    const moved = this.stored.get(from);
    if (moved === undefined) throw new Error(`${from} is not stored`);
    if (from === to) return;
    this.stored.delete(from);
    this.store(to, moved.content, false);
  }

  renameDirectory(from: string, to: string): void {
    if (from === to) return;
    this.directories.delete(from);
    this.directories.add(to);
    for (const path of [...this.stored.keys()]) {
      if (path.startsWith(`${from}/`)) this.rename(path, to + path.slice(from.length));
    }
  }

  /** Returns the size that each name of a directory must have; -1 for directories. `''` is the root. */
  listing(directory: string): Map<string, number> {
    const found = new Map<string, number>();
    const prefix = directory === '' ? '' : `${directory}/`;
    const add = (path: string, size: number) => {
      if (!path.startsWith(prefix)) return;
      const [name = '', below] = path.slice(prefix.length).split('/');
      if (below === undefined) found.set(name, size);
    };
    for (const [path, { content }] of this.stored) add(path, content.byteLength);
    for (const { path, content } of this.handles) add(path, content.byteLength);
    if (directory === '') for (const name of this.directories) found.set(name, -1);
    return found;
  }
}
