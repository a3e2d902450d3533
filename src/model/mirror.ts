import type { Call } from './call.js';
import type { CustomerKey, KeyFingerprint } from './customer-key.js';
import type { FaultKind } from './fault.js';

/** One prefix of a bucket that is kept as a directory. */
export interface MirrorPrefix {
  /** `shared`, or `downloads/U`: unique, and the name under which the state is kept. */
  readonly name: string;
  readonly bucket: string;
  /** Ends with `/`; empty for the whole bucket. */
  readonly prefix: string;
  /** Absolute. Made when it is missing. */
  readonly directory: string;
  /** The keys that may open its objects, the likeliest first, as the files say now. */
  keys(): Promise<readonly CustomerKey[]>;
}

/** A directory that was mirrored, and has to hold nothing any more. */
export type ClearedDirectory = Pick<MirrorPrefix, 'name' | 'directory'>;

/** What is to be mirrored. */
export interface MirrorSources {
  /** As the settings say now. What cannot be read is left out and logged; its directory stays as it is. */
  list(): Promise<readonly MirrorPrefix[]>;
  /** What must not lie on disk, as the settings say now: the mirror removes what it put there. None of it is in `list`. */
  cleared(): Promise<readonly ClearedDirectory[]>;
}

/**
 * Where the mirror puts unfinished files when no directory beside the mirrored one is on the same file system: a name at the
 * top of a mirrored directory that no door shows and no object gets.
 */
export const reservedName = '.sftpgw-aside';

/** One object as it was when its bytes were fetched. */
export interface MirroredObject {
  readonly etag: string;
  readonly size: number;
  /** S3's own time. */
  readonly lastModifiedMs: number;
  /** The key that opened it; null when it needed none. */
  readonly fingerprint: KeyFingerprint | null;
}

/** The file on disk as it was left: another one there is not ours. */
export interface FileStamp {
  readonly inode: number;
  readonly size: number;
  readonly mtimeMs: number;
}

/** None of these keys opened the object with this ETag. */
export interface KeyRefusal {
  readonly etag: string;
  readonly size: number;
  /** Some servers give the same ETag to the same content under another key. */
  readonly lastModifiedMs: number;
  readonly tried: readonly KeyFingerprint[];
}

/** What the mirror knows of one path. */
export interface MirrorEntry {
  /** Below the prefix, as in the key; a directory's ends with `/`. */
  readonly path: string;
  /** Of a file, what is on disk. Of a directory, the marker that keeps it. Null when there is none. */
  readonly object: MirroredObject | null;
  /** Null for a directory, and for a file that is not on disk. */
  readonly stamp: FileStamp | null;
  readonly refusal: KeyRefusal | null;
}

export type MirrorChange =
  | { readonly kind: 'put'; readonly entry: MirrorEntry }
  | { readonly kind: 'remove'; readonly path: string };

/** What is kept of a prefix as a whole. */
export interface MirrorPrefixRecord {
  /** `BUCKET/PREFIX` that the entries were made of. */
  readonly origin: string;
  /** When the listing was found empty although much had been mirrored; null when it was not. */
  readonly emptySeenMs: number | null;
  /** Of the last pass that was written down; null before the first. */
  readonly status: MirrorPrefixStatus | null;
}

/**
 * What was mirrored, durably. Paths are in the order of a listing: by their bytes of UTF-8. `name` is the prefix'.
 */
export interface MirrorState {
  /** At most `limit` entries behind `after` (null: from the first). */
  page(name: string, after: string | null, limit: number): Promise<readonly MirrorEntry[]>;
  find(name: string, path: string): Promise<MirrorEntry | null>;
  /** True when there is an entry below this directory (`d/`), itself not counted. */
  holdsBelow(name: string, directory: string): Promise<boolean>;
  /** All or nothing, durable when it resolves; the last change of a path counts. */
  apply(name: string, changes: readonly MirrorChange[]): Promise<void>;
  /** Files on disk and their bytes. */
  totals(name: string): Promise<{ readonly files: number; readonly bytes: number }>;
  /** Null when nothing is known of it. */
  record(name: string): Promise<MirrorPrefixRecord | null>;
  saveRecord(name: string, record: MirrorPrefixRecord): Promise<void>;
  /** The names with a record. */
  names(): Promise<readonly string[]>;
}

