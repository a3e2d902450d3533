import type { Call } from '../model/call.js';
import { Fault } from '../model/fault.js';
import type {
  AttributeChange,
  Attributes,
  DirectoryEntry,
  FileSystemStatistics,
  ReadHandle,
  Vfs,
  WriteHandle,
  WriteMode,
} from '../model/vfs.js';
import { type Mount, writableHint } from './mount.js';
import type { Mounts } from './mounts.js';
import { OpenHandles } from './open-handles.js';

const rootAttributes: Attributes = {
  type: 'directory',
  size: 0,
  mode: 0o555,
  mtimeSeconds: 0,
  atimeSeconds: 0,
};

/** The target of a path: `/`, an unknown name in `/`, or a path in a mount. */
type Found =
  | { readonly kind: 'root' }
  | { readonly kind: 'unknown' }
  /** `path` is relative to the mount. */
  | { readonly kind: 'mounted'; readonly mount: Mount; readonly path: string };

/**
 * The tree of one user: `/`, which lists the mounts, and the mounts. The first segment of a path selects the
 * mount.
 */
export class UserTree implements Vfs {
  readonly #mounts: (call: Call) => Promise<Mounts>;
  readonly #closed: () => void;
  readonly #handles = new OpenHandles();

  /**
   * `mounts` is called at every operation, so that changed settings apply immediately. It throws `denied` if
   * the account was removed. `closed` is called once the tree is no longer used.
   */
  constructor(mounts: (call: Call) => Promise<Mounts>, closed: () => void) {
    this.#mounts = mounts;
    this.#closed = closed;
  }

  async stat(call: Call, path: string): Promise<Attributes | null> {
    const found = await this.#find(call, path);
    if (found.kind === 'root') return rootAttributes;
    return found.kind === 'unknown' ? null : found.mount.stat(call, found.path);
  }

  async lstat(call: Call, path: string): Promise<Attributes | null> {
    const found = await this.#find(call, path);
    if (found.kind === 'root') return rootAttributes;
    return found.kind === 'unknown' ? null : found.mount.lstat(call, found.path);
  }

  async setAttributes(call: Call, path: string, change: AttributeChange): Promise<void> {
    const found = await this.#find(call, path);
    if (found.kind === 'unknown') throw notFound(path);
    if (found.kind === 'root') throw readOnlyRoot();
    // Clients that copy a whole tree also set the times of its top directory, and would report an error after
    // a good transfer.
    if (found.path === '/' && found.mount.isWritable) {
      if (change.size !== undefined) throw isDirectory(path);
      return;
    }
    await found.mount.setAttributes(call, found.path, change);
  }

  async *list(call: Call, path: string): AsyncGenerator<readonly DirectoryEntry[]> {
    const found = await this.#find(call, path);
    if (found.kind === 'unknown') throw notFound(path);
    if (found.kind === 'mounted') yield* found.mount.list(call, found.path);
    else yield await this.#top(call);
  }

  async openRead(call: Call, path: string): Promise<ReadHandle> {
    const found = await this.#find(call, path);
    if (found.kind === 'unknown') throw notFound(path);
    if (found.kind === 'root' || found.path === '/') throw isDirectory(path);
    return this.#handles.reading(await found.mount.openRead(call, found.path));
  }

  async openWrite(call: Call, path: string, mode: WriteMode): Promise<WriteHandle> {
    const found = await this.#find(call, path);
    if (found.kind === 'unknown') throw readOnlyRoot();
    if (found.kind === 'root' || found.path === '/') throw isDirectory(path);
    return this.#handles.writing(await found.mount.openWrite(call, found.path, mode));
  }

  async makeDirectory(call: Call, path: string): Promise<void> {
    const found = await this.#find(call, path);
    if (found.kind === 'unknown') throw readOnlyRoot();
    if (found.kind === 'root' || found.path === '/')
      throw new Fault('exists', `${JSON.stringify(path)} exists already`);
    await found.mount.makeDirectory(call, found.path);
  }

  async removeDirectory(call: Call, path: string): Promise<void> {
    const { mount, path: inside } = await this.#changeable(call, path);
    await mount.removeDirectory(call, inside);
  }

  async remove(call: Call, path: string): Promise<void> {
    const { mount, path: inside } = await this.#changeable(call, path);
    await mount.remove(call, inside);
  }

