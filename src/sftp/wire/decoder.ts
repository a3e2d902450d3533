import { ChunkQueue } from './chunk-queue.js';
import { handleBytes, maxPacketBytes, packetType } from './constants.js';
import { parseRequest } from './parse-request.js';
import type { Request } from './requests.js';

/** The stream no longer says where packets begin; nothing behind this point can be understood. */
export class FramingError extends Error {
  constructor(reason: string) {
    super(reason);
    this.name = 'BrokenFraming';
  }
}

/** Length, type, id, and the length of the handle. */
const writeHeadBytes = 4 + 1 + 4 + 4;
/** Offset and length of the data. */
const writeTailBytes = 8 + 4;

/**
 * Turns a byte stream into requests, whatever the pieces it comes in. Fed by `push`, asked by `next`; it holds at most
 * one unfinished packet and what was pushed behind it. The data of WRITE is handed on as views of the pushed buffers,
 * which are to be released once the request is answered.
 */
export class RequestDecoder {
  readonly #queue = new ChunkQueue();
  readonly #maxPacketBytes: number;

  /** `maxBytes` bounds one packet without its length field. */
  constructor(maxBytes: number = maxPacketBytes) {
    this.#maxPacketBytes = maxBytes;
  }

  /** Bytes that are held and not yet handed on. */
  get byteLength(): number {
    return this.#queue.byteLength;
  }

  /** Takes the next bytes of the stream. They are not copied, and held if they are lent. */
  push(chunk: Uint8Array): void {
    this.#queue.push(chunk);
  }

  /** The next whole request, null when more bytes are needed. Throws `FramingError`, from then on always. */
  next(): Request | null {
    const queue = this.#queue;
    if (queue.byteLength < 4) return null;
    const length = queue.peekUint32();
    if (length < 5) throw new FramingError(`a packet of ${length} bytes has no room for a type and an id`);
    if (length > this.#maxPacketBytes) {
      throw new FramingError(`a packet of ${length} bytes is longer than the ${this.#maxPacketBytes} taken`);
    }
    if (queue.byteLength < 4 + length) return null;
    const head = queue.peek(Math.min(writeHeadBytes, 4 + length));
    if (head[4] === packetType.write) return this.#takeWrite(length, head);
    queue.skip(4);
    const request = parseRequest(queue.take(length));
    if (request === null) throw new FramingError('a packet has no room for a type and an id');
    return request;
  }

  #takeWrite(length: number, head: Uint8Array): Request {
    const fixed = new DataView(head.buffer, head.byteOffset, head.byteLength);
    const id = fixed.getUint32(5);
    const queue = this.#queue;
    const malformed = (reason: string, taken: number): Request => {
      queue.skip(4 + length - taken);
      return { type: 'malformed', id, reason };
    };
    if (head.byteLength < writeHeadBytes) return malformed('a field reaches past the packet', 0);
    const handleLength = fixed.getUint32(9);
    // Ours are short. A longer one cannot be ours, but its frame is sound.
    if (handleLength > 4 * handleBytes) return malformed('the handle is none of ours', 0);
    const headLength = writeHeadBytes + handleLength + writeTailBytes;
    if (headLength > 4 + length) return malformed('a field reaches past the packet', 0);
    const fields = queue.take(headLength);
    const view = new DataView(fields.buffer, fields.byteOffset, fields.byteLength);
    const offsetAt = writeHeadBytes + handleLength;
    const high = view.getUint32(offsetAt);
    const byteLength = view.getUint32(offsetAt + 8);
    if (high > 0x1fffff) return malformed('an offset or a size is beyond 2^53 - 1', headLength);
    if (byteLength > 4 + length - headLength) return malformed('a field reaches past the packet', headLength);
    const chunks = queue.takeViews(byteLength);
    queue.skip(4 + length - headLength - byteLength);
    return {
      type: 'write',
      id,
      handle: fields.subarray(writeHeadBytes, offsetAt),
      offset: high * 0x1_0000_0000 + view.getUint32(offsetAt + 4),
      chunks,
      byteLength,
    };
  }
}
