import { randomFillSync } from 'node:crypto';
import { Socket } from 'node:net';
import type { Writable } from 'node:stream';
import { plainSealer } from '../cipher/plain.js';
import { lengthBytes, type PacketSealer } from '../cipher/protection.js';

const minPaddingBytes = 4;
/**
 * One packet of 32 KiB of channel data. The kernel copies it while it is in the processor's cache: several packets in one write take a
 * tenth more CPU.
 */
const slabBytes = 32 * 1024 + 128;
const maxFreeSlabs = 128;

/**
 * Memory for packets. Small flushes share one, so that a peer that does not read cannot make each of its replies pin a slab of its
 * own.
 */
interface Slab {
  readonly memory: Buffer;
  /** Flushes that the socket has not taken. */
  writes: number;
}

/** Slabs that are free, for all connections. */
const freeSlabs: Slab[] = [];

/** Random bytes for padding, drawn many at a time. Each is used once. */
const randomness = Buffer.alloc(16 * 1024);
let randomnessUsed = randomness.byteLength;

function writePadding(target: Buffer, from: number, byteLength: number): void {
  if (randomnessUsed + byteLength > randomness.byteLength) {
    randomFillSync(randomness);
    randomnessUsed = 0;
  }
  // A native copy costs more for so few bytes.
  for (let index = 0; index < byteLength; index++)
    target[from + index] = randomness[randomnessUsed + index] ?? 0;
  randomnessUsed += byteLength;
}

export interface PacketWriterOptions {
  readonly stream: Writable;
  readonly maxUnwrittenBytes: number;
  readonly backlogHighBytes: number;
  readonly backlogLowBytes: number;
  /** Called when more than `maxUnwrittenBytes` are unwritten, and when half of it are left. */
  full(isFull: boolean): void;
  /** Called when the backlog fell below the low mark after it was above the high mark. */
  drained(): void;
}

/**
 * Builds packets from the pieces of their payload in one copy, encrypts them where they lie, and hands the socket all packets of one
 * turn of the event loop together.
 */
export class PacketWriter {
  readonly #options: PacketWriterOptions;
  #slab: Slab | null = null;
  /** The packets lie before `#used`, those that the socket has not been handed from `#flushed` on. */
  #used = 0;
  #flushed = 0;
  #sealer: PacketSealer = plainSealer;
  #sequence = 0;
  #packetsUnderKeys = 0;
  #bytesUnderKeys = 0;
  #isFlushScheduled = false;
  #isFull = false;
  #wasHigh = false;
  #isClosed = false;

  constructor(options: PacketWriterOptions) {
    this.#options = options;
  }

  get packetsUnderKeys(): number {
    return this.#packetsUnderKeys;
  }

  get bytesUnderKeys(): number {
    return this.#bytesUnderKeys;
  }

  /** Bytes that the socket has not taken. */
  get unwrittenBytes(): number {
    return this.#used - this.#flushed + this.#options.stream.writableLength;
  }

  /** Encrypts with other keys from the next packet on. Strict key exchange restarts the sequence numbers. */
  setSealer(sealer: PacketSealer, restartsSequence: boolean): void {
    this.#sealer = sealer;
    this.#packetsUnderKeys = 0;
    this.#bytesUnderKeys = 0;
    if (restartsSequence) this.#sequence = 0;
  }

  /** Writes bytes that are not a packet. */
  writeRaw(bytes: Uint8Array): void {
    const at = this.#reserve(bytes.byteLength);
    this.#memory.set(bytes, at);
    this.#scheduleFlush();
  }

