import type { LiveTransfer } from '../../live/live-transfer.js';
import type { Call } from '../../model/call.js';
import { Fault } from '../../model/fault.js';
import type { Attributes, ReadHandle } from '../../model/vfs.js';
import type { FileEvents } from './file-events.js';
import type { NotingCall } from './noting-call.js';

/** A file that is open for reading. Its end is one event of the audit trail. */
export class AuditedRead implements ReadHandle {
  readonly #handle: ReadHandle;
  readonly #events: FileEvents;
  readonly #call: NotingCall;
  readonly #transfer: LiveTransfer;
  #fault: Fault | null = null;
  #isEnded = false;

  /** `call` is that of the open. */
  constructor(handle: ReadHandle, events: FileEvents, call: NotingCall, transfer: LiveTransfer) {
    this.#handle = handle;
    this.#events = events;
    this.#call = call;
    this.#transfer = transfer;
    transfer.keyId = call.facts.keyId ?? null;
  }

  async read(call: Call, offset: number, length: number): Promise<readonly Uint8Array[] | null> {
    try {
      const views = await this.#handle.read(call, offset, length);
      if (views !== null) for (const view of views) this.#transfer.bytes += view.byteLength;
      return views;
    } catch (error) {
      this.#fault ??= Fault.from(error);
      throw error;
    }
  }

  attributes(): Attributes | Promise<Attributes> {
    return this.#handle.attributes();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end();
    await this.#handle[Symbol.asyncDispose]();
  }

  #end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    const { path, bytes, elapsedMs } = this.#transfer;
    this.#events.session.closeTransfer(this.#transfer);
    const interrupted = this.#call.signal.aborted ? 'interrupted' : 'ok';
    const details = { bytes, seconds: Math.round(elapsedMs) / 1000 };
    const event = { action: 'file.read', path, call: this.#call, details } as const;
    this.#events.ended(event, this.#fault?.kind ?? interrupted);
  }
}
