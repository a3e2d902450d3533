import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { content, mebibyte, quickClock, seededEntropy } from '../testing/vault-world.js';
import { ScratchSpace } from './scratch-file.js';
import { blockBytes, UploadMemory } from './upload-memory.js';
import { UploadReceiver } from './upload-receiver.js';

const directory = mkdtempSync(join(tmpdir(), 'receiver-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const windowBytes = 4 * blockBytes;
const bytes = content(16 * blockBytes);
const holder = { signal: new AbortController().signal, sendGathered: () => false };

function setUp(totalBytes = 16 * mebibyte) {
  const memory = new UploadMemory({ totalBytes, admissionTimeoutMs: 60_000, clock: quickClock });
  const entropy = seededEntropy('receiver');
  const space = new ScratchSpace({
    directory,
    limitBytes: 64 * mebibyte,
    patienceMs: 60_000,
    clock: quickClock,
    entropy,
  });
  const share = memory.openShare();
  const receiver = new UploadReceiver(share, space, holder, windowBytes, 'crc32c', () =>
    share.take(holder.signal),
  );
  /** Places the bytes of a range, block by block. */
  const place = async (start: number, end: number) => {
    for (let at = start; at < end; ) {
      const next = Math.min(end, (Math.floor(at / blockBytes) + 1) * blockBytes);
      await receiver.place(at, bytes.subarray(at, next));
      at = next;
    }
  };
  const inMemory = (start: number, end: number) => receiver.buffer.spaceAt(start, end - start);
  return { memory, space, receiver, place, inMemory };
}

describe('bytes that arrive out of order', () => {
  it('go to memory within the window, and to the scratch file behind it', async () => {
    const { space, receiver, place } = setUp();
    await using _ = receiver;
    await place(0, 100);
    // The window begins at the first missing byte.
    await place(3 * blockBytes, 100 + windowBytes - 1);
    await place(100 + windowBytes - 1, 100 + windowBytes);
    expect(space.usedBytes).toBe(0);
    await place(5 * blockBytes, 5 * blockBytes + 1);
    expect(space.usedBytes).toBe(16);
    expect(receiver.buffer.frontier).toBe(100);
  });

  it('go to the scratch file, not to the memory of others, although they are in the next block', async () => {
    const { memory, space, receiver, place } = setUp(6 * mebibyte);
    await using _ = receiver;
    // Another upload has all memory but that of one upload that is admitted.
    const other = memory.openShare();
    for (let block = 0; block < 3; block += 1) expect(other.tryTakeAhead()).not.toBeNull();
    const before = memory.statistics.heldBytes;
    await place(2 * blockBytes, 2 * blockBytes + 100);
    expect(space.usedBytes).toBe(112);
    expect(memory.statistics.heldBytes).toBe(before);
  });

  it.each([
    ['nothing', [], null],
    ['bytes in memory', [2 * blockBytes], 2 * blockBytes],
    ['bytes on disk', [9 * blockBytes], 9 * blockBytes],
    ['both', [9 * blockBytes, 2 * blockBytes + 5], 2 * blockBytes + 5],
    ['bytes on disk that come first', [10 * blockBytes, 9 * blockBytes], 9 * blockBytes],
  ] as const)('end a gap: %s behind it', async (_name, starts, gapEnd) => {
    const { receiver, place } = setUp();
    await using _ = receiver;
    for (const start of starts) await place(start, start + 10);
    expect(receiver.gapEnd).toBe(gapEnd);
  });

  it('on disk end a gap before those in memory, if they come first', async () => {
    const { receiver, place } = setUp();
    await using _ = receiver;
    await place(9 * blockBytes, 9 * blockBytes + 10);
    await place(0, 7 * blockBytes);
    await place(10 * blockBytes, 10 * blockBytes + 10);
    expect(receiver.buffer.islandStart).toBe(10 * blockBytes);
    // Zeros up to the bytes in memory would replace those on disk.
    expect(receiver.gapEnd).toBe(9 * blockBytes);
  });

  it('are moved from the scratch file when their turn comes, not before', async () => {
    const { space, receiver, place, inMemory } = setUp();
    await using _ = receiver;
    expect(receiver.mayDrain).toBe(false);
    await place(6 * blockBytes + 7, 8 * blockBytes);
    expect(receiver.mayDrain).toBe(false);
    await place(0, 6 * blockBytes + 6);
    expect([receiver.buffer.frontier, receiver.mayDrain]).toEqual([6 * blockBytes + 6, false]);
    await place(6 * blockBytes + 6, 6 * blockBytes + 7);
    while (receiver.mayDrain) await receiver.drainSome();
    expect(receiver.buffer.frontier).toBe(8 * blockBytes);
    for (let at = 0; at < 8 * blockBytes; at += blockBytes)
      expect(inMemory(at, at + blockBytes).equals(bytes.subarray(at, at + blockBytes))).toBe(true);
    expect(space.usedBytes).toBe(0);
    await receiver.drainSome();
    expect(receiver.buffer.frontier).toBe(8 * blockBytes);
  });

  it('replace those on disk that were received before', async () => {
    const { receiver, inMemory } = setUp();
    await using _ = receiver;
    const [first, second] = [Buffer.alloc(10, 1), Buffer.alloc(4, 2)];
    await receiver.place(6 * blockBytes, first);
    await receiver.place(0, bytes.subarray(0, 3));
    for (let at = 3; at < 6 * blockBytes; ) at += await receiver.zeroSome(6 * blockBytes);
    // The block is in memory now, so the newer bytes go there.
    await receiver.drainSome();
    await receiver.place(6 * blockBytes + 2, second);
    while (receiver.mayDrain) await receiver.drainSome();
    expect([...inMemory(6 * blockBytes, 6 * blockBytes + 10)]).toEqual([1, 1, 2, 2, 2, 2, 1, 1, 1, 1]);
    expect([...inMemory(0, 5)]).toEqual([...bytes.subarray(0, 3), 0, 0]);
  });
});

describe('the end of an upload', () => {
  it('gives memory and disk back, whatever was received', async () => {
    const { memory, space, receiver, place } = setUp();
    await place(0, 2 * blockBytes + 5);
    await place(4 * blockBytes, 5 * blockBytes);
    await place(12 * blockBytes, 13 * blockBytes);
    expect(memory.statistics.heldBytes).toBeGreaterThan(0);
    expect(space.usedBytes).toBeGreaterThan(0);
    await receiver[Symbol.asyncDispose]();
    expect(memory.statistics).toEqual({ heldBytes: 0, claimedBytes: 0, waiting: 0 });
    expect(space.usedBytes).toBe(0);
  });

  it('may be a smaller size, and what was behind it is gone', async () => {
    const { receiver, place } = setUp();
    await using _ = receiver;
    await place(0, 100);
    await place(2 * blockBytes, 2 * blockBytes + 10);
    await place(12 * blockBytes, 13 * blockBytes);
    receiver.cut(2 * blockBytes + 4);
    expect(receiver.gapEnd).toBe(2 * blockBytes);
    receiver.cut(50);
    expect([receiver.gapEnd, receiver.buffer.frontier]).toEqual([null, 50]);
  });
});
