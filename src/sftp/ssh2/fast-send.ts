import { randomFillSync } from 'node:crypto';
import type { Socket } from 'node:net';
import type { Writable } from 'node:stream';
import { releaseBytes } from '../../bytes/buffer-pool.js';

/**
 * Sends channel data past the transport's own writer where that is the same on the wire and cheaper: every SSH packet is put
 * together from the pieces in one copy, in a buffer that is used again once the socket has taken it, with padding from random
 * bytes drawn many at a time. It knows one cipher, AES-GCM by the native add-on; everything else, and whatever looks other than
 * expected, is left to the transport.
 */

/** RFC 4253 section 6.1: the data that a packet carries here, as the transport cuts it. */
const maxDataBytes = 32 * 1024;
/** Length, padding length; message, channel, length of the data. */
const packetHeadBytes = 4 + 1;
const headBytes = packetHeadBytes + 1 + 4 + 4;
const blockBytes = 16;
const tagBytes = 16;
const maxPaddingBytes = blockBytes + 3;
const bufferBytes = headBytes + maxDataBytes + maxPaddingBytes + tagBytes;
const messageChannelData = 94;

interface GcmCipher {
  readonly _dead: boolean;
  readonly _instance: { encrypt(packet: Uint8Array): void };
  outSeqno: number;
}

/** What is used of the transport's channel beyond a stream. */
interface ChannelParts {
  readonly writableLength: number;
  /** True asks for `_chunkcb` to be called when the window has been widened; `_chunk` would be sent before. */
  _waitWindow: boolean;
  _chunk: unknown;
  _chunkcb: unknown;
  readonly outgoing: { id: number; window: number; packetSize: number; state: string };
  readonly _client: { readonly _protocol: { readonly _kexinit: unknown; readonly _cipher: object } };
}

function gcmCipher({ _client: client }: ChannelParts): GcmCipher | null {
  const cipher = client?._protocol?._cipher;
  if (cipher?.constructor?.name !== 'AESGCMCipherBinding') return null;
  const parts = cipher as Partial<GcmCipher>;
  const isKnown = typeof parts._instance?.encrypt === 'function' && typeof parts.outSeqno === 'number';
  return isKnown && parts._dead === false ? (parts as GcmCipher) : null;
}

/** Buffers that are free, for all connections. */
const freeBuffers: Buffer[] = [];
const maxFreeBuffers = 128;

/** Random bytes that have not been used. Each is used once. */
const randomness = Buffer.alloc(16 * 1024);
let randomnessUsed = randomness.byteLength;

function pad(packet: Buffer, from: number, to: number): void {
  if (randomnessUsed + maxPaddingBytes > randomness.byteLength) {
    randomFillSync(randomness);
    randomnessUsed = 0;
  }
  randomness.copy(packet, from, randomnessUsed, randomnessUsed + to - from);
  randomnessUsed += to - from;
}

/** Pieces that wait, taken in order, and released when they are used up. */
class PieceQueue {
  #pieces: Uint8Array[] = [];
  #first = 0;
  #offset = 0;
  byteLength = 0;

  push(pieces: readonly Uint8Array[]): void {
    for (const piece of pieces) {
      if (piece.byteLength === 0) continue;
      this.#pieces.push(piece);
      this.byteLength += piece.byteLength;
    }
  }