export type MirrorProblemKind =
  /** The file system cannot hold the name, or it would leave the directory. */
  | 'name'
  /** `a` and `a/b` are both objects: the directory wins. */
  | 'file-and-directory'
  /** Another name differs in case only, and the file system does not tell them apart. */
  | 'case'
  /** No known key opens it. */
  | 'no-key'
  /** It does not fit beside the reserve. */
  | 'no-room'
  /** What was read is not what S3 keeps. */
  | 'corrupt'
  /** Something that the mirror did not put there is in the way. */
  | 'in-the-way'
  /** S3 or the disk failed. */
  | 'failed';

export interface MirrorProblem {
  readonly kind: MirrorProblemKind;
  /** Below the prefix, as in the key. */
  readonly path: string;
  readonly size: number;
  /** For a person: what is wrong and what to do. */
  readonly text: string;
}

/** How a pass ended. */
export type MirrorResult =
  /** The directory is what S3 holds. */
  | 'complete'
  /** All but the problems. */
  | 'problems'
  /** The listing failed, or is not believed: nothing was deleted because of it. */
  | 'failed'
  | 'cancelled';

export interface MirrorPass {
  readonly startedMs: number;
  readonly durationMs: number;
  readonly result: MirrorResult;
  /** Why it failed. */
  readonly text: string | null;
  readonly fault: FaultKind | null;
  /** Objects listed. */
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
  /** Files on disk, and their bytes. */
  readonly objects: number;
  readonly bytes: number;
  /** Null before the first. */
  readonly lastPass: MirrorPass | null;
  /** When the directory was last known to be what S3 holds; null when never. */
  readonly completeMs: number | null;
  readonly problemCount: number;
  /** The first of them, the largest objects first. */
  readonly problems: readonly MirrorProblem[];
}

/** What one pass would do, or does. */
export type MirrorAction =
  | {
      readonly kind: 'fetch';
      readonly path: string;
      readonly object: ListedFile;
      readonly reason: 'new' | 'changed' | 'damaged' | 'retry';
      readonly entry: MirrorEntry | null;
    }
  | { readonly kind: 'delete'; readonly path: string; readonly entry: MirrorEntry }
  /** Takes the entry away; there is nothing of it on disk, or what is there is another's. */
  | { readonly kind: 'forget'; readonly path: string }
  | { readonly kind: 'make-directory'; readonly path: string; readonly marker: ListedFile | null }
  | { readonly kind: 'remove-directory'; readonly path: string }
  | { readonly kind: 'leave'; readonly path: string; readonly size: number }
  | { readonly kind: 'report'; readonly problem: MirrorProblem };

/** What a listing says of an object. */
export interface ListedFile {
  readonly etag: string;
  readonly size: number;
  readonly lastModifiedMs: number;
}

/** How far a pass has come, for a progress bar. */
export interface MirrorProgress {
  readonly listed: number;
  readonly fetched: number;
  readonly fetchedBytes: number;
  /** Found to be fetched so far; final once `listingDone`. */
  readonly toFetch: number;
  readonly toFetchBytes: number;
  readonly listingDone: boolean;
}

/** Takes files out of mirrored directories, and their objects out of S3. */
export interface MirrorRemoval {
  /**
   * Removes the object that the file at this path (below the prefix of this name) was made of, then the file. Resolves when both are
   * gone. Throws `not-found` (no such prefix, nothing mirrored there), `conflict` (S3 holds another content by now, or the file is not
   * as the mirror left it; nothing is removed), and the faults of the store, the disk and the database.
   */
  removeFile(call: Call, name: string, path: string, actor: string): Promise<void>;
}

/** The mirror as doors and commands see it. */
export interface MirrorControl {
  /** An event says that something happened to this key: it is looked at within a moment. Never throws, never waits. */
  keyChanged(bucket: string, key: string): void;
  status(): Promise<readonly MirrorPrefixStatus[]>;
}
