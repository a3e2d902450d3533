import { Fault } from '../src/model/fault.js';
import type { Attributes, ReadHandle, Vfs, WriteHandle } from '../src/model/vfs.js';

const view = Buffer.alloc(64 * 1024);

function fileOf(size: number): Attributes {
  return { type: 'file', size, mode: 0o644, mtimeSeconds: 0, atimeSeconds: 0 };
}

const directory: Attributes = { type: 'directory', size: 0, mode: 0o755, mtimeSeconds: 0, atimeSeconds: 0 };

function discarding(): WriteHandle {
  let size = 0;
  return {
    write: async (_call, offset, chunks) => {
      let end = offset;
      for (const chunk of chunks) end += chunk.byteLength;
      size = Math.max(size, end);
    },
    read: async () => null,
    sync: async () => undefined,
    attributes: () => fileOf(size),
    setAttributes: async () => undefined,
    commit: async () => undefined,
    [Symbol.asyncDispose]: async () => undefined,
  };
}

/** Returns a reader that delivers zeros in views of 64 KiB, like a download from the network. */
function producing(fileBytes: number): ReadHandle {
  return {
    read: async (_call, offset, length) => {
      let left = Math.min(length, fileBytes - offset);
      if (left <= 0) return null;
      const views: Uint8Array[] = [];
      for (; left > 0; left -= view.byteLength) {
        views.push(left >= view.byteLength ? view : view.subarray(0, left));
      }
      return views;
    },
    attributes: () => fileOf(fileBytes),
    [Symbol.asyncDispose]: async () => undefined,
  };
}

/**
 * Returns a tree for measuring the SFTP server alone. It discards written data, and every file contains
 * `fileBytes` zeros.
 */
export function transportVfs(fileBytes: number): Vfs {
  const refuse = (): never => {
    throw new Fault('unsupported', 'this tree only reads and writes files');
  };
  const attributes = (path: string) => (path.endsWith('.bin') ? fileOf(fileBytes) : directory);
  return {
    stat: async (_call, path) => attributes(path),
    lstat: async (_call, path) => attributes(path),
    setAttributes: async () => undefined,
    list: async function* () {},
    openRead: async () => producing(fileBytes),
    openWrite: async () => discarding(),
    makeDirectory: async () => undefined,
    removeDirectory: async () => undefined,
    remove: async () => undefined,
    rename: async () => undefined,
    readLink: async () => refuse(),
    makeSymlink: async () => refuse(),
    makeHardLink: async () => refuse(),
    statistics: async () => ({ blockSize: 4096, totalBlocks: 1, freeBlocks: 1 }),
    [Symbol.asyncDispose]: async () => undefined,
  };
}
