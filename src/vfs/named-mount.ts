import type { Call } from '../model/call.js';
import { Fault, type UserPlace } from '../model/fault.js';
import type {
  AttributeChange,
  Attributes,
  DirectoryEntry,
  FileSystemStatistics,
  ReadHandle,
  WriteHandle,
  WriteMode,
} from '../model/vfs.js';
import type { Mount } from './mount.js';

/**
 * A mount whose faults name objects as its user sees them. Faults of the vault and of S3 name keys and buckets,
 * which only the log and administrators may see.
 */
export class NamedMount implements Mount {
  readonly point: string;
  readonly isWritable: boolean;
  readonly #mount: Mount;
  readonly #places: readonly UserPlace[];

  constructor(mount: Mount, places: readonly UserPlace[]) {
    this.point = mount.point;
    this.isWritable = mount.isWritable;
    this.#mount = mount;
    this.#places = places;
  }

  stat(call: Call, path: string): Promise<Attributes | null> {
    return named(this.#places, () => this.#mount.stat(call, path));
  }

  lstat(call: Call, path: string): Promise<Attributes | null> {
    return named(this.#places, () => this.#mount.lstat(call, path));
  }

  setAttributes(call: Call, path: string, change: AttributeChange): Promise<void> {
    return named(this.#places, () => this.#mount.setAttributes(call, path, change));
  }

  async *list(call: Call, path: string): AsyncGenerator<readonly DirectoryEntry[]> {
    try {
      yield* this.#mount.list(call, path);
    } catch (error) {
      throw seen(error, this.#places);
    }
  }

  async openRead(call: Call, path: string): Promise<ReadHandle> {
    const handle = await named(this.#places, () => this.#mount.openRead(call, path));
    return new NamedRead(handle, this.#places);
  }

  async openWrite(call: Call, path: string, mode: WriteMode): Promise<WriteHandle> {
    const handle = await named(this.#places, () => this.#mount.openWrite(call, path, mode));
    return new NamedWrite(handle, this.#places);
  }

  makeDirectory(call: Call, path: string): Promise<void> {
    return named(this.#places, () => this.#mount.makeDirectory(call, path));
  }

  removeDirectory(call: Call, path: string): Promise<void> {
    return named(this.#places, () => this.#mount.removeDirectory(call, path));
  }

  remove(call: Call, path: string): Promise<void> {
    return named(this.#places, () => this.#mount.remove(call, path));
  }

  rename(call: Call, from: string, to: string, replace: boolean): Promise<void> {
    return named(this.#places, () => this.#mount.rename(call, from, to, replace));
  }

  readLink(call: Call, path: string): Promise<string> {
    return named(this.#places, () => this.#mount.readLink(call, path));
  }

  makeSymlink(call: Call, path: string, target: string): Promise<void> {
    return named(this.#places, () => this.#mount.makeSymlink(call, path, target));
  }

  makeHardLink(call: Call, path: string, existing: string): Promise<void> {
    return named(this.#places, () => this.#mount.makeHardLink(call, path, existing));
  }

  statistics(call: Call, path: string): Promise<FileSystemStatistics> {
    return named(this.#places, () => this.#mount.statistics(call, path));
  }
}

class NamedRead<Handle extends ReadHandle = ReadHandle> implements ReadHandle {
  protected readonly handle: Handle;
  protected readonly places: readonly UserPlace[];

  constructor(handle: Handle, places: readonly UserPlace[]) {
    this.handle = handle;
    this.places = places;
  }

  read(call: Call, offset: number, length: number): Promise<readonly Uint8Array[] | null> {
    return named(this.places, () => this.handle.read(call, offset, length));
  }

  attributes(): Attributes | Promise<Attributes> {
    return this.handle.attributes();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return named(this.places, async () => this.handle[Symbol.asyncDispose]());
  }
}

class NamedWrite extends NamedRead<WriteHandle> implements WriteHandle {
  write(call: Call, offset: number, chunks: readonly Uint8Array[]): Promise<void> {
    return named(this.places, () => this.handle.write(call, offset, chunks));
  }

  setAttributes(call: Call, change: AttributeChange): Promise<void> {
    return named(this.places, () => this.handle.setAttributes(call, change));
  }

  sync(call: Call): Promise<void> {
    return named(this.places, () => this.handle.sync(call));
  }

  commit(call: Call): Promise<void> {
    return named(this.places, () => this.handle.commit(call));
  }
}

async function named<T>(places: readonly UserPlace[], work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw seen(error, places);
  }
}

/** Returns an error as a user of these places may see it. The protocol turns other errors into faults. */
function seen(error: unknown, places: readonly UserPlace[]): unknown {
  return error instanceof Fault ? error.seenAt(places) : error;
}
