import type { FileStamp } from '../../model/mirror.js';
import type { FileOwner } from './file-owner.js';

/** A small file to create with its time, mode and owner. */
export interface NewFile {
  readonly path: string;
  readonly byteLength: number;
  readonly mtimeSeconds: number;
  readonly mode: number;
  readonly owner: FileOwner | null;
}

export interface Rename {
  readonly from: string;
  readonly to: string;
}

/** Creates files, then renames. `bytes` holds the content of all files in a row. */
export interface FilesTask {
  readonly kind: 'files';
  readonly files: readonly NewFile[];
  readonly bytes: Uint8Array;
  readonly renames: readonly Rename[];
}

/** Runs lstat(2) on paths below `root`. A zero byte, which no path has, separates them. */
export interface StatTask {
  readonly kind: 'stat';
  readonly root: string;
  readonly paths: string;
}

/** Runs fsync(2), or fdatasync(2) with `dataOnly`, on each file or directory. */
export interface SyncTask {
  readonly kind: 'sync';
  readonly paths: readonly string[];
  readonly dataOnly: boolean;
}

export type DiskTask = FilesTask | StatTask | SyncTask;

/** An error of the system. */
export interface DiskFailure {
  readonly code: string;
  readonly message: string;
}

/** Stamps of the new files, then null for each rename; a failure in the place of each. */
export type FilesAnswer = readonly (FileStamp | DiskFailure | null)[];

/** `numbersPerStat` numbers per path: kind, inode, size in bytes, time in milliseconds. All are zero for a path without a file. */
export type StatAnswer = Float64Array<ArrayBuffer>;

/** Null if every path was synced, else the first failure. */
export type SyncAnswer = DiskFailure | null;

export interface DiskAnswers {
  readonly files: FilesAnswer;
  readonly stat: StatAnswer;
  readonly sync: SyncAnswer;
}

export const numbersPerStat = 4;
export const statKinds = { other: 0, file: 1, directory: 2 } as const;
