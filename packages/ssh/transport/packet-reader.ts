import { plainOpener } from '../cipher/plain.js';
import { lengthBytes, type PacketOpener } from '../cipher/protection.js';
import { DisconnectReason } from '../wire/disconnect-reasons.js';
import { ProtocolError, protocolFault } from '../wire/fault.js';
import type { SlabPool } from './layer.js';

const maxPaddingBytes = 255;
const minPaddingBytes = 4;
/** RFC 4253 section 6: the shortest packet, without the MAC. */
const minPacketBytes = 16;
/** Memory of a connection that receives little. */
const quietBytes = 8 * 1024;
/** With less space, the reader takes the next slab: a read costs the same for few bytes and for many. */
const minRoomBytes = 64 * 1024;

export interface PacketReaderOptions {
  readonly slabs: SlabPool;
  readonly maxPayloadBytes: number;
  /**
   * Takes the bytes in [start, end) before the first packet. Returns the offset of the first byte of a packet, or null while more
   * has to come.
   */
  preface(bytes: Buffer, start: number, end: number): number | null;
  /** Takes the payload of one packet, a view that is valid during the call. */
  packet(payload: Buffer): void;
}

/**
 * Splits the bytes of a connection into packets and decrypts them in the memory that they were received in. Errors of the peer
 * are thrown as `ProtocolError` from `received` and `resume`.
 */
export class PacketReader {
  readonly #options: PacketReaderOptions;
  readonly #quiet = Buffer.allocUnsafeSlow(quietBytes);
  #slab: Buffer | null = null;
  /** Start and end of the received bytes that are not yet taken. */
  #start = 0;
  #end = 0;
  #opener: PacketOpener = plainOpener;
  #maxPayloadBytes: number;
  /** Field packet_length of the packet at the start; null until it is known. */
  #packetLength: number | null = null;
  /** Bytes still to be received and dropped before an invalid length is reported; null when the length was valid. */
  #discardBytes: number | null = null;
  #isPrefaceDone = false;
  #isPaused = false;
  #isProcessing = false;
  #isClosed = false;
  #sequence = 0;
  #packetsUnderKeys = 0;
  #bytesUnderKeys = 0;

  constructor(options: PacketReaderOptions) {
    this.#options = options;
    this.#maxPayloadBytes = options.maxPayloadBytes;
  }

  /** Sequence number of the next packet (RFC 4253 section 6.4). */
  get sequence(): number {
    return this.#sequence;
  }

  get packetsUnderKeys(): number {
    return this.#packetsUnderKeys;
  }

  get bytesUnderKeys(): number {
    return this.#bytesUnderKeys;
  }

  set maxPayloadBytes(value: number) {
    this.#maxPayloadBytes = value;
  }

  /** Decrypts with other keys from the next packet on. Strict key exchange restarts the sequence numbers. */
  setOpener(opener: PacketOpener, restartsSequence: boolean): void {
    this.#opener = opener;
    this.#packetsUnderKeys = 0;
    this.#bytesUnderKeys = 0;
    if (restartsSequence) this.#sequence = 0;
  }

  /** Returns the memory that the next bytes have to be written to. */
  room(): Buffer {
    return this.#memory.subarray(this.#end);
  }

