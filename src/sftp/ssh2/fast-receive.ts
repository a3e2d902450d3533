import type { Socket } from 'node:net';
import { BufferPool, holdersOf, releaseBytes } from '../../bytes/buffer-pool.js';
import { readIntoMemory, type SocketReader } from './socket-memory.js';

/**
 * Receives SSH packets into memory that is used again. With AES-GCM a packet's length is in the clear (RFC 5647 section 7.3), so
 * the transport can be given whole packets, and one that it is given whole it decrypts where it lies. With another cipher, and
 * with a transport or a socket that is built differently, everything stays as it was: what is handed on is then a copy.
 */

const lengthBytes = 4;
const tagBytes = 16;
/** RFC 4253 section 6.1; what is longer is the transport's to refuse. */
const maxPacketBytes = 35_000;

/**
 * Shorter packets are handed on as copies. The transport keeps views of some, such as the messages of a key exchange, which are not
 * that long; of what comes on a channel it keeps none.
 */
const minLentBytes = 16 * 1024;

/** Where a connection reads into while little comes. */
const quietBytes = 16 * 1024;
/** With less room than that, the next memory is taken: a read costs the same whatever it brings. */
const minFreeBytes = 64 * 1024;

/** What connections read into while much comes. Large enough that most packets lie whole in one. */
const slabs = new BufferPool(256 * 1024, 32);

/** How far the transport is in a packet. */
interface GcmDecipher {
  readonly _len: number;
  readonly _lenBytes: number;
  readonly _pktLen: number;
  readonly _tagPos: number;
}

function gcmDecipher(client: object): GcmDecipher | null {
  const protocol = Reflect.get(client, '_protocol') as { readonly _decipher?: object } | null | undefined;
  const decipher = protocol?._decipher;
  if (decipher?.constructor.name !== 'AESGCMDecipherBinding') return null;
  const { _len, _lenBytes, _pktLen, _tagPos } = decipher as Partial<GcmDecipher>;
  const isKnown = [_len, _lenBytes, _pktLen, _tagPos].every((value) => typeof value === 'number');
  return isKnown ? (decipher as GcmDecipher) : null;
}

/** Bytes that the transport lacks of what it has begun; 0 between packets. */
function missingBytes({ _len: length, _lenBytes: known, _pktLen: body, _tagPos: tag }: GcmDecipher): number {
  if (known === 0) return 0;
  if (known < lengthBytes) return lengthBytes - known;
  return length - body + (tagBytes - tag);
}

const receiving = new WeakSet<Socket>();

/**
 * From after the event that is being told on, the connection's packets come this way, if it can be. To be called by whoever takes
 * what is lent on the connection's channels for such (bytes/buffer-pool.ts); a second call does nothing.
 */
export function receiveFast(client: object, socket: Socket): void {
  if (receiving.has(socket)) return;
  receiving.add(socket);
  setImmediate(() => {
    if (gcmDecipher(client) !== null) readIntoMemory(socket, new PacketReceiver(client, socket));
  });
}

class PacketReceiver implements SocketReader {
  readonly #client: object;
  readonly #socket: Socket;
  readonly #quiet = Buffer.allocUnsafeSlow(quietBytes);
  #slab: Buffer | null = null;
  /** What has come and was not handed on lies between these. */
  #start = 0;
  #end = 0;

  constructor(client: object, socket: Socket) {
    this.#client = client;
    this.#socket = socket;
  }

  buffer(): Uint8Array {
    return this.#memory.subarray(this.#end);
  }

  get #memory(): Buffer {
    return this.#slab ?? this.#quiet;
  }

  received(byteLength: number): void {
    this.#end += byteLength;
    while (this.#deliverNext());
    this.#ensureBuffer(byteLength);
  }

  /** False when more has to come first. */
  #deliverNext(): boolean {
    const available = this.#end - this.#start;
    if (available === 0 || this.#socket.destroyed) return false;
    const decipher = gcmDecipher(this.#client);
    if (decipher === null) return this.#deliverCopy(available);
    const missing = missingBytes(decipher);
    if (missing > 0) return this.#deliverCopy(Math.min(missing, available));
    if (available < lengthBytes) return false;
    const length = lengthBytes + this.#memory.readUInt32BE(this.#start) + tagBytes;
    if (length > maxPacketBytes) return this.#deliverCopy(available);
    if (available < length) return false;
    if (length < minLentBytes || this.#slab === null) return this.#deliverCopy(length);
    this.#deliver(this.#slab.subarray(this.#start, this.#start + length));
    this.#start += length;
    return true;
  }

  #deliverCopy(length: number): true {
    this.#deliver(Buffer.from(this.#memory.subarray(this.#start, this.#start + length)));
    this.#start += length;
    return true;
  }

  /** The transport listens for this, and treats its own errors. */
  #deliver(bytes: Buffer): void {
    this.#socket.emit('data', bytes);
  }

  #ensureBuffer(lastRead: number): void {
    const rest = this.#end - this.#start;
    const isQuiet = rest === 0 && lastRead < quietBytes;
    const isOurs = this.#slab !== null && holdersOf(this.#slab) === 1;
    if (isQuiet || (rest === 0 && isOurs)) {
      if (isQuiet) this.#moveTo(null);
      this.#start = 0;
      this.#end = 0;
    } else if (this.#slab === null || this.#slab.byteLength - this.#end < minFreeBytes) {
      this.#moveTo(slabs.lend());
    }
  }

  /** Goes on in other memory, with what was not handed on. */
  #moveTo(slab: Buffer | null): void {
    const before = this.#slab;
    const length = this.#memory.copy(slab ?? this.#quiet, 0, this.#start, this.#end);
    this.#slab = slab;
    this.#start = 0;
    this.#end = length;
    if (before !== null) releaseBytes(before);
  }
}
