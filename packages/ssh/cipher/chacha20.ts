import { type Cipheriv, createCipheriv, timingSafeEqual } from 'node:crypto';
import type { NativeProtection } from './native.js';
import { NativeOpener, NativeSealer } from './native-packets.js';
import { poly1305 } from './poly1305.js';
import { type DirectionKeys, lengthBytes, type PacketOpener, type PacketSealer } from './protection.js';

const tagBytes = 16;
const layout = { blockBytes: 8, padsLength: false, tagBytes } as const;
const keyBytes = 32;
const noKey = Buffer.alloc(keyBytes);

/** The two keys of OpenSSH's PROTOCOL.chacha20poly1305 and the streams that start at a block of a packet. */
class ChachaStreams {
  readonly #bodyKey: Buffer;
  readonly #lengthKey: Buffer;
  /** Counter (64 bits, little endian), then the sequence number (64 bits, big endian). */
  readonly #iv = Buffer.alloc(16);

  constructor(key: Buffer) {
    this.#bodyKey = key.subarray(0, keyBytes);
    this.#lengthKey = key.subarray(keyBytes, 2 * keyBytes);
  }

  #stream(key: Buffer, block: number, sequence: number): Cipheriv {
    this.#iv[0] = block;
    this.#iv.writeUInt32BE(sequence, 12);
    return createCipheriv('chacha20', key, this.#iv);
  }

  /** Encrypts or decrypts a length field. */
  length(field: Buffer, sequence: number): Buffer {
    return this.#stream(this.#lengthKey, 0, sequence).update(field);
  }

  /** Encrypts or decrypts a body. */
  body(body: Buffer, sequence: number): Buffer {
    return this.#stream(this.#bodyKey, 1, sequence).update(body);
  }

  tag(packet: Buffer, sequence: number): Buffer {
    const oneTimeKey = this.#stream(this.#bodyKey, 0, sequence).update(noKey);
    return poly1305({ key: this.#bodyKey, nonce: this.#iv.subarray(4), oneTimeKey }, packet);
  }
}

class NodeChachaSealer implements PacketSealer {
  readonly blockBytes = layout.blockBytes;
  readonly padsLength = layout.padsLength;
  readonly tagBytes = layout.tagBytes;
  readonly #streams: ChachaStreams;

  constructor(keys: DirectionKeys) {
    this.#streams = new ChachaStreams(keys.key);
  }

  seal(buffer: Buffer, offset: number, packetBytes: number, sequence: number): void {
    const packet = buffer.subarray(offset, offset + packetBytes);
    packet.set(this.#streams.length(packet.subarray(0, lengthBytes), sequence));
    packet.set(this.#streams.body(packet.subarray(lengthBytes), sequence), lengthBytes);
    buffer.set(this.#streams.tag(packet, sequence), offset + packetBytes);
  }
}

class NodeChachaOpener implements PacketOpener {
  readonly blockBytes = layout.blockBytes;
  readonly padsLength = layout.padsLength;
  readonly tagBytes = layout.tagBytes;
  readonly headBytes = lengthBytes;
  readonly #streams: ChachaStreams;

  constructor(keys: DirectionKeys) {
    this.#streams = new ChachaStreams(keys.key);
  }

  packetLength(buffer: Buffer, offset: number, sequence: number): number {
    return this.#streams.length(buffer.subarray(offset, offset + lengthBytes), sequence).readUInt32BE();
  }

  open(buffer: Buffer, offset: number, packetBytes: number, sequence: number): boolean {
    const end = offset + packetBytes;
    const packet = buffer.subarray(offset, end);
    const expected = this.#streams.tag(packet, sequence);
    if (!timingSafeEqual(expected, buffer.subarray(end, end + tagBytes))) return false;
    packet.set(this.#streams.length(packet.subarray(0, lengthBytes), sequence));
    packet.set(this.#streams.body(packet.subarray(lengthBytes), sequence), lengthBytes);
    return true;
  }
}

/** Returns a sealer for chacha20-poly1305@openssh.com, through the add-on or, without it, through node:crypto. */
export function chachaSealer(keys: DirectionKeys, native: NativeProtection | null): PacketSealer {
  if (native === null) return new NodeChachaSealer(keys);
  return new NativeSealer(native, native.createChacha(keys.key, true), layout);
}

/** Returns an opener for chacha20-poly1305@openssh.com, through the add-on or, without it, through node:crypto. */
export function chachaOpener(keys: DirectionKeys, native: NativeProtection | null): PacketOpener {
  if (native === null) return new NodeChachaOpener(keys);
  return new NativeOpener(native, native.createChacha(keys.key, false), layout);
}
