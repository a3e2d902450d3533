import type { Call } from '../../model/call.js';
import { Fault } from '../../model/fault.js';
import type {
  Attributes,
  DirectoryEntry,
  FileSystemStatistics,
  ReadHandle,
  WriteHandle,
} from '../../model/vfs.js';
import { type Mount, writableHint } from '../mount.js';
import { DiskRoot } from './root.js';
import { DiskView } from './view.js';

/** A directory on disk that somebody else fills: `/downloads`, `/shared`. Empty when it does not exist. Nobody writes through it. */
export class ReadOnlyMount implements Mount {
  readonly point: string;
  readonly isWritable = false;
  readonly #view: DiskView;

  /** `directory` is absolute. */
  constructor(point: string, directory: string) {
    this.point = point;
    this.#view = new DiskView(point, new DiskRoot(directory, point), 0o555);
  }

  stat(_call: Call, path: string): Promise<Attributes | null> {
    return this.#view.stat(path, true);
  }

  lstat(_call: Call, path: string): Promise<Attributes | null> {
    return this.#view.stat(path, false);
  }

  list(_call: Call, path: string): AsyncIterable<readonly DirectoryEntry[]> {
    return this.#view.list(path);
  }

  openRead(_call: Call, path: string): Promise<ReadHandle> {
    return this.#view.openRead(path);
  }

  readLink(_call: Call, path: string): Promise<string> {
    return this.#view.readLink(path);
  }

  statistics(_call: Call, path: string): Promise<FileSystemStatistics> {
    return this.#view.statistics(path);
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

  async remove(): Promise<void> {
    throw this.#refusal();
  }

  async rename(): Promise<void> {
    throw this.#refusal();
  }

  async makeSymlink(): Promise<void> {
    throw this.#refusal();
  }

  #refusal(): Fault {
    return new Fault('denied', `${this.point} can only be read: ${writableHint}`);
  }
}
