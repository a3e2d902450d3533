import type { Duplex } from 'node:stream';
import type { PacketReader } from './packet-reader.js';

type Reason = 'full' | 'held';

/** Pauses the input of a connection while there is at least one reason. */
export class InputPause {
  readonly #stream: Duplex;
  readonly #reader: PacketReader;
  readonly #reasons = new Set<Reason>();

  constructor(stream: Duplex, reader: PacketReader) {
    this.#stream = stream;
    this.#reader = reader;
  }

  /** Sets or removes a reason. May throw what the reader throws for packets that have waited. */
  set(reason: Reason, holds: boolean): void {
    if (holds) this.#reasons.add(reason);
    else this.#reasons.delete(reason);
    this.apply();
  }

  apply(): void {
    if (this.#reasons.size > 0) {
      this.#reader.pause();
      this.#stream.pause();
    } else {
      this.#stream.resume();
      this.#reader.resume();
    }
  }
}
