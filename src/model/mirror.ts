import type { Call } from './call.js';
import type { CustomerKey, KeyFingerprint } from './customer-key.js';
import type { FaultKind } from './fault.js';

/** One prefix of a bucket that is kept as a directory. */
export interface MirrorPrefix {
  /** `shared` or `downloads/U`: unique. The state is stored under this name. */
  readonly name: string;
  readonly bucket: string;
  /** Ends with `/`; empty for the whole bucket. */
  readonly prefix: string;
  /** Absolute. Created if it is missing. */
  readonly directory: string;
  /** Returns the keys that may open its objects by the present files, the likeliest first. */
  keys(): Promise<readonly CustomerKey[]>;
  /** Equal texts mean that `keys` returns the same keys; null if only `keys` can tell. */
  readonly keysStamp: string | null;
}

/** A directory that was mirrored and must become empty. */
export type ClearedDirectory = Pick<MirrorPrefix, 'name' | 'directory'>;

/** The prefixes to mirror. */
export interface MirrorSources {
  /**
   * Returns the prefixes of the present settings. Unreadable ones are logged and left out; their
   * directories stay as they are. Reads only the files that changed since the last call.
   */
  list(): Promise<MirrorSourceList>;
}

/** The prefixes and directories of the present settings. */
export interface MirrorSourceList {
  readonly prefixes: readonly MirrorPrefix[];
  /**
   * The directories that must not hold objects. The mirror removes its files there. None of them is
   * in `prefixes`.
   */
  readonly cleared: readonly ClearedDirectory[];
}

/**
 * Name of the directory for unfinished files at the top of a mirrored directory. It is used if no
 * directory beside the mirrored one is on the same file system. The SFTP server does not show it,
 * and no object gets this name.
 */
export const reservedName = '.sftpgw-aside';

/** One object as it was when its bytes were fetched. */
export interface MirroredObject {
  readonly etag: string;
  readonly size: number;
  /** S3's own time. */
  readonly lastModifiedMs: number;
  /** The key that opened it; null if it needed none. */
  readonly fingerprint: KeyFingerprint | null;
}

/** The file as the mirror left it on disk. The mirror did not write a file that differs. */
export interface FileStamp {
  readonly inode: number;
  readonly size: number;
  readonly mtimeMs: number;
}

/** Records that none of these keys opened the object with this ETag. */
export interface KeyRefusal {
  readonly etag: string;
  readonly size: number;
  /** Some servers give the same content the same ETag under another key. */
  readonly lastModifiedMs: number;
  readonly tried: readonly KeyFingerprint[];
}

/** The mirror's record of one path. */
export interface MirrorEntry {
  /** Below the prefix, as in the key; that of a directory ends with `/`. */
  readonly path: string;
  /** For a file, the object on disk. For a directory, its marker object. Null if there is none. */
  readonly object: MirroredObject | null;
  /** Null for a directory, and for a file that is not on disk. */
  readonly stamp: FileStamp | null;
  readonly refusal: KeyRefusal | null;
}

export type MirrorChange =
  | { readonly kind: 'put'; readonly entry: MirrorEntry }
  | { readonly kind: 'remove'; readonly path: string };

/** The record of a whole prefix. */
export interface MirrorPrefixRecord {
  /** `BUCKET/PREFIX` of the entries. */
  readonly origin: string;
  /** Time at which the listing was found empty although many files were mirrored; null if it was not. */
  readonly emptySeenMs: number | null;
  /** Status after the last recorded pass; null before the first. */
  readonly status: MirrorPrefixStatus | null;
}

/**
 * The durable record of a mirror. Paths are in listing order: by their UTF-8 bytes. `name` is the
 * name of the prefix.
 */
export interface MirrorState {
  /** Returns at most `limit` entries after `after` (null: from the first). */
  page(name: string, after: string | null, limit: number): Promise<readonly MirrorEntry[]>;
  find(name: string, path: string): Promise<MirrorEntry | null>;
  /** Returns true if there is an entry below this directory (`d/`), not counting itself. */
  holdsBelow(name: string, directory: string): Promise<boolean>;
  /** Applies all changes or none; durable when it resolves. The last change of a path wins. */
  apply(name: string, changes: readonly MirrorChange[]): Promise<void>;
  /** Returns the number of files on disk and their bytes. */
  totals(name: string): Promise<{ readonly files: number; readonly bytes: number }>;
  /** Returns null if there is none. */
  record(name: string): Promise<MirrorPrefixRecord | null>;
  saveRecord(name: string, record: MirrorPrefixRecord): Promise<void>;
  /** Returns the names with a record. */
  names(): Promise<readonly string[]>;
}

