import { type Call, uncancellable } from '../../model/call.js';
import { Fault } from '../../model/fault.js';
import type { PageUpload, PageUploads } from '../../model/files-page.js';
import type { WriteHandle } from '../../model/vfs.js';
import type { PageClient } from '../page-client.js';

/** A request that sends content of an upload. */
interface Sending {
  readonly cancel: () => void;
  readonly ended: Promise<void>;
}

/** An upload whose file is open in a user's tree, until it is complete or no request has come for a while. */
export class OpenUpload {
  readonly upload: PageUpload;
  readonly client: PageClient;
  readonly #handle: WriteHandle;
  readonly #uploads: PageUploads;
  #offset: number;
  #usedMs: number;
  #sending: Sending | null = null;
  #isDisposed = false;

  /** `offset` is the number of bytes that the file has. */
  constructor(
    upload: PageUpload,
    client: PageClient,
    {
      handle,
      offset,
      usedMs,
    }: { readonly handle: WriteHandle; readonly offset: number; readonly usedMs: number },
    uploads: PageUploads,
  ) {
    this.upload = upload;
    this.client = client;
    this.#handle = handle;
    this.#offset = offset;
    this.#usedMs = usedMs;
    this.#uploads = uploads;
  }

  get offset(): number {
    return this.#offset;
  }

  /** Monotonic time of the last request, in milliseconds. */
  get usedMs(): number {
    return this.#usedMs;
  }

  get isSending(): boolean {
    return this.#sending !== null;
  }

  get isDisposed(): boolean {
    return this.#isDisposed;
  }

  /**
   * Ends the request that sends content, if there is one: its connection may be dead without the gateway knowing.
   * Resolves when its last bytes are written.
   */
  async takeOver(nowMs: number): Promise<void> {
    this.#usedMs = nowMs;
    const sending = this.#sending;
    if (sending === null) return;
    sending.cancel();
    await sending.ended;
  }

  /**
   * Writes the content and stores the file once it is whole. Throws `conflict` if another request takes over,
   * `too-large` for more bytes than were announced, and the faults of the tree, after which the upload is disposed.
   * If the client disconnects, the bytes so far stay.
   */
  async receive(
    call: Call,
    content: AsyncIterable<Uint8Array> & { destroy(error?: Error): unknown },
  ): Promise<void> {
    let finish: () => void = () => undefined;
    const ended = new Promise<void>((resolve) => {
      finish = resolve;
    });
    const taken = new Fault('conflict', 'another request continues this upload');
    const cancel = () => void content.destroy(taken);
    this.#sending = { cancel, ended };
    const aborted = () => void content.destroy(new Fault('cancelled', 'the session has ended'));
    call.signal.addEventListener('abort', aborted, { once: true });
    try {
      for await (const piece of content) await this.#write(call, piece);
      await this.storeIfWhole(call);
    } finally {
      call.signal.removeEventListener('abort', aborted);
      this.#sending = null;
      finish();
    }
  }

  async #write(call: Call, piece: Uint8Array): Promise<void> {
    const { length } = this.upload;
    if (this.#offset + piece.byteLength > length) {
      throw new Fault('too-large', `the upload has more than the ${length} bytes that were announced`);
    }
    try {
      await this.#handle.write(call, this.#offset, [piece]);
    } catch (error) {
      await this.dispose(call);
      throw error;
    }
    this.#offset += piece.byteLength;
    this.client.tally.bytesReceived += piece.byteLength;
    this.client.noteActivity();
  }

  /** Stores the file if all its bytes have arrived. Continues if the client disconnects. */
  async storeIfWhole(call: Call): Promise<void> {
    const { id, length } = this.upload;
    if (this.#offset < length || this.#isDisposed) return;
    try {
      const storing = uncancellable(call);
      await this.#handle.commit(storing);
      await this.#uploads.record(id, { isOpened: true, isDone: true });
      this.client.tally.filesWritten += 1;
    } finally {
      this.#isDisposed = true;
      await this.#handle[Symbol.asyncDispose]();
    }
  }

  /** Parks the upload: the tree keeps what its client can resume. Never rejects. */
  async dispose(call: Call): Promise<void> {
    if (this.#isDisposed) return;
    this.#isDisposed = true;
    const { id, mtimeSeconds, path } = this.upload;
    try {
      // A file on disk has the time of the last write otherwise, and `UploadDesk` would not recognise it.
      await this.#handle.setAttributes(call, { mtimeSeconds }).catch(() => undefined);
      await this.#handle[Symbol.asyncDispose]();
      await this.#uploads.record(id, { isOpened: true, isDone: false });
    } catch (error) {
      call.log.warn('an upload of the files page could not be parked', { path, error: Fault.from(error) });
    }
  }
}
