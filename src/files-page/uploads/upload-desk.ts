import { KeyedMutex } from '../../concurrency/keyed-mutex.js';
import type { Call, Clock } from '../../model/call.js';
import { Fault, isFault } from '../../model/fault.js';
import type { PageUpload, PageUploads } from '../../model/files-page.js';
import type { Attributes, WriteMode } from '../../model/vfs.js';
import type { FilesPageBounds } from '../bounds.js';
import type { PageClient } from '../page-client.js';
import { OpenUpload } from './open-upload.js';

/** The properties of an upload that a client announces. */
export interface AnnouncedUpload {
  /** Normalised. */
  readonly path: string;
  readonly length: number;
  readonly mtimeSeconds: number;
}

/** An upload and the number of bytes that the gateway has. */
export interface UploadState {
  readonly upload: PageUpload;
  readonly offset: number;
}

export interface UploadDeskServices {
  readonly uploads: PageUploads;
  readonly bounds: Pick<FilesPageBounds, 'maxOpenUploads' | 'uploadIdleMs'>;
  readonly clock: Clock;
}

type Content = AsyncIterable<Uint8Array> & { destroy(error?: Error): unknown };

/**
 * Receives uploads in parts. The user's tree keeps interrupted ones, as it does for SFTP. The calls are those of the
 * session (`PageClient.lasting`), because an open file outlives the request that opened it.
 */
export class UploadDesk {
  readonly #services: UploadDeskServices;
  readonly #open = new Map<string, OpenUpload>();
  /** One request at a time opens or closes an upload. */
  readonly #turns = new KeyedMutex<string>((id) => id);

  constructor(services: UploadDeskServices) {
    this.#services = services;
  }

  /** Begins an upload, and stores an empty file at once. Throws the faults of the tree and `over-quota`. */
  async create(call: Call, client: PageClient, announced: AnnouncedUpload): Promise<PageUpload> {
    const { uploads } = this.#services;
    const existing = await client.vfs.stat(call, announced.path);
    const { username } = client.session;
    const upload = await uploads.create({ ...announced, username, replaces: existing !== null });
    try {
      const open = await this.#turns.runExclusive([upload.id], () => this.#begin(call, client, upload));
      await open.storeIfWhole(call);
      if (open.isDisposed) this.#open.delete(upload.id);
      return upload;
    } catch (error) {
      this.#open.delete(upload.id);
      await uploads.remove(upload.id);
      throw error;
    }
  }

