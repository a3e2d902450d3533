import { getEventListeners, setMaxListeners } from 'node:events';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mebibyte, quickClock } from '../testing/vault-world.js';
import { blockBytes, reserveBytes, UploadMemory, type UploadShare } from './upload-memory.js';

const never = new AbortController().signal;
setMaxListeners(0, never);

function memoryOf(totalBytes: number): UploadMemory {
  return new UploadMemory({ totalBytes, admissionTimeoutMs: 60_000, clock: quickClock });
}

/** Takes blocks until the share gets no more. */
function takeAll(share: UploadShare): Buffer[] {
  const blocks: Buffer[] = [];
  for (let block = share.tryTake(); block !== null; block = share.tryTake()) blocks.push(block);
  return blocks;
}

const minBlocks = reserveBytes / blockBytes;

function takeMany(share: UploadShare, count: number): Buffer[] {
  return Array.from({ length: count }, () => share.tryTake() ?? Buffer.alloc(0));
}

describe('upload memory', () => {
  it('keeps the blocks of an upload for its next parts, and the peak of all uploads for the next one', () => {
    const memory = memoryOf(200 * blockBytes);
    const long = memory.openShare();
    const first = takeMany(long, 150);
    for (const block of first) long.giveBack(block);
    const second = takeMany(long, 150);
    expect(new Set([...first, ...second]).size).toBe(150);
    for (const block of second) long.giveBack(block);
    long.close();
    const next = memory.openShare();
    const third = takeMany(next, 150);
    expect(third.filter((block) => first.includes(block)).length).toBe(64);
  });

  it('never grants more than its total, and reuses the same blocks', () => {
    const memory = memoryOf(8 * mebibyte);
    const share = memory.openShare();
    const blocks = takeAll(share);
    expect(blocks.length * blockBytes).toBe(8 * mebibyte);
    for (const block of blocks) share.giveBack(block);
    share.close();
    expect(memory.statistics).toEqual({ heldBytes: 0, claimedBytes: 0, waiting: 0 });
    const again = takeAll(memory.openShare());
    expect(again.every((block) => blocks.includes(block))).toBe(true);
  });

  it('keeps the reserve of an admitted upload for that upload', () => {
    const memory = memoryOf(8 * mebibyte);
    const first = memory.openShare();
    first.tryTake();
    first.tryTake();
    const second = memory.openShare();
    expect(second.tryTake()).not.toBeNull();
    expect(second.tryTake()).toBeNull();
    expect(takeAll(first).length).toBeGreaterThanOrEqual(reserveBytes / blockBytes - 2);
  });

  it('refuses an upload that waited too long for its share, with a reason', async () => {
    const memory = new UploadMemory({ totalBytes: 6 * mebibyte, admissionTimeoutMs: 10, clock: quickClock });
    takeAll(memory.openShare());
    await expect(memory.openShare().take(never)).rejects.toMatchObject({
      kind: 'over-quota',
      hint: expect.stringContaining('upload.memory'),
    });
    expect(memory.statistics.waiting).toBe(0);
  });

  it('ends a wait with its signal, and serves the next waiting upload', async () => {
    const memory = memoryOf(6 * mebibyte);
    const holder = memory.openShare();
    const blocks = takeAll(holder);
    const cancel = new AbortController();
    const cancelled = memory.openShare().take(cancel.signal);
    const behind = memory.openShare().take(never);
    cancel.abort();
    await expect(cancelled).rejects.toMatchObject({ kind: 'cancelled' });
    for (const block of blocks) holder.giveBack(block);
    holder.close();
    expect((await behind).byteLength).toBe(blockBytes);
  });

  it('serves waiting uploads in order of arrival', async () => {
    const memory = memoryOf(6 * mebibyte);
    const holder = memory.openShare();
    const blocks = takeAll(holder);
    const served: number[] = [];
    const waits = [0, 1, 2].map(async (index) => {
      const share = memory.openShare();
      await share.take(never);
      served.push(index);
    });
    for (const block of blocks.slice(0, 3)) {
      holder.giveBack(block);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await Promise.all(waits);
    expect(served).toEqual([0, 1, 2]);
  });

  it('has room for one reserve and one block at least', () => {
    for (const totalBytes of [0, reserveBytes, reserveBytes + blockBytes - 1])
      expect(() => memoryOf(totalBytes)).toThrow(expect.objectContaining({ kind: 'invalid' }));
    expect(takeAll(memoryOf(reserveBytes + blockBytes).openShare())).toHaveLength(minBlocks + 1);
  });

  it('grants blocks of a reserve at once, and nothing else past an upload that waits', async () => {
    const memory = memoryOf((3 * minBlocks + 1) * blockBytes);
    const [reserved, full, late] = [memory.openShare(), memory.openShare(), memory.openShare()];
    takeMany(reserved, 2);
    const blocks = takeAll(full);
    expect(blocks).toHaveLength(2 * minBlocks + 1);
    const waiting = full.take(never);
    full.giveBack(blocks[0] ?? Buffer.alloc(0));
    await waiting;
    const next = full.take(never);
    expect(memory.statistics.waiting).toBe(1);
    expect(takeAll(reserved)).toHaveLength(minBlocks - 2);
    expect([late.tryTake(), late.tryTakeAhead(), reserved.tryTakeAhead()]).toEqual([null, null, null]);
    full.giveBack(blocks[1] ?? Buffer.alloc(0));
    await next;
  });

  it('counts blocks out of order beside the reserve, up to the last free block', () => {
    const memory = memoryOf((minBlocks + 2) * blockBytes);
    const share = memory.openShare();
    const [one, two] = [share.tryTakeAhead(), share.tryTakeAhead()];
    expect([one, two]).not.toContain(null);
    expect(share.tryTakeAhead()).toBeNull();
    expect(memory.statistics).toMatchObject({
      heldBytes: 2 * blockBytes,
      claimedBytes: (minBlocks + 2) * blockBytes,
    });
    // In order, a block is one of the reserve.
    share.putInOrder();
    expect(memory.statistics.claimedBytes).toBe((minBlocks + 1) * blockBytes);
    expect(share.tryTakeAhead()).not.toBeNull();
    share.releaseAhead(two ?? Buffer.alloc(0));
    expect(memory.statistics).toMatchObject({
      heldBytes: 2 * blockBytes,
      claimedBytes: (minBlocks + 1) * blockBytes,
    });
  });

  it('does not admit an upload for bytes out of order if another one needs the space', () => {
    const memory = memoryOf((minBlocks + 2) * blockBytes);
    expect(memory.openShare().tryTake()).not.toBeNull();
    expect(memory.openShare().tryTake()).not.toBeNull();
    const third = memory.openShare();
    // 20 blocks of its reserve and one more do not fit beside the two.
    expect(third.tryTakeAhead()).toBeNull();
    expect(third.admitted).toBe(false);
  });

  it('does not wait with a signal that has aborted, nor keep a listener at one that has not', async () => {
    const memory = memoryOf(6 * mebibyte);
    const share = memory.openShare();
    const blocks = takeAll(share);
    await expect(share.take(AbortSignal.abort())).rejects.toMatchObject({ kind: 'cancelled' });
    expect(memory.statistics.waiting).toBe(0);
    const { signal } = new AbortController();
    const waiting = share.take(signal);
    share.giveBack(blocks[0] ?? Buffer.alloc(0));
    await waiting;
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });

  it('never leaves all uploads waiting, whatever their number and order', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 22, max: 60 }),
        fc.array(fc.integer({ min: 1, max: 70 }), { minLength: 2, maxLength: 40 }),
        fc.integer(),
        async (totalBlocks, needs, seed) => {
          const memory = memoryOf(totalBlocks * blockBytes);
          const steps = new RandomSteps(seed);
          let running = needs.length;
          for (const need of needs) {
            void modelUpload(memory, need, steps).finally(() => {
              running -= 1;
            });
          }
          while (await steps.takeOne());
          expect(running).toBe(0);
          expect(memory.statistics).toEqual({ heldBytes: 0, claimedBytes: 0, waiting: 0 });
        },
      ),
      { numRuns: 30 },
    );
  });
});

