import type { Call } from '../../model/call.js';
import type { Attributes, DirectoryEntry, FileSystemStatistics, ReadHandle } from '../../model/vfs.js';
import type { ReadableFiles } from '../read-only.js';
import { DiskRoot } from './root.js';
import { DiskView } from './view.js';

/** The files of a directory on disk, read-only. Empty if the directory does not exist. */
export class DiskFiles implements ReadableFiles {
  readonly #view: DiskView;

  /** `directory` is absolute. */
  constructor(point: string, directory: string) {
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
}
