import { Fault } from '../../model/fault.js';
import { baseName, normalisePathText, parentPath } from '../../model/path.js';
import type {
  AttributeChange,
  Attributes,
  DirectoryEntry,
  FileSystemStatistics,
  FileType,
  ReadHandle,
  Vfs,
  WriteHandle,
  WriteMode,
} from '../../model/vfs.js';

interface Node {
  type: FileType;
  data: Buffer;
  target: string;
  mode: number;
  mtimeSeconds: number;
  atimeSeconds: number;
}

function node(type: FileType, mode: number): Node {
  return { type, data: Buffer.alloc(0), target: '', mode, mtimeSeconds: 1_700_000_000, atimeSeconds: 0 };
}

function attributesOf(it: Node, size = it.data.byteLength): Attributes {
  const { type, mode, mtimeSeconds, atimeSeconds } = it;
  return { type, mode, mtimeSeconds, atimeSeconds, size: type === 'file' ? size : 0 };
}

function apply(it: Node, change: AttributeChange): void {
  if (change.mode !== undefined) it.mode = change.mode;
  if (change.mtimeSeconds !== undefined) it.mtimeSeconds = change.mtimeSeconds;
  if (change.atimeSeconds !== undefined) it.atimeSeconds = change.atimeSeconds;
  if (change.size !== undefined) it.data = resized(it.data, change.size);
}

function resized(data: Buffer, size: number): Buffer {
  return size <= data.byteLength
    ? data.subarray(0, size)
    : Buffer.concat([data, Buffer.alloc(size - data.byteLength)]);
}

/** A file's bytes while they are written at offsets. The buffer grows by doubling. */
class Draft {
  #freeBytes: Buffer;
  size: number;

  constructor(start: Uint8Array) {
    this.#freeBytes = Buffer.from(start);
    this.size = start.byteLength;
  }

  write(offset: number, bytes: Uint8Array): void {
    this.resize(Math.max(this.size, offset + bytes.byteLength));
    this.#freeBytes.set(bytes, offset);
  }

