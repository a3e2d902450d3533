import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checksumOf } from '../../bytes/running-checksum.js';
import { content, mebibyte, quickClock } from '../testing/vault-world.js';
import { ClientSignal } from './client-signal.js';
import { UploadBuffer } from './upload-buffer.js';
import { blockBytes, UploadMemory } from './upload-memory.js';

const bytes = content(8 * blockBytes);

function bufferAt(start = 0) {
  const memory = new UploadMemory({ totalBytes: 32 * mebibyte, admissionTimeoutMs: 1, clock: quickClock });
  const share = memory.openShare();
  const buffer = new UploadBuffer(share, 'crc32c', start);
  /** Writes bytes of the file, with the blocks that they need. */
  const write = (from: number, to: number, source: Buffer = bytes): void => {
    for (let at = from; at < to; ) {
      const index = Math.floor(at / blockBytes);
      const end = Math.min(to, (index + 1) * blockBytes);
      if (!buffer.has(index)) {
        const isAhead = index > Math.floor(buffer.frontier / blockBytes);
        const block = isAhead ? share.tryTakeAhead() : share.tryTake();
        if (block === null) throw new Error('no memory');
        // Old bytes of a block must not become bytes of the file.
        buffer.add(index, block.fill(0xee), isAhead);
      }
      buffer.write(at, source.subarray(at, end));
      at = end;
    }
  };
  return { memory, share, buffer, write };
}

const sent = (out: { readonly body: { readonly chunks: readonly Uint8Array[] } }) =>
  Buffer.concat(out.body.chunks);