  /** Moves the next `to - from` bytes, which are there, into the target. */
  moveTo(target: Buffer, from: number, to: number): void {
    let at = from;
    while (at < to) {
      const piece = this.#pieces[this.#first];
      if (piece === undefined) throw new RangeError('fewer bytes wait than were asked for');
      const end = Math.min(piece.byteLength, this.#offset + to - at);
      target.set(
        this.#offset === 0 && end === piece.byteLength ? piece : piece.subarray(this.#offset, end),
        at,
      );
      at += end - this.#offset;
      this.#offset = end;
      if (end === piece.byteLength) {
        releaseBytes(piece);
        this.#first += 1;
        this.#offset = 0;
      }
    }
    this.byteLength -= to - from;
    if (this.#first < this.#pieces.length && this.#first < 64) return;
    this.#pieces = this.#pieces.slice(this.#first);
    this.#first = 0;
  }

  takeAll(): Buffer {
    const all = Buffer.allocUnsafe(this.byteLength);
    this.moveTo(all, 0, all.byteLength);
    return all;
  }
}

function sendPacket(
  socket: Socket,
  cipher: GcmCipher,
  channelId: number,
  data: PieceQueue,
  length: number,
): void {
  const payloadEnd = headBytes + length;
  // RFC 5647 section 7.2: the length field is not part of what is padded to whole blocks.
  let padding = blockBytes - ((payloadEnd - 4) % blockBytes);
  if (padding < 4) padding += blockBytes;
  const paddingEnd = payloadEnd + padding;
  const buffer = freeBuffers.pop() ?? Buffer.allocUnsafeSlow(bufferBytes);
  const packet = buffer.subarray(0, paddingEnd + tagBytes);
  packet.writeUInt32BE(paddingEnd - 4, 0);
  packet[4] = padding;
  packet[5] = messageChannelData;
  packet.writeUInt32BE(channelId, 6);
  packet.writeUInt32BE(length, 10);
  data.moveTo(packet, headBytes, payloadEnd);
  pad(packet, payloadEnd, paddingEnd);
  cipher._instance.encrypt(packet);
  cipher.outSeqno = (cipher.outSeqno + 1) >>> 0;
  socket.write(packet, (error) => {
    if (!error && freeBuffers.length < maxFreeBuffers) freeBuffers.push(buffer);
  });
}

/** Sends the data of one channel in order, the cheap way where it can. */
export class ChannelSender {
  readonly #channel: ChannelParts & { write(bytes: Buffer): unknown };
  readonly #socket: Socket;
  readonly #queue = new PieceQueue();
  readonly #onEmpty: () => void;

  /** `onEmpty` is called when bytes had to wait for the client's window and have all been sent. */
  constructor(channel: Writable, socket: Socket, onEmpty: () => void) {
    this.#channel = channel as unknown as ChannelParts & { write(bytes: Buffer): unknown };
    this.#socket = socket;
    this.#onEmpty = onEmpty;
  }

  /** Bytes that wait here, those in the channel and in the socket not counted. */
  get byteLength(): number {
    return this.#queue.byteLength;
  }

  send(pieces: readonly Uint8Array[]): void {
    this.#queue.push(pieces);
    this.#flush();
  }

  #flush(): void {
    const channel = this.#channel;
    const cipher = gcmCipher(channel);
    if (cipher === null || !this.#isFastNow()) {
      if (this.#queue.byteLength > 0) channel.write(this.#queue.takeAll());
      return;
    }
    const { outgoing } = channel;
    const maxPacketBytes = Math.min(outgoing.packetSize, maxDataBytes);
    while (this.#queue.byteLength > 0 && outgoing.window > 0) {
      const length = Math.min(this.#queue.byteLength, outgoing.window, maxPacketBytes);
      outgoing.window -= length;
      sendPacket(this.#socket, cipher, outgoing.id, this.#queue, length);
    }
    if (this.#queue.byteLength > 0) {
      // What the transport does for a writer of its own that is out of window; a chunk left over from one must not go again.
      channel._chunk = undefined;
      channel._chunkcb = () => {
        this.#flush();
        if (this.#queue.byteLength === 0) this.#onEmpty();
      };
      channel._waitWindow = true;
    }
  }

  #isFastNow(): boolean {
    const { outgoing, writableLength, _client: client, _waitWindow: waits } = this.#channel;
    return (
      // What the channel itself holds back goes first.
      writableLength === 0 &&
      client._protocol._kexinit === undefined &&
      typeof waits === 'boolean' &&
      outgoing?.state === 'open' &&
      outgoing.packetSize > 0 &&
      this.#socket.writable
    );
  }
}
