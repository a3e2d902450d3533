import type { Call } from './call.js';

export type FileType = 'file' | 'directory' | 'symlink';

/** Attributes of a name. Times in whole seconds since the epoch. `mode` holds the permission bits only. */
export interface Attributes {
  readonly type: FileType;
  readonly size: number;
  readonly mode: number;
  readonly mtimeSeconds: number;
  readonly atimeSeconds: number;
}

/** What a client may set. Absent means unchanged. */
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
 * A file that is open for writing. It is visible only after `commit`. Disposing it earlier aborts the upload, or parks it
 * so that its client can resume it.
 */
export interface WriteHandle extends AsyncDisposable {
  /**
   * Takes these bytes at this offset. The chunks may be used until the promise settles, not after. Resolves when the
   * bytes are taken (buffered or sent), which may wait for memory: the caller stops reading from its client meanwhile.
   * A fault here or later also fails `commit`. Calls may overlap.
   */
  write(call: Call, offset: number, chunks: readonly Uint8Array[]): Promise<void>;
  /** Size received so far, and the times set so far. */
  attributes(): Attributes;
  setAttributes(call: Call, change: AttributeChange): Promise<void>;
  /** Resolves when what was written is durable where it belongs (under `/uploads`: in S3, verified). At most once. */
  commit(call: Call): Promise<void>;
}

export interface ReadHandle extends AsyncDisposable {
  /**
   * Up to `length` bytes from `offset`, as views that stay valid and unchanged until they are released (buffer-pool.ts), if ever;
   * null at or past the end.
   * Shorter only at the end of the file. Calls may overlap; a sequence of them is read ahead.
   */
  read(call: Call, offset: number, length: number): Promise<readonly Uint8Array[] | null>;
  attributes(): Attributes;
}

/** The rules of one `open` for writing (SSH_FXF_*, draft-ietf-secsh-filexfer-02 section 6.3). */
export interface WriteMode {
  /** Make the file when it is not there. */
  readonly create: boolean;
  /** Fail with `exists` when it is there. */
  readonly exclusive: boolean;
  readonly truncate: boolean;
  readonly append: boolean;
  readonly attributes: AttributeChange;
}

/**
 * The tree one user sees. Made for that user: no method takes a user's name. Every `path` is absolute, normalised
 * and valid UTF-8 (`/`, `/uploads/a`): the door has called `normalisePath`. Faults: `not-found`, `denied`, `exists`,
 * `not-empty`, `not-directory`, `is-directory`, `unsupported`, `invalid`, and those of the store.
 */
export interface Vfs extends AsyncDisposable {
  /** Follows symbolic links. Null when there is nothing. */
  stat(call: Call, path: string): Promise<Attributes | null>;
  /** Does not follow the last symbolic link. */
  lstat(call: Call, path: string): Promise<Attributes | null>;
  setAttributes(call: Call, path: string, change: AttributeChange): Promise<void>;
  /** The entries without `.` and `..`, in batches. Throws `not-found` or `not-directory` at the first batch. */
  list(call: Call, path: string): AsyncIterable<readonly DirectoryEntry[]>;
  openRead(call: Call, path: string): Promise<ReadHandle>;
  openWrite(call: Call, path: string, mode: WriteMode): Promise<WriteHandle>;
  makeDirectory(call: Call, path: string): Promise<void>;
  removeDirectory(call: Call, path: string): Promise<void>;
  remove(call: Call, path: string): Promise<void>;
  /** `replace`: posix-rename, an existing target gives way; otherwise it throws `exists`. */
  rename(call: Call, from: string, to: string, replace: boolean): Promise<void>;
  /** What a symbolic link says, as a path in this tree. */
  readLink(call: Call, path: string): Promise<string>;
  makeSymlink(call: Call, path: string, target: string): Promise<void>;
  statistics(call: Call, path: string): Promise<FileSystemStatistics>;
}

/** Makes the tree of a user who has just logged in. Null when the account has gone meanwhile. */
export interface VfsFactory {
  forUser(call: Call, username: string): Promise<Vfs | null>;
}
