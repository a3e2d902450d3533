import {
  type Cipheriv,
  createCipheriv,
  createDecipheriv,
  createHmac,
  type Decipheriv,
  timingSafeEqual,
} from 'node:crypto';
import type { CipherAlgorithm } from '../algorithms/ciphers.js';
import type { MacAlgorithm } from '../algorithms/macs.js';
import { type DirectionKeys, lengthBytes, type PacketOpener, type PacketSealer } from './protection.js';

/** Computes the MAC over the sequence number and the packet (RFC 4253 section 6.4). */
class PacketMac {
  readonly #hash: string;
  readonly #key: Buffer;
  readonly #sequence = Buffer.alloc(4);

  constructor(algorithm: MacAlgorithm, key: Buffer) {
    this.#hash = algorithm.hash;
    this.#key = key;
  }

  of(buffer: Buffer, offset: number, packetBytes: number, sequence: number): Buffer {
    this.#sequence.writeUInt32BE(sequence);
    return createHmac(this.#hash, this.#key)
      .update(this.#sequence)
      .update(buffer.subarray(offset, offset + packetBytes))
      .digest();
  }
}

/** AES-CTR (RFC 4344 section 4) with a MAC over the plaintext or, encrypt-then-MAC, over the ciphertext (OpenSSH PROTOCOL 1.5). */
class CtrSealer implements PacketSealer {
  readonly blockBytes: number;
  readonly padsLength: boolean;
  readonly tagBytes: number;
  readonly #cipher: Cipheriv;
  readonly #mac: PacketMac;

  constructor(algorithm: CipherAlgorithm, mac: MacAlgorithm, keys: DirectionKeys) {
    this.blockBytes = algorithm.blockBytes;
    this.padsLength = !mac.isEncryptThenMac;
    this.tagBytes = mac.keyBytes;
    this.#cipher = createCipheriv(algorithm.primitive, keys.key, keys.iv);
    this.#mac = new PacketMac(mac, keys.macKey);
  }

  seal(buffer: Buffer, offset: number, packetBytes: number, sequence: number): void {
    const end = offset + packetBytes;
    if (this.padsLength) {
      const mac = this.#mac.of(buffer, offset, packetBytes, sequence);
      buffer.set(this.#cipher.update(buffer.subarray(offset, end)), offset);
      buffer.set(mac, end);
    } else {
      const body = offset + lengthBytes;
      buffer.set(this.#cipher.update(buffer.subarray(body, end)), body);
      buffer.set(this.#mac.of(buffer, offset, packetBytes, sequence), end);
    }
  }
}

class EtmOpener implements PacketOpener {
  readonly blockBytes: number;
  readonly padsLength = false;
  readonly tagBytes: number;
  readonly headBytes = lengthBytes;
  readonly #cipher: Decipheriv;
  readonly #mac: PacketMac;

  constructor(algorithm: CipherAlgorithm, mac: MacAlgorithm, keys: DirectionKeys) {
    this.blockBytes = algorithm.blockBytes;
    this.tagBytes = mac.keyBytes;
    this.#cipher = createDecipheriv(algorithm.primitive, keys.key, keys.iv);
    this.#mac = new PacketMac(mac, keys.macKey);
  }

  packetLength(buffer: Buffer, offset: number): number {
    return buffer.readUInt32BE(offset);
  }

  open(buffer: Buffer, offset: number, packetBytes: number, sequence: number): boolean {
    const end = offset + packetBytes;
    const expected = this.#mac.of(buffer, offset, packetBytes, sequence);
    if (!timingSafeEqual(expected, buffer.subarray(end, end + this.tagBytes))) return false;
    const body = offset + lengthBytes;
    buffer.set(this.#cipher.update(buffer.subarray(body, end)), body);
    return true;
  }
}

/** Decrypts the first block to learn the length, and the rest when the whole packet has arrived. */
class MacOfPlaintextOpener implements PacketOpener {
  readonly blockBytes: number;
  readonly padsLength = true;
  readonly tagBytes: number;
  readonly headBytes: number;
  readonly #cipher: Decipheriv;
  readonly #mac: PacketMac;

  constructor(algorithm: CipherAlgorithm, mac: MacAlgorithm, keys: DirectionKeys) {
    this.blockBytes = algorithm.blockBytes;
    this.headBytes = algorithm.blockBytes;
    this.tagBytes = mac.keyBytes;
    this.#cipher = createDecipheriv(algorithm.primitive, keys.key, keys.iv);
    this.#mac = new PacketMac(mac, keys.macKey);
  }

  packetLength(buffer: Buffer, offset: number): number {
    buffer.set(this.#cipher.update(buffer.subarray(offset, offset + this.headBytes)), offset);
    return buffer.readUInt32BE(offset);
  }

  open(buffer: Buffer, offset: number, packetBytes: number, sequence: number): boolean {
    const end = offset + packetBytes;
    const rest = offset + this.headBytes;
    if (rest < end) buffer.set(this.#cipher.update(buffer.subarray(rest, end)), rest);
    const expected = this.#mac.of(buffer, offset, packetBytes, sequence);
    return timingSafeEqual(expected, buffer.subarray(end, end + this.tagBytes));
  }
}

/** Returns a sealer for AES-CTR with a MAC. */
export function ctrSealer(algorithm: CipherAlgorithm, mac: MacAlgorithm, keys: DirectionKeys): PacketSealer {
  return new CtrSealer(algorithm, mac, keys);
}

/** Returns an opener for AES-CTR with a MAC. */
export function ctrOpener(algorithm: CipherAlgorithm, mac: MacAlgorithm, keys: DirectionKeys): PacketOpener {
  return mac.isEncryptThenMac
    ? new EtmOpener(algorithm, mac, keys)
    : new MacOfPlaintextOpener(algorithm, mac, keys);
}
