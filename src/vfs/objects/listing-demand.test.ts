import { describe, expect, it } from 'vitest';
import { ListingDemand } from './listing-demand.js';

function setUp() {
  let nowMs = 0;
  const clock = { nowMs: () => 0, monotonicMs: () => nowMs, sleep: async () => undefined };
  const pass = (ms: number): void => {
    nowMs += ms;
  };
  return { demand: new ListingDemand(clock, 2_000), pass };
}

describe('the demand for a listing', () => {
  it('is there at the third name of a directory that nothing has answered', () => {
    const { demand, pass } = setUp();
    expect([demand.missed('d'), demand.missed('d'), demand.missed('e'), demand.missed('d')]).toEqual([
      false,
      false,
      false,
      true,
    ]);
    pass(2_000);
    expect([demand.missed('d'), demand.missed('d'), demand.missed('d')]).toEqual([false, false, true]);
  });

  it('returns at once when a useful listing has expired', () => {
    const { demand } = setUp();
    for (let count = 0; count < 3; count += 1) demand.missed('d');
    for (let count = 0; count < 5; count += 1) demand.answered('d');
    expect(demand.missed('d')).toBe(true);
  });

  it('becomes rare where listings answer nothing, and returns when they do', () => {
    const { demand } = setUp();
    const lookupsUntilListed = () => {
      for (let count = 1; ; count += 1) if (demand.missed('d')) return count;
    };
    expect(Array.from({ length: 8 }, lookupsUntilListed)).toEqual([3, 3, 5, 9, 17, 33, 65, 65]);
    for (let count = 0; count < 64; count += 1) demand.answered('d');
    expect([lookupsUntilListed(), lookupsUntilListed()]).toEqual([1, 3]);
  });

  it('is counted for a thousand directories', () => {
    const { demand } = setUp();
    for (const name of ['first', 'first', ...Array.from({ length: 1_000 }, (_, index) => `${index}`)])
      demand.missed(name);
    expect(demand.missed('first')).toBe(false);
  });
});
