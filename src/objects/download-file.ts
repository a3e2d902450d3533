import { randomBytes } from 'node:crypto';
import { type FileHandle, link, lstat, open, rename, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { syncDirectory } from '../files/durable.js';
import { hasCode, isAbsence } from '../files/system-errors.js';
import { writeFully } from '../files/write-fully.js';
import { Fault } from '../model/fault.js';
import type { ObjectInfo } from '../model/object-store.js';
import type { FetchSink } from '../vault/read/fetch-object.js';
import type { TransferProgress } from './tree-outcome.js';

/**
 * A file that is written aside, in the directory of its place, and put there when it is whole; disposed before that it is removed.
 * Errors of the file system come out as they are.
 */
export class DownloadFile implements FetchSink, AsyncDisposable {
  readonly #path: string;
  readonly #aside: string;
  readonly #mayReplace: boolean;
  readonly #progress: TransferProgress;
  #handle: FileHandle | null = null;
  #isAside = false;

  constructor(path: string, mayReplace: boolean, progress: TransferProgress) {
    this.#path = path;
    this.#aside = join(dirname(path), `.sftpgw-${randomBytes(8).toString('hex')}.part`);
    this.#mayReplace = mayReplace;
    this.#progress = progress;
  }

  async begin({ size }: ObjectInfo): Promise<void> {
    this.#progress.begin(size);
    this.#handle = await open(this.#aside, 'wx', 0o666);
    this.#isAside = true;
  }

  async write(position: number, bytes: Uint8Array): Promise<void> {
    if (this.#handle === null) throw new Fault('bug', 'bytes before the beginning');
    await writeFully(this.#handle, bytes, position);
    this.#progress.took(bytes.byteLength);
  }

  /** Durable when it resolves. Throws `exists` when there is a file by now that may not be replaced. */
  async place(mtimeSeconds: number): Promise<void> {
    const handle = this.#handle;
    if (handle === null) throw new Fault('bug', 'the file was not begun');
    await handle.utimes(mtimeSeconds, mtimeSeconds);
    await handle.sync();
    await handle.close();
    this.#handle = null;
    if (this.#mayReplace) await rename(this.#aside, this.#path);
    else await this.#linkIntoPlace();
    this.#isAside = false;
    await syncDirectory(dirname(this.#path));
  }

  /** Unlike rename(2), link(2) never replaces what came there meanwhile. */
  async #linkIntoPlace(): Promise<void> {
    try {
      await link(this.#aside, this.#path);
    } catch (error) {
      if (hasCode(error, 'EEXIST')) throw existing(this.#path);
      // File systems without hard links.
      if (!hasCode(error, 'EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'EMLINK', 'ENOSYS')) throw error;
      await refuseExisting(this.#path);
      await rename(this.#aside, this.#path);
      return;
    }
    await unlink(this.#aside);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle?.close().catch(() => undefined);
    this.#handle = null;
    if (this.#isAside) await unlink(this.#aside).catch(() => undefined);
  }
}

/** Throws `exists` when there is anything by this name. */
export async function refuseExisting(path: string): Promise<void> {
  try {
    await lstat(path);
  } catch (error) {
    if (isAbsence(error)) return;
    throw error;
  }
  throw existing(path);
}

function existing(path: string): Fault {
  return new Fault('exists', `${path} is there already; add --force to replace it`);
}