describe('the bytes of an upload in memory', () => {
  it('are put in order, whatever the order of writes', () => {
    const pieces = fc.shuffledSubarray(
      Array.from({ length: 8 }, (_, at) => at),
      { minLength: 8 },
    );
    fc.assert(
      fc.property(pieces, fc.constantFrom(blockBytes, blockBytes / 2, 1000), (order, size) => {
        const { buffer, write, memory } = bufferAt();
        const done = new Set<number>();
        for (const piece of order) {
          write(piece * size, (piece + 1) * size);
          done.add(piece);
          let inOrder = 0;
          while (done.has(inOrder)) inOrder += 1;
          expect(buffer.frontier).toBe(inOrder * size);
          expect(buffer.waitingBytes).toBe(inOrder * size);
          const first = [...done].filter((at) => at > inOrder).sort((a, b) => a - b)[0];
          expect(buffer.islandStart).toBe(first === undefined ? null : first * size);
        }
        const out = buffer.takeOut(8 * size);
        expect(sent(out).equals(bytes.subarray(0, 8 * size))).toBe(true);
        expect(out.body.checksum).toEqual(checksumOf('crc32c', bytes.subarray(0, 8 * size)));
        out.release();
        out.release();
        expect(memory.statistics.heldBytes).toBe(0);
      }),
      { numRuns: 40 },
    );
  });

  it('have the checksum of the last bytes at each offset, also if they are written again', () => {
    const { buffer, write } = bufferAt();
    const other = content(8 * blockBytes, 'other');
    write(0, 1000);
    write(1000, blockBytes + 10);
    write(500, 600, other);
    write(blockBytes, blockBytes + 10, other);
    const expected = Buffer.from(bytes.subarray(0, blockBytes + 10));
    other.copy(expected, 500, 500, 600);
    other.copy(expected, blockBytes, blockBytes, blockBytes + 10);
    expect(buffer.frontier).toBe(blockBytes + 10);
    const { checksum } = buffer.wholeBody();
    expect(checksum).toEqual(checksumOf('crc32c', expected));
    expect(Buffer.from(buffer.copyOut()).equals(expected)).toBe(true);
    // The bytes are still there, and may grow.
    write(blockBytes + 10, blockBytes + 20);
    const whole = Buffer.concat([expected, bytes.subarray(blockBytes + 10, blockBytes + 20)]);
    expect(buffer.wholeBody().checksum).toEqual(checksumOf('crc32c', whole));
  });

  it('are sent from the first on, in whole blocks until the last', () => {
    const { buffer, write, memory } = bufferAt();
    write(0, 3 * blockBytes + 5);
    const first = buffer.takeOut(blockBytes);
    expect(sent(first).equals(bytes.subarray(0, blockBytes))).toBe(true);
    expect([buffer.sentEnd, buffer.waitingBytes]).toEqual([blockBytes, 2 * blockBytes + 5]);
    expect([buffer.has(0), buffer.has(1)]).toEqual([false, true]);
    expect(Buffer.from(buffer.copyOut()).equals(bytes.subarray(blockBytes, 3 * blockBytes + 5))).toBe(true);
    const second = buffer.takeOut(2 * blockBytes + 5);
    expect(sent(second).equals(bytes.subarray(blockBytes, 3 * blockBytes + 5))).toBe(true);
    expect(second.body.byteLength).toBe(2 * blockBytes + 5);
    expect(second.body.checksum).toEqual(
      checksumOf('crc32c', bytes.subarray(blockBytes, 3 * blockBytes + 5)),
    );
    first.release();
    second.release();
    expect(memory.statistics.heldBytes).toBe(0);
  });

  it('may begin behind bytes that S3 has', () => {
    const { buffer, write } = bufferAt(2 * blockBytes);
    expect([buffer.sentEnd, buffer.frontier, buffer.waitingBytes]).toEqual([
      2 * blockBytes,
      2 * blockBytes,
      0,
    ]);
    write(2 * blockBytes, 3 * blockBytes);
    expect(sent(buffer.takeOut(blockBytes)).equals(bytes.subarray(2 * blockBytes, 3 * blockBytes))).toBe(
      true,
    );
  });

  it('are zeros where they are filled', () => {
    const { buffer, write } = bufferAt();
    write(0, 10);
    buffer.writeZeros(10, 90);
    expect(buffer.frontier).toBe(100);
    // The zeros end with their block.
    buffer.writeZeros(100, 2 * blockBytes);
    expect(buffer.frontier).toBe(blockBytes);
    const expected = Buffer.concat([bytes.subarray(0, 10)], blockBytes);
    expect(sent(buffer.takeOut(blockBytes)).equals(expected)).toBe(true);
    expect(() => buffer.writeZeros(blockBytes, 1)).toThrow('not in memory');
  });

  it('can be received into their memory', () => {
    const { buffer, write } = bufferAt();
    write(0, 10);
    const space = buffer.spaceAt(10, 20);
    expect(space.byteLength).toBe(20);
    space.set(bytes.subarray(10, 30));
    expect(buffer.frontier).toBe(10);
    buffer.spaceFilled(10, 20);
    expect(buffer.frontier).toBe(30);
    expect(buffer.spaceAt(30, blockBytes).byteLength).toBe(blockBytes - 30);
    expect(buffer.wholeBody().checksum).toEqual(checksumOf('crc32c', bytes.subarray(0, 30)));
  });

  it.each([
    [0, 0],
    [10, 10],
    [blockBytes, blockBytes],
    [blockBytes + 1, blockBytes + 1],
    [3 * blockBytes, 2 * blockBytes + 50],
  ])('are dropped from %i on', (size, frontier) => {
    const { buffer, write, memory } = bufferAt();
    write(0, 2 * blockBytes + 50);
    write(4 * blockBytes, 5 * blockBytes);
    write(2 * blockBytes + 100, 2 * blockBytes + 200);
    buffer.cut(size);
    expect(buffer.frontier).toBe(frontier);
    expect(buffer.islandStart).toBe(size > 2 * blockBytes + 100 ? 2 * blockBytes + 100 : null);
    expect(buffer.has(4)).toBe(false);
    expect(memory.statistics.heldBytes).toBe(Math.ceil(size / blockBytes) * blockBytes);
    // Data that is written then has its own bytes and checksum.
    const other = content(8 * blockBytes, 'other');
    write(frontier, 3 * blockBytes, other);
    const expected = Buffer.concat([bytes.subarray(0, frontier), other.subarray(frontier, 3 * blockBytes)]);
    const out = buffer.takeOut(3 * blockBytes);
    expect(sent(out).equals(expected)).toBe(true);
    expect(out.body.checksum).toEqual(checksumOf('crc32c', expected));
  });

  it('return all their memory at the end', () => {
    const { buffer, write, memory, share } = bufferAt();
    write(0, 3 * blockBytes);
    write(4 * blockBytes, 6 * blockBytes);
    expect(memory.statistics.heldBytes).toBe(5 * blockBytes);
    buffer.clear();
    share.close();
    expect(memory.statistics).toEqual({ heldBytes: 0, claimedBytes: 0, waiting: 0 });
  });

  it('count as ordered once the gap before them is filled', () => {
    const { buffer, write, share } = bufferAt();
    write(0, 10);
    write(blockBytes, 2 * blockBytes);
    expect([share.held, share.heldAhead]).toEqual([1, 1]);
    write(10, blockBytes - 1);
    expect([share.held, share.heldAhead]).toEqual([1, 1]);
    write(blockBytes - 1, blockBytes);
    expect([share.held, share.heldAhead, buffer.frontier]).toEqual([2, 0, 2 * blockBytes]);
  });
});

describe('the client of an upload', () => {
  it('is followed from one session to the next, until the upload continues without one', () => {
    let ended = 0;
    const client = new ClientSignal(() => {
      ended += 1;
    });
    const callWith = (signal: AbortSignal) => ({ id: '', signal, log: console }) as never;
    const [first, second, third, gone] = [0, 1, 2, 3].map(() => new AbortController());
    client.follow(callWith(first?.signal as AbortSignal));
    client.follow(callWith(second?.signal as AbortSignal));
    first?.abort();
    expect(ended).toBe(0);
    second?.abort();
    expect(ended).toBe(1);
    client.follow(callWith(third?.signal as AbortSignal));
    client.release();
    third?.abort();
    expect(ended).toBe(1);
    gone?.abort();
    client.follow(callWith(gone?.signal as AbortSignal));
    expect(ended).toBe(2);
  });
});
