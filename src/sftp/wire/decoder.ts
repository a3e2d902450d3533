import { ChunkQueue } from './chunk-queue.js';
import { handleBytes, maxPacketBytes, packetType } from './constants.js';
import { parseRequest } from './parse-request.js';
import type { Request } from './requests.js';

/** The packet boundaries of the stream are lost. Nothing after this point can be decoded. */
export class FramingError extends Error {
  constructor(reason: string) {
    super(reason);
    this.name = 'FramingError';
  }
}

/** Size of the fields before the handle: packet length, type, id and handle length. */
const writeHeadBytes = 4 + 1 + 4 + 4;
/** Size of the fields between handle and data: offset and data length. */
const writeTailBytes = 8 + 4;

/**
 * Splits a byte stream into requests. `push` adds bytes, and `next` returns requests. The decoder holds one
 * incomplete packet and the bytes that were pushed after it. The data of a WRITE is returned as views of the
 * pushed buffers. The caller releases them once the request is answered.
 */
export class RequestDecoder {
  readonly #queue = new ChunkQueue();
  readonly #maxPacketBytes: number;

  /** `maxBytes` is the max size of a packet without its length field. */
  constructor(maxBytes: number = maxPacketBytes) {
    this.#maxPacketBytes = maxBytes;
  }

  /** Pushed bytes that `next` has not yet returned. */
  get byteLength(): number {
    return this.#queue.byteLength;
  }

  /** Adds the next bytes of the stream without copying them. Lent bytes are retained. */
  push(chunk: Uint8Array): void {
    this.#queue.push(chunk);
  }

  /**
   * Returns the next complete request, or null if more bytes are needed. After it has thrown `FramingError`,
   * it always does.
   */
  next(): Request | null {
    const queue = this.#queue;
    if (queue.byteLength < 4) return null;
    const length = queue.peekUint32();
    if (length < 5) throw new FramingError(`a packet of ${length} bytes is too short for a type and an id`);
    if (length > this.#maxPacketBytes) {
      throw new FramingError(`a packet of ${length} bytes exceeds the max of ${this.#maxPacketBytes} bytes`);
    }
    if (queue.byteLength < 4 + length) return null;
    const head = queue.peek(Math.min(writeHeadBytes, 4 + length));
    if (head[4] === packetType.write) return this.#takeWrite(length, head);
    queue.skip(4);
    const request = parseRequest(queue.take(length));
    if (request === null) throw new FramingError('a packet is too short for a type and an id');
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
    if (head.byteLength < writeHeadBytes) return malformed('a field extends beyond the packet', 0);
    const handleLength = fixed.getUint32(9);
    // The gateway's handles are short. A longer one is unknown, but the packet's length is still valid.
    if (handleLength > 4 * handleBytes) return malformed('the handle is unknown', 0);
    const headLength = writeHeadBytes + handleLength + writeTailBytes;
    if (headLength > 4 + length) return malformed('a field extends beyond the packet', 0);
    const fields = queue.take(headLength);
    const view = new DataView(fields.buffer, fields.byteOffset, fields.byteLength);
    const offsetAt = writeHeadBytes + handleLength;
    const high = view.getUint32(offsetAt);
    const byteLength = view.getUint32(offsetAt + 8);
    if (high > 0x1fffff) return malformed('an offset or a size is above 2^53 - 1', headLength);
    if (byteLength > 4 + length - headLength)
      return malformed('a field extends beyond the packet', headLength);
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
