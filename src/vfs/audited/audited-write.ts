import type { LiveTransfer } from '../../live/live-transfer.js';
import type { Call } from '../../model/call.js';
import type { AttributeChange, Attributes, WriteHandle } from '../../model/vfs.js';
import type { FileEvent, FileEvents } from './file-events.js';
import { NotingCall } from './noting-call.js';

/** A file that is open for writing. Its end is one event of the audit trail. */
export class AuditedWrite implements WriteHandle {
  readonly #handle: WriteHandle;
  readonly #events: FileEvents;
  readonly #call: NotingCall;
  readonly #transfer: LiveTransfer;
  #isEnded = false;

  /** `call` is that of the open. */
  constructor(handle: WriteHandle, events: FileEvents, call: NotingCall, transfer: LiveTransfer) {
    this.#handle = handle;
    this.#events = events;
    this.#call = call;
    this.#transfer = transfer;
    transfer.keyId = call.facts.keyId ?? null;
  }

  write(call: Call, offset: number, chunks: readonly Uint8Array[]): Promise<void> {
    for (const chunk of chunks) this.#transfer.bytes += chunk.byteLength;
    return this.#handle.write(call, offset, chunks);
  }

  read(call: Call, offset: number, length: number): Promise<readonly Uint8Array[] | null> {
    return this.#handle.read(call, offset, length);
  }

  attributes(): Attributes | Promise<Attributes> {
    return this.#handle.attributes();
  }

  setAttributes(call: Call, change: AttributeChange): Promise<void> {
    return this.#handle.setAttributes(call, change);
  }

  sync(call: Call): Promise<void> {
    return this.#handle.sync(call);
  }

  async commit(call: Call): Promise<void> {
    this.#events.trail.requireWritable();
    this.#transfer.isCommitting = true;
    const noting = new NotingCall(call, this.#call.facts);
    try {
      await this.#handle.commit(noting);
    } catch (error) {
      if (this.#end()) this.#events.failed(this.#event(noting), error);
      throw error;
    } finally {
      this.#transfer.isCommitting = false;
    }
    if (this.#end()) this.#events.done(this.#event(noting));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#end()) this.#events.ended(this.#event(this.#call), 'interrupted');
    await this.#handle[Symbol.asyncDispose]();
  }

  /** Returns true at the first call. */
  #end(): boolean {
    if (this.#isEnded) return false;
    this.#isEnded = true;
    this.#events.session.closeTransfer(this.#transfer);
    return true;
  }

  #event(call: NotingCall): FileEvent {
    const { path, bytes, elapsedMs } = this.#transfer;
    const details = { bytes, seconds: Math.round(elapsedMs) / 1000 };
    return { action: 'file.write', path, call, details };
  }
}
