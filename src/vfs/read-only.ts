import type { Call } from '../model/call.js';
import { Fault } from '../model/fault.js';
import type {
  Attributes,
  DirectoryEntry,
  FileSystemStatistics,
  ReadHandle,
  WriteHandle,
} from '../model/vfs.js';
import { type Mount, writableHint } from './mount.js';

/** The reading half of a mount, with the same paths and faults. */
export type ReadableFiles = Pick<Mount, 'stat' | 'lstat' | 'list' | 'openRead' | 'readLink' | 'statistics'>;

/** Removes files of a directory that users cannot change otherwise. */
export type FileRemoval = Pick<Mount, 'remove'>;

/**
 * A mount that users cannot write to: `/downloads`, `/shared`. Users can remove files if there is a
 * `removal`.
 */
export class ReadOnlyMount implements Mount {
  readonly point: string;
  readonly isWritable = false;
  readonly #files: ReadableFiles;
  readonly #removal: FileRemoval | null;

  constructor(point: string, files: ReadableFiles, removal: FileRemoval | null) {
    this.point = point;
    this.#files = files;
    this.#removal = removal;
  }

  stat(call: Call, path: string): Promise<Attributes | null> {
    return this.#files.stat(call, path);
  }

  lstat(call: Call, path: string): Promise<Attributes | null> {
    return this.#files.lstat(call, path);
  }

  list(call: Call, path: string): AsyncIterable<readonly DirectoryEntry[]> {
    return this.#files.list(call, path);
  }

  openRead(call: Call, path: string): Promise<ReadHandle> {
    return this.#files.openRead(call, path);
  }

  readLink(call: Call, path: string): Promise<string> {
    return this.#files.readLink(call, path);
  }

  statistics(call: Call, path: string): Promise<FileSystemStatistics> {
    return this.#files.statistics(call, path);
  }

  async remove(call: Call, path: string): Promise<void> {
    if (this.#removal === null) throw this.#refusal();
    await this.#removal.remove(call, path);
  }

  async setAttributes(): Promise<void> {
    throw this.#refusal();
  }

  async openWrite(): Promise<WriteHandle> {
    throw this.#refusal();
  }

  async makeDirectory(): Promise<void> {
    throw this.#refusal();
  }

  async removeDirectory(): Promise<void> {
    throw this.#refusal();
  }

  async rename(): Promise<void> {
    throw this.#refusal();
  }

  async makeSymlink(): Promise<void> {
    throw this.#refusal();
  }

  async makeHardLink(): Promise<void> {
    throw this.#refusal();
  }

  #refusal(): Fault {
    const only = this.#removal === null ? 'only be read' : 'only be read, and its files removed one by one';
    return new Fault('denied', `${this.point} can ${only}: ${writableHint}`);
  }
}
