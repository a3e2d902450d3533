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
 * File that is written under a temporary name in its directory, and gets its own name once it is complete.
 * Disposing it earlier removes it. Throws errors of the file system unchanged.
 */
export class DownloadFile implements FetchSink, AsyncDisposable {
  readonly #path: string;
  readonly #temporaryPath: string;
  readonly #mayReplace: boolean;
  readonly #progress: TransferProgress;
  #handle: FileHandle | null = null;
  #isTemporary = false;

  constructor(path: string, mayReplace: boolean, progress: TransferProgress) {
    this.#path = path;
    this.#temporaryPath = join(dirname(path), `.sftpgw-${randomBytes(8).toString('hex')}.part`);
    this.#mayReplace = mayReplace;
    this.#progress = progress;
  }

  async begin({ size }: ObjectInfo): Promise<void> {
    this.#progress.begin(size);
    this.#handle = await open(this.#temporaryPath, 'wx', 0o666);
    this.#isTemporary = true;
  }

  async write(position: number, bytes: Uint8Array): Promise<void> {
    if (this.#handle === null) throw new Fault('bug', 'write before begin');
    await writeFully(this.#handle, bytes, position);
    this.#progress.took(bytes.byteLength);
  }

  /**
   * Gives the file its own name. The file is durable when the call resolves. Throws `exists` if another file
   * has the name by now and may not be replaced.
   */
  async place(mtimeSeconds: number): Promise<void> {
    const handle = this.#handle;
    if (handle === null) throw new Fault('bug', 'place before begin');
    await handle.utimes(mtimeSeconds, mtimeSeconds);
    await handle.sync();
    await handle.close();
    this.#handle = null;
    if (this.#mayReplace) await rename(this.#temporaryPath, this.#path);
    else await this.#linkIntoPlace();
    this.#isTemporary = false;
    await syncDirectory(dirname(this.#path));
  }

  /** Unlike rename(2), link(2) never replaces an existing file. */
  async #linkIntoPlace(): Promise<void> {
    try {
      await link(this.#temporaryPath, this.#path);
    } catch (error) {
      if (hasCode(error, 'EEXIST')) throw existing(this.#path);
      // Some file systems have no hard links.
      if (!hasCode(error, 'EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'EMLINK', 'ENOSYS')) throw error;
      await refuseExisting(this.#path);
      await rename(this.#temporaryPath, this.#path);
      return;
    }
    await unlink(this.#temporaryPath);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle?.close().catch(() => undefined);
    this.#handle = null;
    if (this.#isTemporary) await unlink(this.#temporaryPath).catch(() => undefined);
  }
}

/** Throws `exists` if the path exists, whatever its type. */
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
  return new Fault('exists', `${path} exists already; add --force to replace it`);
}
