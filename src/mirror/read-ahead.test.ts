import { describe, expect, it } from 'vitest';
import { readAhead } from './read-ahead.js';

/** Counts to `end`, then throws `failure` if it is given. */
class Counting {
  begun = 0;
  hasEnded = false;

  async *to(end: number, failure: Error | null = null): AsyncGenerator<number> {
    try {
      while (this.begun < end) {
        this.begun += 1;
        yield this.begun;
      }
      if (failure !== null) throw failure;
    } finally {
      this.hasEnded = true;
    }
  }
}

/** Lets all pending promises settle. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

describe('reading ahead', () => {
  it('yields all items in order', async () => {
    const items: number[] = [];
    for await (const item of readAhead(new Counting().to(5), 2)) items.push(item);
    expect(items).toEqual([1, 2, 3, 4, 5]);
  });

  it('requests only the given number of items while one is processed', async () => {
    const counting = new Counting();
    for await (const item of readAhead(counting.to(10), 2)) {
      await settled();
      expect(counting.begun).toBe(Math.min(10, item + 2));
    }
  });

  it('throws the error of the source after the items before it', async () => {
    const items: number[] = [];
    const failure = new Error('the source broke');
    const reading = async () => {
      for await (const item of readAhead(new Counting().to(2, failure), 3)) {
        await settled();
        items.push(item);
      }
    };
    await expect(reading()).rejects.toBe(failure);
    expect(items).toEqual([1, 2]);
  });

  it('ends the source when the reader stops early', async () => {
    const counting = new Counting();
    for await (const item of readAhead(counting.to(10), 2)) if (item === 2) break;
    expect(counting.hasEnded).toBe(true);
    expect(counting.begun).toBeLessThan(6);
  });
});