  resize(size: number): void {
    if (size < this.size) this.#freeBytes.fill(0, size, this.size);
    if (size > this.#freeBytes.byteLength)
      this.#freeBytes = resized(this.#freeBytes, Math.max(size, 2 * this.size));
    this.size = size;
  }

  content(): Buffer {
    return Buffer.from(this.#freeBytes.subarray(0, this.size));
  }
}

/** A `Vfs` in memory. A written file is invisible until its commit. */
export class MemoryVfs implements Vfs {
  readonly nodes = new Map<string, Node>([['/', node('directory', 0o755)]]);
  /** Number of handles that are not yet disposed. */
  openHandles = 0;
  isDisposed = false;
  /** Max size of a file. */
  maxFileBytes = 64 * 1024 * 1024;
  /** Entries in one batch of `list`. */
  batchSize = 3;

  readonly #release = async (): Promise<void> => {
    this.openHandles -= 1;
  };

  async [Symbol.asyncDispose](): Promise<void> {
    this.isDisposed = true;
  }

  content(path: string): Buffer | null {
    return this.nodes.get(path)?.data ?? null;
  }

  putFile(path: string, data: Uint8Array | string): void {
    this.nodes.set(path, { ...node('file', 0o644), data: Buffer.from(data) });
  }

  putDirectory(path: string): void {
    this.nodes.set(path, node('directory', 0o755));
  }

  #resolve(path: string, depth = 0): string {
    if (depth > 40) throw new Fault('invalid', 'the symbolic links form a loop');
    const it = this.nodes.get(path);
    if (it?.type !== 'symlink') return path;
    return this.#resolve(
      normalisePathText(`${it.target.startsWith('/') ? '' : parentPath(path)}/${it.target}`),
      depth + 1,
    );
  }

  #existing(path: string): Node {
    const it = this.nodes.get(path);
    if (it === undefined) throw new Fault('not-found', `${path} does not exist`);
    return it;
  }

  #below(path: string): string[] {
    const prefix = path === '/' ? '/' : `${path}/`;
    return [...this.nodes.keys()].filter((key) => key !== '/' && key.startsWith(prefix));
  }

  #requireSpace(size: number): void {
    if (size > this.maxFileBytes)
      throw new Fault('too-large', `the file exceeds the max of ${this.maxFileBytes} bytes`);
  }

  #needParent(path: string): void {
    if (this.nodes.get(parentPath(path))?.type !== 'directory') {
      throw new Fault('not-found', `${parentPath(path)} does not exist`);
    }
  }

  async stat(_call: unknown, path: string): Promise<Attributes | null> {
    const it = this.nodes.get(this.#resolve(path));
    return it === undefined ? null : attributesOf(it);
  }

  async lstat(_call: unknown, path: string): Promise<Attributes | null> {
    const it = this.nodes.get(path);
    return it === undefined ? null : attributesOf(it);
  }

  async setAttributes(_call: unknown, path: string, change: AttributeChange): Promise<void> {
    this.#requireSpace(change.size ?? 0);
    apply(this.#existing(this.#resolve(path)), change);
  }

  async *list(_call: unknown, path: string): AsyncGenerator<readonly DirectoryEntry[]> {
    if (this.#existing(path).type !== 'directory') {
      throw new Fault('not-directory', `${path} is not a directory`);
    }
    const names = this.#below(path).filter((key) => parentPath(key) === path);
    for (let at = 0; at < names.length; at += this.batchSize) {
      yield names
        .slice(at, at + this.batchSize)
        .map((key) => ({ name: baseName(key), attributes: attributesOf(this.#existing(key)) }));
    }
  }

  async openRead(_call: unknown, path: string): Promise<ReadHandle> {
    const it = this.#existing(this.#resolve(path));
    if (it.type === 'directory') throw new Fault('is-directory', `${path} is a directory`);
    this.openHandles += 1;
    return {
      attributes: () => attributesOf(it),
      read: async (_call, offset, length) =>
        offset >= it.data.byteLength ? null : [it.data.subarray(offset, offset + length)],
      [Symbol.asyncDispose]: this.#release,
    };
  }

  async openWrite(_call: unknown, path: string, mode: WriteMode): Promise<WriteHandle> {
    this.#needParent(path);
    const existing = this.nodes.get(path);
    if (existing?.type === 'directory') throw new Fault('is-directory', `${path} is a directory`);
    if (existing !== undefined && mode.exclusive) throw new Fault('exists', `${path} already exists`);
    if (existing === undefined && !mode.create) throw new Fault('not-found', `${path} does not exist`);
    const made = { ...(existing ?? node('file', 0o644)) };
    const draft = new Draft(mode.truncate ? Buffer.alloc(0) : made.data);
    apply(made, mode.attributes);
    this.openHandles += 1;
    return {
      attributes: () => attributesOf(made, draft.size),
      write: async (_call, offset, chunks) => {
        let at = mode.append ? draft.size : offset;
        for (const chunk of chunks) {
          this.#requireSpace(at + chunk.byteLength);
          draft.write(at, chunk);
          at += chunk.byteLength;
        }
      },
      read: async (_call, offset, length) => {
        if (!mode.read) throw new Fault('denied', `${path} is not open for reading`);
        return offset >= draft.size ? null : [draft.content().subarray(offset, offset + length)];
      },
      sync: async () => undefined,
      setAttributes: async (_call, { size, ...change }) => {
        this.#requireSpace(size ?? 0);
        apply(made, change);
        if (size !== undefined) draft.resize(size);
      },
      commit: async () => {
        this.nodes.set(path, { ...made, data: draft.content() });
      },
      [Symbol.asyncDispose]: this.#release,
    };
  }

  async makeDirectory(_call: unknown, path: string): Promise<void> {
    if (this.nodes.has(path)) throw new Fault('exists', `${path} already exists`);
    this.#needParent(path);
    this.putDirectory(path);
  }

  async removeDirectory(_call: unknown, path: string): Promise<void> {
    if (this.#existing(path).type !== 'directory') throw new Fault('not-directory', `${path} is a file`);
    if (path === '/') throw new Fault('denied', 'cannot remove the root');
    if (this.#below(path).length > 0) throw new Fault('not-empty', `${path} is not empty`);
    this.nodes.delete(path);
  }

  async remove(_call: unknown, path: string): Promise<void> {
    if (this.#existing(path).type === 'directory') throw new Fault('is-directory', `${path} is a directory`);
    this.nodes.delete(path);
  }

  async rename(_call: unknown, from: string, to: string, replace: boolean): Promise<void> {
    const it = this.#existing(from);
    if (this.nodes.has(to) && !replace) throw new Fault('exists', `${to} already exists`);
    if (it.type === 'directory') throw new Fault('unsupported', 'cannot rename a directory');
    this.#needParent(to);
    if (this.nodes.get(to)?.type === 'directory') throw new Fault('is-directory', `${to} is a directory`);
    this.nodes.delete(from);
    this.nodes.set(to, it);
  }

  async readLink(_call: unknown, path: string): Promise<string> {
    const it = this.#existing(path);
    if (it.type !== 'symlink') throw new Fault('invalid', `${path} is not a symbolic link`);
    return it.target;
  }

  async makeSymlink(_call: unknown, path: string, target: string): Promise<void> {
    if (this.nodes.has(path)) throw new Fault('exists', `${path} already exists`);
    this.#needParent(path);
    this.nodes.set(path, { ...node('symlink', 0o777), target });
  }

  async makeHardLink(_call: unknown, path: string, existing: string): Promise<void> {
    if (this.nodes.has(path)) throw new Fault('exists', `${path} is there already`);
    this.#needParent(path);
    this.nodes.set(path, this.#existing(existing));
  }

  async statistics(): Promise<FileSystemStatistics> {
    return { blockSize: 4096, totalBlocks: 1000, freeBlocks: 600 };
  }
}
