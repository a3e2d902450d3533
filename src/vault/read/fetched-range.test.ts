import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { BufferPool, holdersOf } from '../../bytes/buffer-pool.js';
import { Fault } from '../../model/fault.js';
import { content } from '../testing/vault-world.js';
import { FetchedRange } from './fetched-range.js';

const never = new AbortController().signal;
const bytes = content(100);

/** Returns a range from 1000 to 1100 with chunks of these lengths. */
function filled(lengths: readonly number[]): FetchedRange {
  const range = new FetchedRange(1000, 1100, null);
  let at = 0;
  for (const length of lengths) {
    range.append(bytes.subarray(at, at + length));
    at += length;
  }
  return range;
}

function viewsOf(range: FetchedRange, start: number, end: number): readonly Uint8Array[] {
  const views: Uint8Array[] = [];
  range.views(start, end, views);
  return views;
}

const state = async (promise: Promise<unknown>) =>
  await Promise.race([
    promise.then(
      () => 'done',
      (error: unknown) => (error instanceof Fault ? error.kind : 'error'),
    ),
    new Promise((resolve) => setImmediate(resolve, 'waits')),
  ]);

describe('the bytes of a range', () => {
  it('can be read from any position, in any order, whatever its chunks', () => {
    for (const lengths of [[100], [1, 99], [30, 30, 40], Array.from({ length: 100 }, () => 1)]) {
      const range = filled(lengths);
      for (const [from, to] of [
        [0, 100],
        [0, 10],
        [10, 20],
        [20, 90],
        [95, 100],
        [29, 31],
        [60, 61],
        [30, 60],
        [59, 100],
        [0, 1],
        [99, 100],
      ] as const) {
        const views = viewsOf(range, 1000 + from, 1000 + to);
        expect(Buffer.concat(views).equals(bytes.subarray(from, to)), `${from}-${to}`).toBe(true);
        expect(views.every(({ byteLength }) => byteLength > 0)).toBe(true);
      }
    }
  });

  it('are not copied: a whole chunk is returned itself', () => {
    const range = new FetchedRange(0, 20, null);
    const chunk = Buffer.alloc(10);
    range.append(chunk);
    range.append(Buffer.alloc(10));
    expect(viewsOf(range, 0, 20)[0]).toBe(chunk);
    expect(viewsOf(range, 0, 10)[0]).toBe(chunk);
    expect(viewsOf(range, 1, 10)[0]?.buffer).toBe(chunk.buffer);
    expect(viewsOf(range, 0, 9)[0]?.byteLength).toBe(9);
  });

  it('must be there', () => {
    expect(() => viewsOf(filled([50]), 1040, 1060)).toThrow('does not hold byte 1050');
    expect(() => viewsOf(filled([]), 1000, 1001)).toThrow('does not hold byte 1000');
  });

  it('end where the range ends', () => {
    const range = filled([60, 40]);
    expect(range.filledEnd).toBe(1100);
    range.append(Buffer.alloc(0));
    expect(() => range.append(Buffer.alloc(1))).toThrowError(expect.objectContaining({ kind: 'corrupt' }));
  });

  it('are added to a checksum if one is wanted', () => {
    const sumOf = (chunk: Uint8Array, sum: number) => sum * 31 + chunk.byteLength;
    const range = new FetchedRange(0, 10, sumOf);
    expect(range.sum).toBe(0);
    range.append(Buffer.alloc(3));
    range.append(Buffer.alloc(4));
    expect(range.sum).toBe(3 * 31 + 4);
    expect(filled([10]).sum).toBe(0);
  });

  it('are used up once each was returned and the fetch has ended', () => {
    const range = filled([100]);
    viewsOf(range, 1000, 1060);
    range.state = 'done';
    expect(range.isUsedUp).toBe(false);
    viewsOf(range, 1060, 1100);
    expect(range.isUsedUp).toBe(true);
    range.state = 'fetching';
    expect(range.isUsedUp).toBe(false);
    expect(range.byteLength).toBe(100);
  });
});