export type MirrorProblemKind =
  /** The file system cannot store the name, or the path would leave the directory. */
  | 'name'
  /** `a` and `a/b` are both objects: the directory wins. */
  | 'file-and-directory'
  /** Another name differs only in case, and the file system ignores case. */
  | 'case'
  /** No known key opens it. */
  | 'no-key'
  /** It does not fit beside the reserve. */
  | 'no-room'
  /** The bytes differ from S3's checksum. */
  | 'corrupt'
  /** A file that the mirror did not create is in the way. */
  | 'in-the-way'
  /** S3 or the disk failed. */
  | 'failed';

export interface MirrorProblem {
  readonly kind: MirrorProblemKind;
  /** Below the prefix, as in the key. */
  readonly path: string;
  readonly size: number;
  /** For people: what is wrong and what to do. */
  readonly text: string;
}

/** The result of a pass. */
export type MirrorResult =
  /** The directory equals S3. */
  | 'complete'
  /** Everything except the problems was mirrored. */
  | 'problems'
  /** The listing failed or is not plausible. Nothing was deleted because of it. */
  | 'failed'
  | 'cancelled';

export interface MirrorPass {
  readonly startedMs: number;
  readonly durationMs: number;
  readonly result: MirrorResult;
  /** Reason for a failure. */
  readonly text: string | null;
  readonly fault: FaultKind | null;
  /** Number of objects listed. */
  readonly listed: number;
  readonly fetched: number;
  readonly fetchedBytes: number;
  readonly deleted: number;
  readonly unchanged: number;
}

export interface MirrorPrefixStatus {
  readonly name: string;
  readonly bucket: string;
  readonly prefix: string;
  readonly directory: string;
  /** Number of files on disk, and their bytes. */
  readonly objects: number;
  readonly bytes: number;
  /** Null before the first. */
  readonly lastPass: MirrorPass | null;
  /** Time at which the directory was last known to equal S3; null if it never was. */
  readonly completeMs: number | null;
  readonly problemCount: number;
  /** The first problems, the largest objects first. */
  readonly problems: readonly MirrorProblem[];
}

/** One action of a pass. */
export type MirrorAction =
  | {
      readonly kind: 'fetch';
      readonly path: string;
      readonly object: ListedFile;
      readonly reason: 'new' | 'changed' | 'damaged' | 'retry';
      readonly entry: MirrorEntry | null;
    }
  | { readonly kind: 'delete'; readonly path: string; readonly entry: MirrorEntry }
  /** Removes the entry. The file is not on disk, or it is not the mirror's. */
  | { readonly kind: 'forget'; readonly path: string }
  | { readonly kind: 'make-directory'; readonly path: string; readonly marker: ListedFile | null }
  | { readonly kind: 'remove-directory'; readonly path: string }
  | { readonly kind: 'leave'; readonly path: string; readonly size: number }
  | { readonly kind: 'report'; readonly problem: MirrorProblem };

/** An object as a listing shows it. */
export interface ListedFile {
  readonly etag: string;
  readonly size: number;
  readonly lastModifiedMs: number;
}

/** Progress of a pass, for a progress bar. */
export interface MirrorProgress {
  readonly listed: number;
  readonly fetched: number;
  readonly fetchedBytes: number;
  /** Number of objects to fetch that were found so far; final once `listingDone`. */
  readonly toFetch: number;
  readonly toFetchBytes: number;
  readonly listingDone: boolean;
}

/** Removes files from mirrored directories, and their objects from S3. */
export interface MirrorRemoval {
  /**
   * Removes the object that the file at this path (below the prefix of this name) was fetched from,
   * then the file. Resolves when both are removed. Throws `not-found` (no such prefix, or nothing
   * mirrored there), `conflict` (the object or the file has changed; nothing is removed), and the
   * faults of the store, the disk and the database.
   */
  removeFile(call: Call, name: string, path: string, actor: string): Promise<void>;
}

/** Learns who sees mirrored directories. */
export interface MirrorUse {
  /**
   * Reports a session that sees the mirrors of these names. They are compared more often until it ends. Returns
   * the function that reports the end. Unknown names have no effect.
   */
  sessionOpened(names: readonly string[]): () => void;
}

/** The mirror as the SFTP server and the commands see it. */
export interface MirrorControl {
  /** Reports an event for this key. The mirror checks it within a moment. Never throws, never waits. */
  keyChanged(bucket: string, key: string): void;
  status(): Promise<readonly MirrorPrefixStatus[]>;
}
