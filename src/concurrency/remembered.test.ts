import { describe, expect, it } from 'vitest';
import { remembered } from './remembered.js';

describe('a remembered answer', () => {
  function counted(answers: readonly (number | Error)[]) {
    let nowMs = 0;
    let runs = 0;
    const work = async () => {
      const answer = answers[runs];
      runs += 1;
      if (answer instanceof Error) throw answer;
      return answer;
    };
    const ask = remembered(work, 1_000, { monotonicMs: () => nowMs });
    const pass = (ms: number) => {
      nowMs += ms;
    };
    return { ask, pass, runs: () => runs };
  }

  it('is that of the last run, until its time is over', async () => {
    const { ask, pass, runs } = counted([1, 2]);
    expect(await ask()).toBe(1);
    pass(999);
    expect([await ask(), runs()]).toEqual([1, 1]);
    pass(1);
    expect([await ask(), runs()]).toEqual([2, 2]);
  });

  it('has one run for parallel callers', async () => {
    const { ask, runs } = counted([1, 2]);
    expect(await Promise.all([ask(), ask(), ask()])).toEqual([1, 1, 1]);
    expect(runs()).toBe(1);
  });

  it('is not a failure', async () => {
    const { ask, runs } = counted([new Error('broken'), 2]);
    await expect(Promise.all([ask(), ask()])).rejects.toThrow('broken');
    expect([await ask(), runs()]).toEqual([2, 2]);
  });
});
