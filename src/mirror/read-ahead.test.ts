import { describe, expect, it } from 'vitest';
import { readAhead } from './read-ahead.js';

/** Counts to `end`, then throws what it is given. */
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

/** Lets everything go on that waits for nothing but promises. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

describe('what is read ahead', () => {
  it('comes whole and in order', async () => {
    const items: number[] = [];
    for await (const item of readAhead(new Counting().to(5), 2)) items.push(item);
    expect(items).toEqual([1, 2, 3, 4, 5]);
  });

  it('is so much and no more, while one item is worked on', async () => {
    const counting = new Counting();
    for await (const item of readAhead(counting.to(10), 2)) {
      await settled();
      expect(counting.begun).toBe(Math.min(10, item + 2));
    }
  });

  it('ends with the error of the source, behind the items before it', async () => {
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

  it('ends the source when the reader leaves', async () => {
    const counting = new Counting();
    for await (const item of readAhead(counting.to(10), 2)) if (item === 2) break;
    expect(counting.hasEnded).toBe(true);
    expect(counting.begun).toBeLessThan(6);
  });
});