  async rename(call: Call, from: string, to: string, replace: boolean): Promise<void> {
    const source = await this.#changeable(call, from);
    const found = await this.#find(call, to);
    if (found.kind !== 'mounted') throw readOnlyRoot();
    if (found.path === '/') throw fixed(to);
    if (found.mount.point === source.mount.point) {
      await source.mount.rename(call, source.path, found.path, replace);
      return;
    }
    const readOnly = [source.mount, found.mount].find((mount) => !mount.isWritable);
    if (readOnly !== undefined)
      throw new Fault('denied', `${readOnly.point} can only be read: ${writableHint}`);
    throw new Fault(
      'unsupported',
      `cannot rename a file from ${source.mount.point} to ${found.mount.point}: copy it there and remove the original`,
    );
  }

  async readLink(call: Call, path: string): Promise<string> {
    const found = await this.#find(call, path);
    if (found.kind === 'unknown') throw notFound(path);
    if (found.kind === 'root' || found.path === '/')
      throw new Fault('invalid', `${JSON.stringify(path)} is not a symbolic link`);
    return found.mount.readLink(call, found.path);
  }

  async makeSymlink(call: Call, path: string, target: string): Promise<void> {
    const found = await this.#find(call, path);
    if (found.kind === 'unknown') throw readOnlyRoot();
    if (found.kind === 'root' || found.path === '/')
      throw new Fault('exists', `${JSON.stringify(path)} exists already`);
    await found.mount.makeSymlink(call, found.path, target);
  }

  async makeHardLink(call: Call, path: string, existing: string): Promise<void> {
    const source = await this.#find(call, existing);
    const found = await this.#find(call, path);
    if (source.kind === 'unknown') throw notFound(existing);
    if (source.kind === 'root' || source.path === '/') throw isDirectory(existing);
    if (found.kind === 'unknown') throw readOnlyRoot();
    if (found.kind === 'root' || found.path === '/')
      throw new Fault('exists', `${JSON.stringify(path)} exists already`);
    if (found.mount.point !== source.mount.point)
      throw new Fault(
        'unsupported',
        `a hard link cannot lead from ${found.mount.point} to ${source.mount.point}: copy the file`,
      );
    await found.mount.makeHardLink(call, found.path, source.path);
  }

  async statistics(call: Call, path: string): Promise<FileSystemStatistics> {
    const found = await this.#find(call, path);
    if (found.kind === 'unknown') throw notFound(path);
    if (found.kind === 'mounted') return found.mount.statistics(call, found.path);
    const uploads = (await this.#mounts(call)).get('uploads');
    if (uploads === undefined) throw new Fault('bug', 'every user has /uploads');
    return uploads.statistics(call, '/');
  }

  /** Disposes the handles that the client left open: parks or aborts uploads and closes files on disk. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed();
    await this.#handles[Symbol.asyncDispose]();
  }

  async #find(call: Call, path: string): Promise<Found> {
    const mounts = await this.#mounts(call);
    if (path === '/') return { kind: 'root' };
    const end = path.indexOf('/', 1);
    const mount = mounts.get(end === -1 ? path.slice(1) : path.slice(1, end));
    if (mount === undefined) return { kind: 'unknown' };
    return { kind: 'mounted', mount, path: end === -1 ? '/' : path.slice(end) };
  }

  /** Returns a path that can be removed or renamed: anything inside a mount, but not the mount itself. */
  async #changeable(call: Call, path: string): Promise<{ readonly mount: Mount; readonly path: string }> {
    const found = await this.#find(call, path);
    if (found.kind === 'unknown') throw notFound(path);
    if (found.kind === 'root') throw readOnlyRoot();
    if (found.path === '/') throw fixed(path);
    return found;
  }

  async #top(call: Call): Promise<readonly DirectoryEntry[]> {
    const mounts = [...(await this.#mounts(call))];
    return Promise.all(
      mounts.map(async ([name, mount]) => ({
        name,
        attributes: (await mount.stat(call, '/')) ?? rootAttributes,
      })),
    );
  }
}

function notFound(path: string): Fault {
  return new Fault('not-found', `${JSON.stringify(path)} does not exist`);
}

function isDirectory(path: string): Fault {
  return new Fault('is-directory', `${JSON.stringify(path)} is a directory`);
}

function readOnlyRoot(): Fault {
  return new Fault('denied', `/ cannot be changed: ${writableHint}`);
}

function fixed(path: string): Fault {
  return new Fault(
    'denied',
    `${path} is a fixed directory and cannot be removed or renamed: ${writableHint}`,
  );
}
