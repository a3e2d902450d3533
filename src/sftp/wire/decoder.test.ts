import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BufferPool, holdersOf, releaseBytes } from '../../bytes/buffer-pool.js';
import { arbitraryRequest } from '../testing/arbitrary-request.js';
import { encodeRequest, packet, string, uint32, uint64 } from '../testing/encode-request.js';
import { announcedLimits, maxPacketBytes, packetType } from './constants.js';
import { FramingError, RequestDecoder } from './decoder.js';
import type { Request } from './requests.js';

/** Cuts the bytes at these offsets. An offset beyond the end wraps around. */
function pieces(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const at = [...new Set(cuts.map((cut) => cut % (bytes.byteLength + 1)))].sort((a, b) => a - b);
  return [0, ...at].map((from, index) => bytes.subarray(from, at[index] ?? bytes.byteLength));
}

function decodeAll(chunks: readonly Uint8Array[], decoder = new RequestDecoder()): Request[] {
  const requests: Request[] = [];
  for (const chunk of chunks) {
    decoder.push(chunk);
    for (let next = decoder.next(); next !== null; next = decoder.next()) requests.push(next);
  }
  expect(decoder.byteLength).toBe(0);
  return requests;
}

/** Returns the request with its bytes as hex, so that views and copies compare equal. */
function plain(request: Request): unknown {
  const bytesAsHex = Object.entries(request).map(([name, value]) => [
    name,
    value instanceof Uint8Array
      ? Buffer.from(value).toString('hex')
      : name === 'chunks'
        ? Buffer.concat(value as Uint8Array[]).toString('hex')
        : value,
  ]);
  return Object.fromEntries(bytesAsHex);
}

