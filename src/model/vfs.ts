import type { Call } from './call.js';

export type FileType = 'file' | 'directory' | 'symlink';

/**
 * Attributes of a name. Times are in whole seconds since the epoch. `mode` holds the permission
 * bits only.
 */
export interface Attributes {
  readonly type: FileType;
  readonly size: number;
  readonly mode: number;
  readonly mtimeSeconds: number;
  readonly atimeSeconds: number;
}

/** The attributes that a client may set. Absent means unchanged. */
export interface AttributeChange {
  readonly size?: number;
  readonly mode?: number;
  readonly mtimeSeconds?: number;
  readonly atimeSeconds?: number;
}

export interface DirectoryEntry {
  readonly name: string;
  readonly attributes: Attributes;
}

export interface FileSystemStatistics {
  readonly blockSize: number;
  readonly totalBlocks: number;
  readonly freeBlocks: number;
}

/**
 * A file that is open for writing. It is visible only after `commit`. Disposing it earlier aborts
 * the upload, or parks it so that its client can resume it.
 */
export interface WriteHandle extends AsyncDisposable {
  /**
   * Writes these bytes at this offset. The chunks may be used until the promise settles, not after.
   * Resolves when the bytes are buffered or sent. This may wait for memory, and the caller stops
   * reading from its client meanwhile. A fault here or later also fails `commit`. Calls may
   * overlap.
   */
  write(call: Call, offset: number, chunks: readonly Uint8Array[]): Promise<void>;
  /**
   * Reads like `ReadHandle.read` from a handle that was opened for reading too. Throws `denied` on
   * other handles, and `unsupported` if the file cannot be read any more because it was changed
   * through this handle.
   */
  read(call: Call, offset: number, length: number): Promise<readonly Uint8Array[] | null>;
  /** Size received so far, and the times set so far. */
  attributes(): Attributes | Promise<Attributes>;
  setAttributes(call: Call, change: AttributeChange): Promise<void>;
  /**
   * Makes the writes so far durable, where that is possible before `commit`. Throws the fault of an
   * earlier write that failed.
   */
  sync(call: Call): Promise<void>;
  /**
   * Resolves when the file is durable at its location (under `/uploads`: in S3, verified). Called
   * at most once.
   */
  commit(call: Call): Promise<void>;
}

export interface ReadHandle extends AsyncDisposable {
  /**
   * Returns up to `length` bytes from `offset`, or null at or past the end. The views stay valid
   * and unchanged until they are released (buffer-pool.ts), if ever. The result is shorter only at
   * the end of the file. Calls may overlap; sequential ones are read ahead.
   */
  read(call: Call, offset: number, length: number): Promise<readonly Uint8Array[] | null>;
  attributes(): Attributes | Promise<Attributes>;
}

/** The rules of one `open` for writing (SSH_FXF_*, draft-ietf-secsh-filexfer-02 section 6.3). */
export interface WriteMode {
  /** Create the file if it does not exist. */
  readonly create: boolean;
  /** Fail with `exists` if it exists. */
  readonly exclusive: boolean;
  readonly truncate: boolean;
  /** Every write goes to the end of the file, whatever its offset. */
  readonly append: boolean;
  /** The client wants to read from the handle as well. */
  readonly read: boolean;
  readonly attributes: AttributeChange;
}

/**
 * The tree of one user: no method takes a user's name. Every `path` is absolute, normalised
 * (`normalisePath`) and valid UTF-8 (`/`, `/uploads/a`). Faults: `not-found`, `denied`, `exists`,
 * `not-empty`, `not-directory`, `is-directory`, `unsupported`, `invalid`, and those of the store.
 */
export interface Vfs extends AsyncDisposable {
  /** Follows symbolic links. Returns null if there is nothing. */
  stat(call: Call, path: string): Promise<Attributes | null>;
  /** Does not follow the last symbolic link. */
  lstat(call: Call, path: string): Promise<Attributes | null>;
  setAttributes(call: Call, path: string, change: AttributeChange): Promise<void>;
  /**
   * Returns the entries without `.` and `..`, in batches. Throws `not-found` or `not-directory` at
   * the first batch.
   */
  list(call: Call, path: string): AsyncIterable<readonly DirectoryEntry[]>;
  openRead(call: Call, path: string): Promise<ReadHandle>;
  openWrite(call: Call, path: string, mode: WriteMode): Promise<WriteHandle>;
  makeDirectory(call: Call, path: string): Promise<void>;
  removeDirectory(call: Call, path: string): Promise<void>;
  remove(call: Call, path: string): Promise<void>;
  /** With `replace` (posix-rename) an existing target is replaced; otherwise it throws `exists`. */
  rename(call: Call, from: string, to: string, replace: boolean): Promise<void>;
  /** Returns the target of a symbolic link, as a path in this tree. */
  readLink(call: Call, path: string): Promise<string>;
  makeSymlink(call: Call, path: string, target: string): Promise<void>;
  /** Gives a file a second name, `path`. Throws `unsupported` where there are no hard links. */
  makeHardLink(call: Call, path: string, existing: string): Promise<void>;
  statistics(call: Call, path: string): Promise<FileSystemStatistics>;
}

/** Creates the tree of a user who has just logged in. Returns null if the account was removed meanwhile. */
export interface VfsFactory {
  forUser(call: Call, username: string): Promise<Vfs | null>;
}
