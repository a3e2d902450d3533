import { createCipheriv, createDecipheriv } from 'node:crypto';
import type { CipherAlgorithm } from '../algorithms/ciphers.js';
import type { NativeProtection } from './native.js';
import { NativeOpener, NativeSealer } from './native-packets.js';
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

/** The length field is not encrypted. */
class NativeGcmOpener extends NativeOpener {
  override packetLength(buffer: Buffer, offset: number): number {
    return buffer.readUInt32BE(offset);
  }
}

/** Returns a sealer for AES-GCM (RFC 5647), through the add-on or, without it, through node:crypto. */
export function gcmSealer(
  algorithm: CipherAlgorithm,
  keys: DirectionKeys,
  native: NativeProtection | null,
): PacketSealer {
  if (native === null) return new NodeGcmSealer(algorithm, keys);
  return new NativeSealer(native, native.createGcm(keys.key, keys.iv, true), layout);
}

/** Returns an opener for AES-GCM (RFC 5647), through the add-on or, without it, through node:crypto. */
export function gcmOpener(
  algorithm: CipherAlgorithm,
  keys: DirectionKeys,
  native: NativeProtection | null,
): PacketOpener {
  if (native === null) return new NodeGcmOpener(algorithm, keys);
  return new NativeGcmOpener(native, native.createGcm(keys.key, keys.iv, false), layout);
}
