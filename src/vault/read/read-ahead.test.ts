import { describe, expect, it } from 'vitest';
import { Fault } from '../../model/fault.js';
import type { ObjectInfo } from '../../model/object-store.js';
import { call, mebibyte, quickClock, readAll } from '../testing/vault-world.js';
import { FetchedRange } from './fetched-range.js';
import { RangeReader, type ReaderBounds } from './object-reader.js';
import type { RangeSource } from './range-source.js';
import { ReadMemory } from './read-memory.js';

const turn = () => new Promise((resolve) => setImmediate(resolve));

interface Fetch {
  readonly range: FetchedRange;
  readonly end: () => void;
}

/** A reader whose fetches the test answers. Bytes are their position divided by 1 MiB. */
function setUp(
  sizeMiB: number,
  bounds: ReaderBounds = { rangeBytes: 4 * mebibyte, readAheadRanges: 3 },
  memoryMiB = 64,
) {
  const fetches: Fetch[] = [];
  const memory = new ReadMemory(memoryMiB * mebibyte, quickClock);
  const source = {
    fill: (range: FetchedRange) =>
      new Promise<void>((resolve) => {
        fetches.push({ range, end: resolve });
        range.cancel.signal.addEventListener('abort', () => resolve());
      }),
  } as unknown as RangeSource;
  const size = sizeMiB * mebibyte;
  const firstEnd = Math.min(size, mebibyte);
  let ended = 0;
  const reader = new RangeReader(
    source,
    memory,
    bounds,
    {
      info: { size } as ObjectInfo,
      mtimeSeconds: 5,
      first: { range: new FetchedRange(0, firstEnd, null), body: {} as never },
      check: null,
    },
    () => {
      ended += 1;
    },
  );
  /** Fills every fetch that has begun and is not filled, in order. */
  const answer = async (): Promise<void> => {
    for (let at = 0; at < fetches.length; at += 1) {
      const { range, end } = fetches[at] as Fetch;
      if (range.state !== 'fetching' || range.filledEnd === range.end || range.cancel.signal.aborted)
        continue;
      for (let start = range.start; start < range.end; ) {
        const next = Math.min(range.end, (Math.floor(start / mebibyte) + 1) * mebibyte);
        range.append(Buffer.alloc(next - start, Math.floor(start / mebibyte)));
        start = next;
      }
      end();
      await turn();
    }
  };
  const asked = () => fetches.map(({ range }) => [range.start / mebibyte, range.end / mebibyte]);
  /** Reads some MiB and answers what it needs. */
  const read = async (offsetMiB: number, lengthMiB: number) => {
    const reading = reader.read(call(), offsetMiB * mebibyte, lengthMiB * mebibyte);
    await answer();
    return await readAll(await reading);
  };
  return { reader, memory, fetches, answer, asked, read, ended: () => ended };
}

describe('what a reader fetches', () => {
  it('for the header of a file is its first MiB, and a little ahead', async () => {
    const { read, asked } = setUp(100);
    expect(asked()).toEqual([[0, 1]]);
    await read(0, 0.25);
    expect(asked()).toEqual([
      [0, 1],
      [1, 3],
    ]);
  });

  it('grows with a sequential read, up to the size and the number of ranges', async () => {
    const { read, asked } = setUp(100);
    for (let at = 0; at < 12; at += 1) {
      const bytes = await read(at, 1);
      expect([bytes.byteLength, bytes[0], bytes.at(-1)]).toEqual([mebibyte, at, at]);
    }
    expect(asked().slice(0, 5)).toEqual([
      [0, 1],
      [1, 3],
      [3, 7],
      [7, 11],
      [11, 15],
    ]);
    // Never more than three ranges ahead of the reader.
    expect(asked().at(-1)?.[1]).toBeLessThanOrEqual(12 + 3 * 4);
  });

  it('ends with the file', async () => {
    const { read, asked } = setUp(2.5);
    await read(0, 1);
    await read(1, 1);
    expect((await read(2, 5)).byteLength).toBe(mebibyte / 2);
    expect(asked()).toEqual([
      [0, 1],
      [1, 2.5],
    ]);
  });

  it('for a read elsewhere is exactly its bytes', async () => {
    const { read, asked } = setUp(100);
    await read(50, 0.5);
    await read(30, 0.25);
    expect(asked().filter(([start = 0]) => start >= 30)).toEqual([
      [50, 50.5],
      [30, 30.25],
    ]);
  });

  it('after a read that continues one elsewhere is a new window there', async () => {
    const { read, asked } = setUp(100);
    await read(50, 0.5);
    await read(70, 0.5);
    await read(50.5, 0.5);
    expect(asked().slice(-2)).toEqual([
      [50.5, 51.5],
      [51.5, 53.5],
    ]);
  });

  it('remembers the ends of the last four reads elsewhere', async () => {
    const { read, asked } = setUp(100);
    for (const at of [50, 60, 70, 80, 90]) await read(at, 0.5);
    await read(50.5, 0.5);
    expect(asked().at(-1)).toEqual([50.5, 51]);
    await read(70.5, 0.5);
    expect(asked().slice(-2)).toEqual([
      [70.5, 71.5],
      [71.5, 73.5],
    ]);
  });

  it('continues its window over a gap that is not longer than a range', async () => {
    const { read, asked } = setUp(100);
    await read(0, 1);
    await read(6, 1);
    // The window has been extended over the gap.
    expect(asked().slice(0, 3)).toEqual([
      [0, 1],
      [1, 3],
      [3, 7],
    ]);
    const far = setUp(100);
    await far.read(0, 1);
    await far.read(11.5, 0.5);
    expect(far.asked()).toContainEqual([11.5, 12]);
    const near = setUp(100);
    await near.read(0, 1);
    await near.read(11, 0.5);
    expect(near.asked()).not.toContainEqual([11, 11.5]);
  });

  it('is not fetched twice by parallel reads', async () => {
    const { reader, answer, asked } = setUp(100);
    const reads = [0, 0.25, 0.5, 0.75, 1, 1.5].map((at) => reader.read(call(), at * mebibyte, mebibyte / 4));
    await answer();
    for (const one of reads) expect((await readAll(await one)).byteLength).toBe(mebibyte / 4);
    const ranges = asked();
    for (const [index, [start = 0]] of ranges.entries()) {
      if (index > 0) expect(start).toBe(ranges[index - 1]?.[1]);
    }
  });

  it('is bounded in parallel', async () => {
    const { reader, fetches } = setUp(100, { rangeBytes: 2 * mebibyte, readAheadRanges: 2 });
    const reading = reader.read(call(), 0, 20 * mebibyte);
    await turn();
    expect(fetches.filter(({ range }) => range.state === 'fetching')).toHaveLength(2);
    const ending = reader[Symbol.asyncDispose]();
    await expect(reading).rejects.toMatchObject({ kind: 'cancelled' });
    await ending;
  });
});

