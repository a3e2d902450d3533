import { randomBytes } from 'node:crypto';
import { access, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { BodyFiles } from './body-files.js';
import { readSegments } from './body-reader.js';
import { type Tap, type WrittenBody, writeBody } from './body-writer.js';
import { BucketIndex } from './bucket-index.js';
import { type DirectoryLock, lockDirectory } from './directory-lock.js';
import { ensurePrivateDirectory, writePrivateFile } from './durable-file.js';
import { IndexDatabase } from './index-database.js';
import { ServerKeys } from './key-wrap.js';
import { ListingIndex } from './listing-index.js';
import { NotificationIndex } from './notification-index.js';
import type { Segment } from './records.js';
import { UploadIndex } from './upload-index.js';
import { VersionIndex } from './version-index.js';

export type StoreLog = (
  level: 'info' | 'error',
  message: string,
  fields: Readonly<Record<string, unknown>>,
) => void;

/**
 * A directory of buckets: `index.sqlite` is the index, `bodies/` has the sealed bytes, and
 * `master.key` opens the bodies without a customer's key. The file of a body is complete and synced
 * before the row that names it commits, so after a crash an object is complete or absent.
 */
export class Store {
  readonly buckets: BucketIndex;
  readonly versions: VersionIndex;
  readonly uploads: UploadIndex;
  readonly listing: ListingIndex;
  readonly notifications: NotificationIndex;
  readonly keys: ServerKeys;
  readonly #index: IndexDatabase;
  readonly #files: BodyFiles;
  readonly #lock: DirectoryLock;
  readonly #stopSweep = new AbortController();
  readonly #sweep: Promise<void>;

  private constructor(
    index: IndexDatabase,
    files: BodyFiles,
    keys: ServerKeys,
    lock: DirectoryLock,
    log: StoreLog,
  ) {
    this.#index = index;
    this.#files = files;
    this.#lock = lock;
    this.keys = keys;
    this.buckets = new BucketIndex(index);
    this.versions = new VersionIndex(index);
    this.uploads = new UploadIndex(index);
    this.listing = new ListingIndex(index);
    this.notifications = new NotificationIndex(index);
    this.#sweep = this.#sweepLeftovers(log);
  }

  /** Opens or creates the store. Throws `DirectoryInUse`, or an Error that names the problem and the file. */
  static async open(directory: string, log: StoreLog): Promise<Store> {
    await ensurePrivateDirectory(directory);
    const lock = lockDirectory(directory);
    try {
      const keys = new ServerKeys(await masterKey(directory));
      const files = new BodyFiles(directory, (message, error) => log('error', message, { error }));
      await files.prepare();
      return new Store(new IndexDatabase(join(directory, 'index.sqlite')), files, keys, lock, log);
    } catch (error) {
      lock.release();
      throw error;
    }
  }

  /** Runs a change of the index alone, in a transaction. Resolves when it is durable. */
  async change<T>(change: () => T): Promise<T> {
    return await this.#index.write(change);
  }

  /**
   * Seals a body into a new file, durably. It then needs a row, or `discard`. Throws
   * `BodyTooLarge`, and the errors of the source.
   */
  async writeBody(
    source: AsyncIterable<Uint8Array>,
    options: {
      readonly customerKey: Uint8Array | null;
      readonly maxBytes: number;
      readonly taps: readonly Tap[];
    },
  ): Promise<WrittenBody> {
    return await writeBody(this.#files, this.keys, source, options);
  }

  /** Yields the plaintext `[start, end)` of these segments, which are pinned. Throws `SealBroken`. */
  readBody(
    segments: readonly Segment[],
    customerKey: Uint8Array | null,
    start: number,
    end: number,
  ): AsyncGenerator<Uint8Array> {
    return readSegments(this.#files, this.keys, segments, customerKey, start, end);
  }

  /**
   * Keeps the files of the segments while they are read. Must be called in the same tick as their
   * rows are read. The returned function, called once, releases them.
   */
  pin(segments: readonly Segment[]): () => void {
    return this.#files.pin(segments.map((segment) => segment.bodyId));
  }

  /** Removes bodies without a row, once they are not being read. */
  discard(bodyIds: readonly string[]): void {
    this.#files.discard(bodyIds);
  }

  /** Ends the sweep and the current removals, closes the index and unlocks the directory. */
  async close(): Promise<void> {
    this.#stopSweep.abort();
    await this.#sweep;
    await this.#files.settle();
    this.#index.close();
    this.#lock.release();
  }

  async #sweepLeftovers(log: StoreLog): Promise<void> {
    try {
      const removed = await this.#files.sweep(
        (bodyId) => this.versions.isBodyKnown(bodyId),
        this.#stopSweep.signal,
      );
      if (removed > 0) log('info', 'removed bodies of an interrupted run', { removed });
    } catch (error) {
      log('error', 'could not remove bodies of an interrupted run; the next start retries', { error });
    }
  }
}

/**
 * Returns the server's master key, which the first start generates. Throws if it is missing
 * although objects need it.
 */
async function masterKey(directory: string): Promise<Uint8Array> {
  const path = join(directory, 'master.key');
  try {
    const key = await readFile(path);
    if (key.byteLength !== 32)
      throw new Error(
        `invalid key file ${path}: expected 32 bytes, found ${key.byteLength}; restore it from a copy`,
      );
    return key;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  if (await exists(join(directory, 'index.sqlite'))) {
    throw new Error(
      `${path} is missing: without it no object in ${directory} can be read; restore it from a copy`,
    );
  }
  const key = randomBytes(32);
  await writePrivateFile(path, key);
  return key;
}

async function exists(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  );
}