  /** Returns the state of an upload. Throws `not-found`. */
  async state(call: Call, client: PageClient, id: string): Promise<UploadState> {
    const upload = await this.#require(client, id);
    if (upload.isDone) return { upload, offset: upload.length };
    const open = this.#open.get(id);
    if (open !== undefined) {
      await open.takeOver(this.#services.clock.monotonicMs());
      if (!open.isDisposed) return { upload, offset: open.offset };
      return { upload: await this.#require(client, id), offset: await this.#storedOffset(call, client, id) };
    }
    return { upload, offset: (await this.#resumable(call, client, upload))?.size ?? 0 };
  }

  async #storedOffset(call: Call, client: PageClient, id: string): Promise<number> {
    const upload = await this.#require(client, id);
    return upload.isDone ? upload.length : ((await this.#resumable(call, client, upload))?.size ?? 0);
  }

  /** Returns the user's uploads that are not complete. */
  async unfinished(call: Call, client: PageClient): Promise<readonly UploadState[]> {
    const found: UploadState[] = [];
    for (const upload of await this.#services.uploads.unfinished(client.session.username)) {
      const open = this.#open.get(upload.id);
      const stored = open === undefined ? await this.#resumable(call, client, upload) : null;
      found.push({ upload, offset: open?.offset ?? stored?.size ?? 0 });
    }
    return found;
  }

  /**
   * Receives content from `offset` on. Returns the state after it. Throws `conflict` if the upload is at another
   * offset, and as `OpenUpload.receive`.
   */
  async receive(
    call: Call,
    client: PageClient,
    { id, offset, content }: { readonly id: string; readonly offset: number; readonly content: Content },
  ): Promise<UploadState> {
    const upload = await this.#require(client, id);
    if (upload.isDone && offset === upload.length) return { upload, offset };
    const { open, received } = await this.#turns.runExclusive([id], async () => {
      const found = await this.#opened(call, client, upload);
      if (found.offset !== offset) {
        throw new Fault('conflict', `the upload has ${found.offset} bytes: continue it there`);
      }
      // Started in the turn, so that the next request finds it and ends it. It is awaited after the turn.
      return { open: found, received: found.receive(call, content) };
    });
    try {
      await received;
    } finally {
      if (open.isDisposed) this.#open.delete(id);
    }
    return { upload, offset: open.offset };
  }

  /** Cancels an upload, and removes what was stored of it. */
  async cancel(call: Call, client: PageClient, id: string): Promise<void> {
    const upload = await this.#require(client, id);
    await this.#turns.runExclusive([id], async () => {
      await this.#release(call, this.#open.get(id));
      if (!upload.isDone) await this.#discard(call, client, { ...upload, isOpened: true });
      await this.#services.uploads.remove(id);
    });
  }

  /** Parks the open uploads of a client. Never rejects. */
  async releaseAll(call: Call, client: PageClient): Promise<void> {
    const own = [...this.#open.values()].filter((open) => open.client === client);
    await Promise.all(own.map((open) => this.#release(call, open)));
  }

  /** Parks the uploads that no request has continued for a while. */
  async check(call: Call): Promise<void> {
    const { bounds, clock } = this.#services;
    const oldestMs = clock.monotonicMs() - bounds.uploadIdleMs;
    for (const open of [...this.#open.values()]) {
      if (!open.isSending && open.usedMs <= oldestMs) {
        await this.#turns.runExclusive([open.upload.id], () => this.#release(call, open));
      }
    }
  }

  /** Returns the open upload, with its earlier request ended. Opens it if it is not open in this session. */
  async #opened(call: Call, client: PageClient, upload: PageUpload): Promise<OpenUpload> {
    const open = this.#open.get(upload.id);
    if (open !== undefined) {
      await open.takeOver(this.#services.clock.monotonicMs());
      if (open.client === client && !open.isDisposed) return open;
      await this.#release(call, open);
    }
    // The request before may have completed it, or parked it.
    const current = await this.#require(client, upload.id);
    if (current.isDone) throw new Fault('conflict', `the upload has ${current.length} bytes: it is complete`);
    return await this.#begin(call, client, current);
  }

  /** Opens the file, at the end of what is stored or at its start. */
  async #begin(call: Call, client: PageClient, upload: PageUpload): Promise<OpenUpload> {
    await this.#makeRoom(call, client);
    const resumed = await this.#resume(call, client, upload);
    const { handle, offset } = resumed ?? {
      handle: await client.vfs.openWrite(call, upload.path, modeOf(upload, true)),
      offset: 0,
    };
    const { uploads, clock } = this.#services;
    const open = new OpenUpload(upload, client, { handle, offset, usedMs: clock.monotonicMs() }, uploads);
    this.#open.set(upload.id, open);
    await uploads.record(upload.id, { isOpened: true, isDone: false });
    return open;
  }

  async #resume(call: Call, client: PageClient, upload: PageUpload) {
    const found = await this.#resumable(call, client, upload);
    if (found === null) return null;
    try {
      const handle = await client.vfs.openWrite(call, upload.path, modeOf(upload, false));
      const { size } = await handle.attributes();
      if (size === found.size) return { handle, offset: size };
      await handle[Symbol.asyncDispose]();
    } catch (error) {
      // The tree has reasons not to continue it, such as another encryption of the user since.
      if (!isFault(error, 'unsupported', 'conflict', 'not-found')) throw error;
    }
    return null;
  }

  /**
   * Returns what the tree has of an upload that is not open; null if the upload must begin again. The time of the file
   * tells the part from a file that another client has stored under the name meanwhile.
   */
  async #resumable(
    call: Call,
    client: PageClient,
    { path, length, mtimeSeconds, replaces, isOpened }: PageUpload,
  ): Promise<Attributes | null> {
    if (!isOpened || replaces) return null;
    const found = await client.vfs.stat(call, path).catch((error: unknown) => {
      if (isFault(error, 'denied', 'not-found', 'not-directory')) return null;
      throw error;
    });
    const isPart =
      found?.type === 'file' && found.size > 0 && found.size < length && found.mtimeSeconds === mtimeSeconds;
    return isPart ? found : null;
  }

  async #discard(call: Call, client: PageClient, upload: PageUpload): Promise<void> {
    if ((await this.#resumable(call, client, upload)) === null) return;
    try {
      await client.vfs.remove(call, upload.path);
    } catch (error) {
      if (!isFault(error, 'denied')) throw error;
      // Without the right to remove, an upload that begins again replaces the part, and leaves nothing itself.
      const handle = await client.vfs.openWrite(call, upload.path, modeOf(upload, true));
      await handle[Symbol.asyncDispose]();
    }
  }

  /** Parks the upload of the client that was idle longest if it has too many. */
  async #makeRoom(call: Call, client: PageClient): Promise<void> {
    const own = [...this.#open.values()].filter((open) => open.client === client);
    if (own.length < this.#services.bounds.maxOpenUploads) return;
    const [oldest] = own.filter((open) => !open.isSending).sort((one, other) => one.usedMs - other.usedMs);
    if (oldest === undefined)
      throw new Fault('throttled', `${own.length} files are being sent: wait for one of them`);
    await this.#release(call, oldest);
  }

  async #release(call: Call, open: OpenUpload | undefined): Promise<void> {
    if (open === undefined) return;
    await open.takeOver(open.usedMs);
    await open.dispose(call);
    if (this.#open.get(open.upload.id) === open) this.#open.delete(open.upload.id);
  }

  async #require(client: PageClient, id: string): Promise<PageUpload> {
    const upload = await this.#services.uploads.find(client.session.username, id);
    if (upload === null)
      throw new Fault('not-found', 'the upload is unknown, cancelled or too old: begin it again');
    return upload;
  }
}

function modeOf({ mtimeSeconds }: PageUpload, truncate: boolean): WriteMode {
  const attributes = { mtimeSeconds };
  return { create: true, exclusive: false, truncate, append: false, read: false, attributes };
}