/** Lets one waiting task continue, in an order that the seed decides. */
class RandomSteps {
  readonly #asked: (() => void)[] = [];
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  turn(): Promise<void> {
    return new Promise((resolve) => this.#asked.push(resolve));
  }

  /** Returns false if no task is waiting: all have finished, or wait for each other. */
  async takeOne(): Promise<boolean> {
    await new Promise((resolve) => setImmediate(resolve));
    // The generator of Numerical Recipes, chapter 7.1: any order will do if it is the same for the same seed.
    this.#state = (Math.imul(this.#state, 1664525) + 1013904223) >>> 0;
    const [chosen] = this.#asked.splice((this.#state >>> 8) % Math.max(1, this.#asked.length), 1);
    chosen?.();
    return chosen !== undefined;
  }
}

/**
 * An upload like the writer's. It fills blocks and sends 8 MiB as a part. If it has to wait and no part is
 * being sent, it sends what it has (at least 5 MiB). A file smaller than a part is sent at its end.
 */
async function modelUpload(memory: UploadMemory, blocks: number, steps: RandomSteps): Promise<void> {
  const share = memory.openShare();
  let filled: Buffer[] = [];
  let waits = false;
  const onTheWay = new Set<Promise<void>>();
  const send = () => {
    const part = filled;
    filled = [];
    const sent = steps.turn().then(() => {
      for (const block of part) share.giveBack(block);
      onTheWay.delete(sent);
      sendShort();
    });
    onTheWay.add(sent);
  };
  const sendShort = () => {
    if (waits && onTheWay.size === 0 && filled.length >= minBlocks) send();
  };
  for (let taken = 0; taken < blocks; taken += 1) {
    await steps.turn();
    let block = share.tryTake();
    if (block === null) {
      waits = true;
      sendShort();
      block = await share.take(never);
      waits = false;
    }
    expect(memory.statistics.heldBytes).toBeLessThanOrEqual(memory.statistics.claimedBytes);
    filled.push(block);
    if (filled.length === 32) send();
  }
  send();
  while (onTheWay.size > 0) await Promise.race(onTheWay);
  share.close();
}