describe('a reader that waits for a range', () => {
  it('waits only for the bytes that it needs', async () => {
    const range = filled([10]);
    expect(await state(range.filledTo(1010, never))).toBe('done');
    const [near, far] = [range.filledTo(1020, never), range.filledTo(1021, never)];
    expect(range.isWaitedFor).toBe(true);
    expect(await state(near)).toBe('waits');
    range.append(bytes.subarray(10, 20));
    expect([await state(near), await state(far)]).toEqual(['done', 'waits']);
    range.append(bytes.subarray(20, 30));
    expect(await state(far)).toBe('done');
    expect(range.isWaitedFor).toBe(false);
  });

  it('gets the fault of the range, but for bytes that are there', async () => {
    const range = filled([10]);
    const [one, other] = [range.filledTo(1050, never), range.filledTo(1011, never)];
    const fault = new Fault('unavailable', 'broken');
    range.fail(fault);
    expect(range.fault).toBe(fault);
    await expect(one).rejects.toBe(fault);
    await expect(other).rejects.toBe(fault);
    expect(range.isWaitedFor).toBe(false);
    await expect(range.filledTo(1011, never)).rejects.toBe(fault);
    expect(await state(range.filledTo(1010, never))).toBe('done');
  });

  it('ends with its own signal, and the others wait on', async () => {
    const range = filled([10]);
    const cancel = new AbortController();
    const [mine, other] = [range.filledTo(1020, cancel.signal), range.filledTo(1020, never)];
    cancel.abort();
    expect([await state(mine), await state(other)]).toEqual(['cancelled', 'waits']);
    expect(range.isWaitedFor).toBe(true);
    range.append(bytes.subarray(10, 20));
    expect(await state(other)).toBe('done');
    expect(await state(range.filledTo(1030, cancel.signal))).toBe('cancelled');
    expect(await state(range.filledTo(1020, cancel.signal))).toBe('done');
  });

  it('leaves no listener at its signal', async () => {
    const range = filled([10]);
    const { signal } = new AbortController();
    const [kept, failed] = [range.filledTo(1020, signal), range.filledTo(1030, signal)];
    expect(getEventListeners(signal, 'abort')).toHaveLength(2);
    range.append(bytes.subarray(10, 20));
    await kept;
    expect(getEventListeners(signal, 'abort')).toHaveLength(1);
    range.fail(new Fault('unavailable', 'broken'));
    await expect(failed).rejects.toThrow();
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });
});

describe('lent bytes of a range', () => {
  function lent() {
    const pool = new BufferPool(10, 10);
    const range = new FetchedRange(0, 20, null);
    const [one, two] = [pool.lend(), pool.lend()];
    range.append(one);
    return { range, one, two, pool };
  }

  it('are returned when the range is released', () => {
    const { range, one, two, pool } = lent();
    expect(holdersOf(one)).toBe(1);
    range.release();
    expect(holdersOf(one)).toBe(0);
    // Bytes that still arrive are returned at once.
    range.append(two);
    expect(holdersOf(two)).toBe(0);
    expect(pool.freeCount).toBe(2);
    range.release();
    expect(pool.freeCount).toBe(2);
  });

  it('stay while a reader is about to take views, also those that arrive meanwhile', () => {
    const { range, one, two } = lent();
    range.enter();
    range.enter();
    range.release();
    range.append(two);
    expect([holdersOf(one), holdersOf(two)]).toEqual([1, 1]);
    range.leave();
    expect(holdersOf(one)).toBe(1);
    const views = viewsOf(range, 5, 15);
    expect([holdersOf(one), holdersOf(two)]).toEqual([2, 2]);
    range.leave();
    expect([holdersOf(one), holdersOf(two)]).toEqual([1, 1]);
    expect(views.map(({ byteLength }) => byteLength)).toEqual([5, 5]);
  });

  it('stay after a reader has left while the range is not released', () => {
    const { range, one } = lent();
    range.enter();
    range.leave();
    expect(holdersOf(one)).toBe(1);
  });
});