  /** Takes the bytes that were written to the start of `room()`. */
  received(byteLength: number): void {
    if (this.#isClosed) return;
    this.#end += byteLength;
    this.#process();
    this.#makeRoom(byteLength);
  }

  /** Takes bytes that lie elsewhere. */
  copy(bytes: Uint8Array): void {
    for (let from = 0; from < bytes.byteLength && !this.#isClosed; ) {
      if (this.#memory.byteLength - this.#end < bytes.byteLength - from) this.#grow();
      const room = this.room();
      const part = bytes.subarray(from, from + room.byteLength);
      room.set(part);
      from += part.byteLength;
      this.received(part.byteLength);
    }
  }

  /** Takes no further packets until `resume`. May be called while a packet is being taken. */
  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    if (this.#isProcessing || this.#isClosed) return;
    this.#process();
    this.#makeRoom(0);
  }

  /** Drops everything and returns the memory. */
  close(): void {
    this.#isClosed = true;
    if (!this.#isProcessing) this.#drop();
  }

  get #memory(): Buffer {
    return this.#slab ?? this.#quiet;
  }

  #process(): void {
    this.#isProcessing = true;
    try {
      while (!this.#isPaused && !this.#isClosed && this.#next());
    } finally {
      this.#isProcessing = false;
    }
  }

  /** Takes one packet. Returns false when more has to be received first. */
  #next(): boolean {
    if (this.#discardBytes !== null) return this.#discard(this.#discardBytes);
    if (!this.#isPrefaceDone) return this.#takePreface();
    const length = this.#packetLength ?? this.#readLength();
    if (length === null) return false;
    const packetBytes = lengthBytes + length;
    const wholeBytes = packetBytes + this.#opener.tagBytes;
    if (this.#end - this.#start < wholeBytes) return false;
    const memory = this.#memory;
    const start = this.#start;
    if (!this.#opener.open(memory, start, packetBytes, this.#sequence)) {
      throw new ProtocolError(DisconnectReason.macError, 'packet is corrupt: its MAC does not match');
    }
    const paddingBytes = memory[start + lengthBytes] ?? 0;
    const payloadStart = start + lengthBytes + 1;
    const payloadEnd = start + packetBytes - paddingBytes;
    if (paddingBytes < minPaddingBytes || payloadEnd <= payloadStart) {
      throw protocolFault(`packet of ${length} bytes with ${paddingBytes} bytes of padding`);
    }
    if (payloadEnd - payloadStart > this.#maxPayloadBytes) {
      throw protocolFault(
        `payload of ${payloadEnd - payloadStart} bytes, expected at most ${this.#maxPayloadBytes}`,
      );
    }
    this.#start = start + wholeBytes;
    this.#packetLength = null;
    this.#sequence = (this.#sequence + 1) >>> 0;
    this.#packetsUnderKeys += 1;
    this.#bytesUnderKeys += wholeBytes;
    this.#options.packet(memory.subarray(payloadStart, payloadEnd));
    return true;
  }

  #takePreface(): boolean {
    const first = this.#options.preface(this.#memory, this.#start, this.#end);
    if (first === null) return false;
    this.#start = first;
    this.#isPrefaceDone = true;
    return true;
  }

  /** Returns the field packet_length of the next packet; null when it has not been received, or is not valid. */
  #readLength(): number | null {
    const opener = this.#opener;
    if (this.#end - this.#start < opener.headBytes) return null;
    const length = opener.packetLength(this.#memory, this.#start, this.#sequence);
    if (this.#isValid(length)) {
      this.#packetLength = length;
      return length;
    }
    // A MAC over the plaintext cannot be checked before the length is known: an error at once would reveal parts of the plaintext.
    if (opener.headBytes > lengthBytes) {
      this.#discardBytes = this.#maxPacketBytes;
      this.#discard(this.#discardBytes);
      return null;
    }
    if (opener.tagBytes > 0) {
      const text = `packet is corrupt or longer than ${this.#maxPacketBytes} bytes`;
      throw new ProtocolError(DisconnectReason.macError, text);
    }
    throw protocolFault(`packet length ${length} is not valid`);
  }

  get #maxPacketBytes(): number {
    return lengthBytes + 1 + this.#maxPayloadBytes + maxPaddingBytes;
  }

  #isValid(length: number): boolean {
    const { padsLength, blockBytes } = this.#opener;
    const paddedBytes = length + (padsLength ? lengthBytes : 0);
    return (
      lengthBytes + length <= this.#maxPacketBytes &&
      lengthBytes + length >= (padsLength ? minPacketBytes : lengthBytes + blockBytes) &&
      paddedBytes % blockBytes === 0
    );
  }

  #discard(byteLength: number): boolean {
    const dropped = Math.min(byteLength, this.#end - this.#start);
    this.#start += dropped;
    this.#discardBytes = byteLength - dropped;
    if (this.#discardBytes > 0) return false;
    throw new ProtocolError(DisconnectReason.macError, 'packet is corrupt: its MAC does not match');
  }

  /** Bytes that the packet at the start takes as far as is known. */
  get #neededBytes(): number {
    return this.#packetLength === null ? 0 : lengthBytes + this.#packetLength + this.#opener.tagBytes;
  }

  #makeRoom(lastRead: number): void {
    if (this.#isClosed) {
      this.#drop();
      return;
    }
    const rest = this.#end - this.#start;
    if (rest === 0 && this.#slab !== null && lastRead < quietBytes) {
      this.#moveTo(null);
    } else if (rest === 0 && (this.#slab === null || this.#options.slabs.holders(this.#slab) === 1)) {
      this.#start = 0;
      this.#end = 0;
      // A read that filled the small memory announces more.
      if (this.#slab === null && lastRead === quietBytes) this.#grow();
    } else {
      const missing = this.#neededBytes - (this.#memory.byteLength - this.#start);
      const room = this.#memory.byteLength - this.#end;
      if (missing > 0 || room === 0 || (this.#slab !== null && room < minRoomBytes)) this.#grow();
    }
  }

  #drop(): void {
    this.#start = this.#end;
    this.#moveTo(null);
  }

  /** Continues in a new slab with the bytes that were not taken. */
  #grow(): void {
    const rest = this.#end - this.#start;
    this.#moveTo(this.#options.slabs.lend(Math.max(this.#neededBytes, rest) + minRoomBytes));
  }

  #moveTo(slab: Buffer | null): void {
    const before = this.#slab;
    this.#end = this.#memory.copy(slab ?? this.#quiet, 0, this.#start, this.#end);
    this.#slab = slab;
    this.#start = 0;
    if (before !== null) this.#options.slabs.release(before);
  }
}