  /** Writes one packet. The pieces together are its payload. */
  write(pieces: readonly Uint8Array[]): void {
    if (this.#isClosed) return;
    let payloadBytes = 0;
    for (let index = 0; index < pieces.length; index++) payloadBytes += pieces[index]?.byteLength ?? 0;
    const sealer = this.#sealer;
    const paddingBytes = paddingFor(sealer, payloadBytes);
    const packetBytes = lengthBytes + 1 + payloadBytes + paddingBytes;
    const start = this.#reserve(packetBytes + sealer.tagBytes);
    const memory = this.#memory;
    memory.writeUInt32BE(packetBytes - lengthBytes, start);
    memory[start + lengthBytes] = paddingBytes;
    let at = start + lengthBytes + 1;
    for (let index = 0; index < pieces.length; index++) {
      const piece = pieces[index];
      if (piece === undefined) continue;
      memory.set(piece, at);
      at += piece.byteLength;
    }
    writePadding(memory, at, paddingBytes);
    sealer.seal(memory, start, packetBytes, this.#sequence);
    this.#sequence = (this.#sequence + 1) >>> 0;
    this.#packetsUnderKeys += 1;
    this.#bytesUnderKeys += packetBytes + sealer.tagBytes;
    this.#scheduleFlush();
    this.#checkMarks();
  }

  /** Reports the next time that the backlog is below the low mark. */
  expectDrain(): void {
    this.#wasHigh = true;
  }

  /** Hands the socket all that was written. */
  flush(): void {
    const slab = this.#slab;
    if (slab === null || this.#used === this.#flushed || this.#isClosed) return;
    const bytes = slab.memory.subarray(this.#flushed, this.#used);
    this.#flushed = this.#used;
    slab.writes += 1;
    this.#options.stream.write(bytes, () => {
      slab.writes -= 1;
      if (slab.writes === 0) this.#written(slab);
      this.#checkMarks();
    });
  }

  /** Flushes, and writes nothing afterwards. */
  close(): void {
    this.flush();
    this.#isClosed = true;
  }

  get #memory(): Buffer {
    if (this.#slab === null) throw new Error('no memory is reserved');
    return this.#slab.memory;
  }

  /** Frees a slab of which the socket has taken everything. */
  #written(slab: Slab): void {
    if (slab === this.#slab) {
      if (this.#used > this.#flushed) return;
      this.#slab = null;
    }
    // Other streams than sockets may keep the bytes beyond the callback of the write.
    if (!(this.#options.stream instanceof Socket)) return;
    if (slab.memory.byteLength === slabBytes && freeSlabs.length < maxFreeSlabs) freeSlabs.push(slab);
  }

  #reserve(byteLength: number): number {
    if (this.#slab !== null && this.#slab.memory.byteLength - this.#used < byteLength) {
      this.flush();
      this.#slab = null;
    }
    if (this.#slab === null) {
      const reused = byteLength > slabBytes ? undefined : freeSlabs.pop();
      this.#slab = reused ?? { memory: Buffer.allocUnsafeSlow(Math.max(slabBytes, byteLength)), writes: 0 };
      this.#used = 0;
      this.#flushed = 0;
    }
    const at = this.#used;
    this.#used += byteLength;
    return at;
  }

  #scheduleFlush(): void {
    if (this.#isFlushScheduled) return;
    this.#isFlushScheduled = true;
    setImmediate(() => {
      this.#isFlushScheduled = false;
      this.flush();
    });
  }

  #checkMarks(): void {
    if (this.#isClosed) return;
    const { maxUnwrittenBytes, backlogHighBytes, backlogLowBytes } = this.#options;
    const unwritten = this.unwrittenBytes;
    if (!this.#isFull && unwritten > maxUnwrittenBytes) {
      this.#isFull = true;
      this.#options.full(true);
    } else if (this.#isFull && unwritten <= maxUnwrittenBytes / 2) {
      this.#isFull = false;
      this.#options.full(false);
    }
    if (unwritten > backlogHighBytes) {
      this.#wasHigh = true;
    } else if (this.#wasHigh && unwritten < backlogLowBytes) {
      this.#wasHigh = false;
      this.#options.drained();
    }
  }
}

/** Returns the padding that completes the last block, at least 4 bytes (RFC 4253 section 6). */
function paddingFor({ blockBytes, padsLength }: PacketSealer, payloadBytes: number): number {
  const unpadded = (padsLength ? lengthBytes : 0) + 1 + payloadBytes;
  let padding = blockBytes - (unpadded % blockBytes);
  if (padding < minPaddingBytes) padding += blockBytes;
  return padding;
}
