import type { PacketWriter } from './packet-writer.js';

export interface OutboxOptions {
  readonly writer: PacketWriter;
  readonly maxQueuedBytes: number;
  /** True if messages must wait: between our KEXINIT and our NEWKEYS. */
  isHeld(): boolean;
  /** Called when more than `maxQueuedBytes` wait. */
  overflowed(): void;
}

/** Sends messages in order, and keeps them while a key exchange holds the output. */
export class Outbox {
  readonly #options: OutboxOptions;
  #queue: Buffer[] = [];
  #queuedBytes = 0;

  constructor(options: OutboxOptions) {
    this.#options = options;
  }

  get backlogBytes(): number {
    return this.#queuedBytes + this.#options.writer.unwrittenBytes;
  }

  send(pieces: readonly Uint8Array[]): void {
    if (!this.#options.isHeld()) {
      this.#options.writer.write(pieces);
      return;
    }
    const payload = Buffer.concat(pieces);
    this.#queue.push(payload);
    this.#queuedBytes += payload.byteLength;
    if (this.#queuedBytes > this.#options.maxQueuedBytes) this.#options.overflowed();
  }

  /** Sends the messages that waited. */
  release(): void {
    const queue = this.#queue;
    this.clear();
    if (queue.length === 0) return;
    for (const payload of queue) this.#options.writer.write([payload]);
    // The queue counted towards the high mark, and the writer did not see it.
    this.#options.writer.expectDrain();
  }

  clear(): void {
    this.#queue = [];
    this.#queuedBytes = 0;
  }
}
