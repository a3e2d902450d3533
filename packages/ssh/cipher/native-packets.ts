import type { NativeProtection, NativeState } from './native.js';
import { lengthBytes, type PacketLayout, type PacketOpener, type PacketSealer } from './protection.js';

/** Encrypts packets through the add-on, with the cipher of `state`. */
export class NativeSealer implements PacketSealer {
  readonly blockBytes: number;
  readonly padsLength: boolean;
  readonly tagBytes: number;
  readonly #native: NativeProtection;
  readonly #state: NativeState;

  constructor(
    native: NativeProtection,
    state: NativeState,
    { blockBytes, padsLength, tagBytes }: PacketLayout,
  ) {
    this.blockBytes = blockBytes;
    this.padsLength = padsLength;
    this.tagBytes = tagBytes;
    this.#native = native;
    this.#state = state;
  }

  seal(buffer: Buffer, offset: number, packetBytes: number, sequence: number): void {
    this.#native.seal(this.#state, buffer, offset, packetBytes, sequence);
  }
}

/** Decrypts packets through the add-on, with the cipher of `state`, which decrypts the length field too. */
export class NativeOpener implements PacketOpener {
  readonly blockBytes: number;
  readonly padsLength: boolean;
  readonly tagBytes: number;
  readonly headBytes = lengthBytes;
  readonly #native: NativeProtection;
  readonly #state: NativeState;

  constructor(
    native: NativeProtection,
    state: NativeState,
    { blockBytes, padsLength, tagBytes }: PacketLayout,
  ) {
    this.blockBytes = blockBytes;
    this.padsLength = padsLength;
    this.tagBytes = tagBytes;
    this.#native = native;
    this.#state = state;
  }

  packetLength(buffer: Buffer, offset: number, sequence: number): number {
    return this.#native.packetLength(this.#state, buffer, offset, sequence);
  }

  open(buffer: Buffer, offset: number, packetBytes: number, sequence: number): boolean {
    return this.#native.open(this.#state, buffer, offset, packetBytes, sequence);
  }
}