describe('the memory of a reader', () => {
  it('is returned as soon as bytes were read, and at the end', async () => {
    const { reader, read, memory, ended } = setUp(100);
    for (let at = 0; at < 8; at += 1) await read(at, 1);
    expect(memory.usedBytes).toBeLessThanOrEqual((3 * 4 + 4) * mebibyte);
    await reader[Symbol.asyncDispose]();
    await reader[Symbol.asyncDispose]();
    expect([memory.usedBytes, ended()]).toEqual([0, 1]);
  });

  it('that is short permits what a client waits for, and nothing ahead', async () => {
    const { read, asked, memory } = setUp(100, { rangeBytes: 4 * mebibyte, readAheadRanges: 3 }, 1);
    for (let at = 0; at < 4; at += 1) expect((await read(at, 1))[0]).toBe(at);
    for (const [start = 0, end = 0] of asked()) expect(end - start).toBe(1);
    expect(memory.usedBytes).toBeLessThanOrEqual(mebibyte);
  });

  it('is given up for another reader, unless a client waits', async () => {
    const { reader, read, memory, answer } = setUp(100);
    await read(0, 1);
    await read(1, 0.5);
    expect(memory.usedBytes).toBeGreaterThan(0);
    const waiting = reader.read(call(), 40 * mebibyte, 10);
    await turn();
    const before = memory.usedBytes;
    reader.dropReadAhead();
    expect(memory.usedBytes).toBe(before);
    await answer();
    await waiting;
    reader.dropReadAhead();
    expect(memory.usedBytes).toBe(0);
    // The reader fetches the dropped bytes again.
    expect((await read(2, 0.5))[0]).toBe(2);
  });
});

describe('a read', () => {
  it('of an invalid range is refused, and at the end is null', async () => {
    const { reader } = setUp(2);
    for (const [offset, length] of [
      [-1, 1],
      [0.5, 1],
      [0, -1],
      [Number.MAX_SAFE_INTEGER + 1, 1],
    ] as const) {
      await expect(reader.read(call(), offset, length)).rejects.toMatchObject({ kind: 'invalid' });
    }
    expect(await reader.read(call(), 2 * mebibyte, 1)).toBeNull();
    expect(await reader.read(call(), 0, 0)).toEqual([]);
    expect(reader.mtimeSeconds).toBe(5);
  });

  it('of a closed file is refused, and one in progress is cancelled', async () => {
    const { reader } = setUp(100);
    const reading = reader.read(call(), 50 * mebibyte, 10);
    const ending = reader[Symbol.asyncDispose]();
    await expect(reading).rejects.toMatchObject({ kind: 'cancelled' });
    await ending;
    await expect(reader.read(call(), 0, 1)).rejects.toMatchObject({ kind: 'invalid' });
  });

  it('ends with its own call, and others continue', async () => {
    const { reader, answer } = setUp(100);
    const cancel = new AbortController();
    const mine = reader.read({ ...call(), signal: cancel.signal }, 0, 10);
    const other = reader.read(call(), 0, 10);
    cancel.abort();
    await expect(mine).rejects.toMatchObject({ kind: 'cancelled' });
    await answer();
    expect((await readAll(await other)).byteLength).toBe(10);
  });

  it.each([
    ['unavailable', false],
    ['conflict', true],
  ] as const)('after %s fails for ever: %s', async (kind, isFinal) => {
    const { reader, fetches, answer } = setUp(100);
    const reading = reader.read(call(), 50 * mebibyte, 10);
    await turn();
    const fetch = fetches.find(({ range }) => range.start === 50 * mebibyte);
    fetch?.range.fail(new Fault(kind, 'no'));
    fetch?.end();
    await expect(reading).rejects.toMatchObject({ kind });
    await turn();
    if (isFinal) {
      await expect(reader.read(call(), 60 * mebibyte, 10)).rejects.toMatchObject({ kind });
      return;
    }
    const again = reader.read(call(), 60 * mebibyte, 10);
    await answer();
    expect((await readAll(await again)).byteLength).toBe(10);
  });
});
