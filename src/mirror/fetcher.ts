import { releaseBytes } from '../bytes/buffer-pool.js';
import type { DirectFile } from '../files/direct-file.js';
import type { Call } from '../model/call.js';
import type { ObjectInfo } from '../model/object-store.js';
import type { FetchedObject, FetchRequest, FetchSink } from '../vault/read/fetch-object.js';
import type { ObjectFetcher } from '../vault/vault.js';
import type { FileSystemSync } from './disk/file-system-sync.js';
import type { MirrorDisk } from './disk/mirror-disk.js';
import { type StagedFile, type StagingDirectory, stampOf } from './disk/staging.js';

/** Max size in bytes of objects held in memory until their file is created. */
const smallBytes = 1024 * 1024;
/** Bytes received between two early syncs of a file. */
const earlyBytes = 16 * 1024 * 1024;

/** A fetched object and its staged file. */
export interface FetchedFile {
  readonly object: FetchedObject;
  readonly file: StagedFile;
}

/**
 * Fetches an object into a complete staged file with the object's time. Calls `approve` with the metadata
 * before the bytes. Returns null if there is no such object. Throws the vault's faults, errors of the file
 * system, and errors of `approve`.
 */
export async function fetchToStaging(
  vault: ObjectFetcher,
  call: Call,
  request: FetchRequest,
  { staging, tools }: Pick<MirrorDisk, 'staging' | 'tools'>,
  approve: (info: ObjectInfo) => Promise<void>,
): Promise<FetchedFile | null> {
  const sink = new StagingSink(staging, tools.sync, Math.min(smallBytes, request.rangeBytes), approve);
  try {
    const object = await vault.fetch(call, request, sink);
    if (object === null) return null;
    return { object, file: await sink.finish(object.mtimeSeconds) };
  } finally {
    await sink[Symbol.asyncDispose]();
  }
}

class StagingSink implements FetchSink {
  readonly #staging: StagingDirectory;
  readonly #sync: FileSystemSync;
  readonly #inMemoryBytes: number;
  readonly #approve: (info: ObjectInfo) => Promise<void>;
  #pieces: Uint8Array[] | null = null;
  #file: DirectFile | null = null;
  #isFinished = false;
  /** Bytes written since the last early sync. */
  #unsyncedBytes = 0;
  #isSyncing = false;

  constructor(
    staging: StagingDirectory,
    sync: FileSystemSync,
    inMemoryBytes: number,
    approve: (info: ObjectInfo) => Promise<void>,
  ) {
    this.#staging = staging;
    this.#sync = sync;
    this.#inMemoryBytes = inMemoryBytes;
    this.#approve = approve;
  }

  async begin(info: ObjectInfo): Promise<void> {
    await this.#approve(info);
    if (info.size <= this.#inMemoryBytes) this.#pieces = [];
    else this.#file = await this.#staging.create(info.size);
  }

  async write(position: number, bytes: Uint8Array): Promise<void> {
    // A small object is fetched as one range, so its bytes arrive in order.
    if (this.#pieces !== null) this.#pieces.push(bytes);
    if (this.#file === null) return;
    try {
      await this.#file.write(position, bytes);
    } finally {
      releaseBytes(bytes);
    }
    // Without this, the page cache would delay all writing to the end.
    if (!this.#file.isDirect) this.#syncEarly(this.#file.path, bytes.byteLength);
  }

  #syncEarly(path: string, byteLength: number): void {
    this.#unsyncedBytes += byteLength;
    if (this.#unsyncedBytes < earlyBytes || this.#isSyncing) return;
    this.#unsyncedBytes = 0;
    this.#isSyncing = true;
    void this.#sync.early(path).then(() => {
      this.#isSyncing = false;
    });
  }

  async finish(mtimeSeconds: number): Promise<StagedFile> {
    if (this.#file === null) return this.#staging.write(this.#pieces ?? [], mtimeSeconds);
    await this.#file.finish();
    const { path, isDirect: isOnDisk } = this.#file;
    await this.#file.handle.utimes(mtimeSeconds, mtimeSeconds);
    const stamp = stampOf(await this.#file.handle.stat());
    await this.#file[Symbol.asyncDispose]();
    this.#isFinished = true;
    return { path, isOnDisk, stamp };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isFinished || this.#file === null) return;
    await this.#file[Symbol.asyncDispose]().catch(() => undefined);
    await this.#staging.discard(this.#file.path);
  }
}
