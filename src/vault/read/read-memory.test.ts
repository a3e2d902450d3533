import { describe, expect, it } from 'vitest';
import { checksumOf } from '../../bytes/running-checksum.js';
import type { Clock } from '../../model/call.js';
import { content } from '../testing/vault-world.js';
import { ReadMemory } from './read-memory.js';
import { ResumeTime } from './resume-time.js';
import { WholeCheck } from './whole-check.js';

const never = new AbortController().signal;

function manualClock() {
  const slept: number[] = [];
  let nowMs = 50_000;
  const clock: Clock = {
    nowMs: () => 0,
    monotonicMs: () => nowMs,
    sleep: async (ms, signal) => {
      expect(signal).toBe(never);
      slept.push(ms);
      nowMs += ms;
    },
  };
  const pass = (ms: number): void => {
    nowMs += ms;
  };
  return { clock, slept, pass };
}

describe('the time for resuming an interrupted body', () => {
  it('ends when no byte has arrived for that long', async () => {
    const { clock, pass } = manualClock();
    const time = new ResumeTime(clock, 1_000);
    pass(999);
    expect(time.isLeft).toBe(true);
    pass(1);
    expect(time.isLeft).toBe(false);
    time.gained();
    expect(time.isLeft).toBe(true);
    expect(new ResumeTime(clock, 0).isLeft).toBe(false);
  });

  it('has pauses that double from 100 ms to 10 s, and begin again after a byte', async () => {
    const { clock, slept } = manualClock();
    const time = new ResumeTime(clock, 1_000_000);
    for (let attempt = 0; attempt < 9; attempt += 1) await time.pause(never);
    time.gained();
    await time.pause(never);
    expect(slept).toEqual([100, 200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000, 100]);
  });

  it('has no pause beyond its end', async () => {
    const { clock, slept, pass } = manualClock();
    const time = new ResumeTime(clock, 150);
    await time.pause(never);
    await time.pause(never);
    pass(1_000);
    await time.pause(never);
    expect(slept).toEqual([100, 50, 0]);
  });
});

describe('the memory of all readers', () => {
  function memoryOf(totalBytes: number) {
    const { clock, pass } = manualClock();
    const memory = new ReadMemory(totalBytes, clock);
    const dropped: string[] = [];
    const holder = (name: string, bytes: number) => {
      const one = {
        dropReadAhead: () => {
          dropped.push(name);
          memory.giveBack(bytes);
        },
      };
      memory.touch(one);
      expect(memory.tryTake(bytes)).toBe(true);
      return one;
    };
    return { memory, pass, dropped, holder };
  }

  it('is not exceeded by what is read ahead, only by what a client waits for', () => {
    const { memory } = memoryOf(100);
    expect(memory.tryTake(100)).toBe(true);
    expect(memory.tryTake(1)).toBe(false);
    expect([memory.isShortOf(0), memory.isShortOf(1)]).toEqual([false, true]);
    memory.take(50);
    expect(memory.usedBytes).toBe(150);
    memory.giveBack(51);
    expect([memory.usedBytes, memory.tryTake(1)]).toEqual([99, true]);
  });

  it('is taken from readers that have been idle for a second, the longest idle first', () => {
    const { memory, pass, dropped, holder } = memoryOf(100);
    const a = holder('a', 40);
    pass(10);
    holder('b', 40);
    pass(10);
    holder('c', 20);
    // `a` was used last.
    memory.touch(a);
    pass(979);
    expect(memory.tryTake(10)).toBe(false);
    pass(11);
    expect(memory.tryTake(10)).toBe(true);
    expect(dropped).toEqual(['b']);
    expect(memory.usedBytes).toBe(70);
  });

  it('is taken from as many readers as necessary', () => {
    const { memory, pass, dropped, holder } = memoryOf(100);
    for (const name of ['a', 'b', 'c', 'd']) holder(name, 25);
    pass(1_000);
    expect(memory.tryTake(60)).toBe(true);
    expect(dropped).toEqual(['a', 'b', 'c']);
    expect(memory.usedBytes).toBe(85);
  });

  it('is not taken from a reader that was closed, nor from any if there is enough', () => {
    const { memory, pass, dropped, holder } = memoryOf(100);
    const a = holder('a', 50);
    pass(5_000);
    expect(memory.tryTake(50)).toBe(true);
    expect(dropped).toEqual([]);
    memory.forget(a);
    expect(memory.tryTake(1)).toBe(false);
    expect(dropped).toEqual([]);
  });
});

describe('the check of a whole object', () => {
  const bytes = content(100);
  const expected = checksumOf('crc32c', bytes);
  const add = (check: WholeCheck, start: number, end: number, from = bytes) =>
    check.add(start, end, check.sum(from.subarray(start, end), 0));
  const wrong = Buffer.from(bytes).fill(0, 50, 51);

  it.each([
    ['in order', [0, 1, 2, 3]],
    ['in reverse', [3, 2, 1, 0]],
    ['in any order', [2, 0, 3, 1]],
  ])('finds a wrong byte, with the ranges %s', (_, order) => {
    for (const [from, isMismatch] of [
      [bytes, false],
      [wrong, true],
    ] as const) {
      const check = new WholeCheck(expected, 100);
      for (const [at, quarter] of order.entries()) {
        expect(check.isMismatch).toBe(false);
        add(check, quarter * 25, quarter * 25 + 25, from);
        if (at < 3) expect(check.isMismatch).toBe(false);
      }
      expect(check.isMismatch).toBe(isMismatch);
    }
  });

  it('counts each byte once', () => {
    const check = new WholeCheck(expected, 100);
    add(check, 0, 50);
    add(check, 0, 50);
    add(check, 50, 100);
    expect(check.isMismatch).toBe(false);
  });

  it('has no result with a gap, or with ranges that overlap', () => {
    const gap = new WholeCheck(expected, 100);
    add(gap, 0, 40, wrong);
    add(gap, 60, 100, wrong);
    expect(gap.isMismatch).toBe(false);
    const overlap = new WholeCheck(expected, 100);
    add(overlap, 0, 60, wrong);
    add(overlap, 40, 100, wrong);
    expect(overlap.isMismatch).toBe(false);
  });

  it('remembers up to 1,024 ranges that wait for the ones before them', () => {
    const checkAfter = (waiting: number) => {
      const check = new WholeCheck({ algorithm: 'crc32c', value: 1 }, waiting + 1);
      for (let at = 1; at <= waiting; at += 1) check.add(at, at + 1, 0);
      check.add(0, 1, 0);
      return check.isMismatch;
    };
    expect(checkAfter(1_023)).toBe(true);
    expect(checkAfter(1_024)).toBe(false);
  });
});