describe('the request decoder', () => {
  it('decodes every request, however its bytes are split', () => {
    const requests = fc.array(arbitraryRequest, { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(requests, fc.array(fc.nat(), { maxLength: 30 }), (sent, cuts) => {
        const bytes = Buffer.concat(sent.map(encodeRequest));
        expect(decodeAll(pieces(bytes, cuts)).map(plain)).toEqual(sent.map(plain));
      }),
      { numRuns: 500 },
    );
  });

  it('retains lent bytes for the data of a WRITE and copies all other fields', () => {
    const requests = fc.array(arbitraryRequest, { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(requests, fc.array(fc.nat(), { maxLength: 30 }), (sent, cuts) => {
        const bytes = Buffer.concat(sent.map(encodeRequest));
        const pool = new BufferPool(bytes.byteLength + 1, 0);
        const decoder = new RequestDecoder();
        const lent: Buffer[] = [];
        const received: Request[] = [];
        for (const piece of pieces(bytes, cuts)) {
          const memory = pool.lend();
          lent.push(memory);
          piece.copy(memory);
          decoder.push(memory.subarray(0, piece.byteLength));
          releaseBytes(memory);
          // The pool reuses memory that nothing holds.
          for (const free of lent) if (holdersOf(free) === 0) free.fill(0xee);
          for (let next = decoder.next(); next !== null; next = decoder.next()) received.push(next);
        }
        for (const free of lent) if (holdersOf(free) === 0) free.fill(0xee);
        expect(received.map(plain)).toEqual(sent.map(plain));
        for (const request of received) if (request.type === 'write') request.chunks.forEach(releaseBytes);
        expect(lent.map(holdersOf)).toEqual(lent.map(() => 0));
      }),
      { numRuns: 300 },
    );
  });

  it('returns requests or throws FramingError, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        const decoder = new RequestDecoder();
        decoder.push(bytes);
        try {
          while (decoder.next() !== null);
        } catch (error) {
          expect(error).toBeInstanceOf(FramingError);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('returns a request with the id of the packet for any type and body', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 255 }), fc.uint8Array({ maxLength: 80 }), (type, body) => {
        const [request] = decodeAll([packet(type, uint32(77), body)]);
        expect(request).toMatchObject({ id: 77 });
      }),
      { numRuns: 2000 },
    );
  });

  it('returns the data of a WRITE as views of the pushed buffers', () => {
    const data = Buffer.alloc(100_000, 'x');
    const bytes = encodeRequest({
      type: 'write',
      id: 1,
      handle: Buffer.alloc(8),
      offset: 5,
      chunks: [data],
      byteLength: data.byteLength,
    });
    const fed = [bytes.subarray(0, 32_768), bytes.subarray(32_768, 65_536), bytes.subarray(65_536)];
    const [request] = decodeAll(fed);
    if (request?.type !== 'write') throw new Error('not a write');
    expect(request.chunks).toHaveLength(3);
    for (const chunk of request.chunks) expect(chunk.buffer).toBe(bytes.buffer);
    expect(Buffer.concat(request.chunks).equals(data)).toBe(true);
  });

  it('accepts a WRITE of the announced size and of 256 KiB', () => {
    for (const size of [announcedLimits.writeBytes, 256 * 1024]) {
      const chunks = [Buffer.alloc(size)];
      const bytes = encodeRequest({
        type: 'write',
        id: 1,
        handle: Buffer.alloc(8),
        offset: 0,
        chunks,
        byteLength: size,
      });
      expect(decodeAll([bytes])[0]).toMatchObject({ type: 'write', byteLength: size });
    }
  });

  it.each([
    ['zero', 0],
    ['four bytes', 4],
    ['more than the max', maxPacketBytes + 1],
    ['four gigabytes', 0xffffffff],
  ])('refuses a packet with a length of %s before its bytes arrive', (_, length) => {
    const decoder = new RequestDecoder();
    decoder.push(uint32(length));
    expect(() => decoder.next()).toThrow(FramingError);
    expect(() => decoder.next()).toThrow(FramingError);
  });

  it.each([
    [
      'its handle extends beyond the packet',
      packet(packetType.write, uint32(7), uint32(30), Buffer.alloc(9)),
    ],
    [
      'its handle is absurdly long',
      packet(packetType.write, uint32(7), uint32(0xffffffff), Buffer.alloc(99)),
    ],
    [
      'its data extends beyond the packet',
      packet(packetType.write, uint32(7), string(Buffer.alloc(8)), uint64(0), uint32(11), Buffer.alloc(10)),
    ],
    [
      'its offset is above 2^53 - 1',
      packet(packetType.write, uint32(7), string(Buffer.alloc(8)), Buffer.alloc(8, 0xff), string('abc')),
    ],
    ['it ends after the id', packet(packetType.write, uint32(7))],
  ])('reports a WRITE as malformed if %s, and continues with the next packet', (_, bytes) => {
    const after = encodeRequest({ type: 'realpath', id: 8, path: Buffer.from('/') });
    const requests = decodeAll([Buffer.concat([bytes, after])]);
    expect(requests).toMatchObject([
      { type: 'malformed', id: 7 },
      { type: 'realpath', id: 8 },
    ]);
  });

  it('reports unsupported extensions and packet types as unknown', () => {
    const foreign = packet(packetType.extended, uint32(1), string('vendor-id'), string('/a'), string('/b'));
    const proto = packet(packetType.extended, uint32(2), string('constructor'));
    expect(decodeAll([foreign, proto, packet(99, uint32(3))])).toMatchObject([
      { type: 'unknown', id: 1, what: 'the extension "vendor-id"' },
      { type: 'unknown', id: 2 },
      { type: 'unknown', id: 3, what: 'the packet type 99' },
    ]);
  });

  it('skips extended attributes and refuses unknown attribute flags', () => {
    const extendedPair = [uint32(0x80000000), uint32(1), string('k@x'), string('v')];
    const path = string('/d');
    expect(decodeAll([packet(packetType.mkdir, uint32(1), path, ...extendedPair)])).toMatchObject([
      { type: 'mkdir', attributes: {} },
    ]);
    expect(decodeAll([packet(packetType.mkdir, uint32(1), path, uint32(0x10))])).toMatchObject([
      { type: 'malformed', reason: 'unknown attribute flags' },
    ]);
  });
});
