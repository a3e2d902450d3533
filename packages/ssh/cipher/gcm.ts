import { createCipheriv, createDecipheriv } from 'node:crypto';
import type { CipherAlgorithm } from '../algorithms/ciphers.js';
import type { NativeProtection, NativeState } from './native.js';
import { type DirectionKeys, lengthBytes, type PacketOpener, type PacketSealer } from './protection.js';

const tagBytes = 16;
const layout = { blockBytes: 16, padsLength: false, tagBytes } as const;
/** RFC 5647 section 7.1: the nonce is 4 fixed bytes, then a counter of 8 bytes. */
const counterOffset = 4;

function nodeCipher(algorithm: CipherAlgorithm): 'aes-128-gcm' | 'aes-256-gcm' {
  return algorithm.keyBytes === 16 ? 'aes-128-gcm' : 'aes-256-gcm';
}

/** The nonce of RFC 5647, which counts packets. */
class InvocationCounter {
  readonly nonce: Buffer;

  constructor(iv: Buffer) {
    this.nonce = Buffer.from(iv);
  }

  advance(): void {
    const counter = this.nonce.readBigUInt64BE(counterOffset);
    this.nonce.writeBigUInt64BE(BigInt.asUintN(64, counter + 1n), counterOffset);
  }
}

class NodeGcmSealer implements PacketSealer {
  readonly blockBytes = layout.blockBytes;
  readonly padsLength = layout.padsLength;
  readonly tagBytes = layout.tagBytes;
  readonly #primitive: 'aes-128-gcm' | 'aes-256-gcm';
  readonly #key: Buffer;
  readonly #counter: InvocationCounter;

  constructor(algorithm: CipherAlgorithm, keys: DirectionKeys) {
    this.#primitive = nodeCipher(algorithm);
    this.#key = keys.key;
    this.#counter = new InvocationCounter(keys.iv);
  }

  seal(buffer: Buffer, offset: number, packetBytes: number): void {
    const cipher = createCipheriv(this.#primitive, this.#key, this.#counter.nonce);
    this.#counter.advance();
    const end = offset + packetBytes;
    cipher.setAAD(buffer.subarray(offset, offset + lengthBytes));
    buffer.set(cipher.update(buffer.subarray(offset + lengthBytes, end)), offset + lengthBytes);
    cipher.final();
    buffer.set(cipher.getAuthTag(), end);
  }
}

class NodeGcmOpener implements PacketOpener {
  readonly blockBytes = layout.blockBytes;
  readonly padsLength = layout.padsLength;
  readonly tagBytes = layout.tagBytes;
  readonly headBytes = lengthBytes;
  readonly #primitive: 'aes-128-gcm' | 'aes-256-gcm';
  readonly #key: Buffer;
  readonly #counter: InvocationCounter;

  constructor(algorithm: CipherAlgorithm, keys: DirectionKeys) {
    this.#primitive = nodeCipher(algorithm);
    this.#key = keys.key;
    this.#counter = new InvocationCounter(keys.iv);
  }

  packetLength(buffer: Buffer, offset: number): number {
    return buffer.readUInt32BE(offset);
  }

  open(buffer: Buffer, offset: number, packetBytes: number): boolean {
    const decipher = createDecipheriv(this.#primitive, this.#key, this.#counter.nonce, {
      authTagLength: tagBytes,
    });
    this.#counter.advance();
    const end = offset + packetBytes;
    decipher.setAAD(buffer.subarray(offset, offset + lengthBytes));
    decipher.setAuthTag(buffer.subarray(end, end + tagBytes));
    const body = decipher.update(buffer.subarray(offset + lengthBytes, end));
    try {
      decipher.final();
    } catch {
      return false;
    }
    buffer.set(body, offset + lengthBytes);
    return true;
  }
}

class NativeGcmSealer implements PacketSealer {
  readonly blockBytes = layout.blockBytes;
  readonly padsLength = layout.padsLength;
  readonly tagBytes = layout.tagBytes;
  readonly #native: NativeProtection;
  readonly #state: NativeState;

  constructor(native: NativeProtection, keys: DirectionKeys) {
    this.#native = native;
    this.#state = native.createGcm(keys.key, keys.iv, true);
  }

  seal(buffer: Buffer, offset: number, packetBytes: number, sequence: number): void {
    this.#native.seal(this.#state, buffer, offset, packetBytes, sequence);
  }
}

class NativeGcmOpener implements PacketOpener {
  readonly blockBytes = layout.blockBytes;
  readonly padsLength = layout.padsLength;
  readonly tagBytes = layout.tagBytes;
  readonly headBytes = lengthBytes;
  readonly #native: NativeProtection;
  readonly #state: NativeState;

  constructor(native: NativeProtection, keys: DirectionKeys) {
    this.#native = native;
    this.#state = native.createGcm(keys.key, keys.iv, false);
  }

  packetLength(buffer: Buffer, offset: number): number {
    return buffer.readUInt32BE(offset);
  }

  open(buffer: Buffer, offset: number, packetBytes: number, sequence: number): boolean {
    return this.#native.open(this.#state, buffer, offset, packetBytes, sequence);
  }
}

/** Returns a sealer for AES-GCM (RFC 5647), through the add-on or, without it, through node:crypto. */
export function gcmSealer(
  algorithm: CipherAlgorithm,
  keys: DirectionKeys,
  native: NativeProtection | null,
): PacketSealer {
  return native === null ? new NodeGcmSealer(algorithm, keys) : new NativeGcmSealer(native, keys);
}

/** Returns an opener for AES-GCM (RFC 5647), through the add-on or, without it, through node:crypto. */
export function gcmOpener(
  algorithm: CipherAlgorithm,
  keys: DirectionKeys,
  native: NativeProtection | null,
): PacketOpener {
  return native === null ? new NodeGcmOpener(algorithm, keys) : new NativeGcmOpener(native, keys);
}
