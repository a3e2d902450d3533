import fc from 'fast-check';
import { expect, test } from 'vitest';
import { inOrder } from './in-order.js';

async function* numbers(count: number): AsyncGenerator<number> {
  for (let at = 0; at < count; at += 1) yield at;
}

test('works side by side, within the bound, and tells in order', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.nat(5), { maxLength: 40 }),
      fc.integer({ min: 1, max: 8 }),
      async (delays, parallel) => {
        const told: number[] = [];
        let active = 0;
        let most = 0;
        const work = async (item: number) => {
          active += 1;
          most = Math.max(most, active);
          for (let turn = 0; turn < (delays[item] ?? 0); turn += 1) await new Promise(setImmediate);
          active -= 1;
          return item * 2;
        };
        await inOrder(numbers(delays.length), parallel, work, async (item, result) => {
          expect(result).toBe(item * 2);
          told.push(item);
        });
        expect(told).toEqual(delays.map((_, index) => index));
        expect(most).toBeLessThanOrEqual(parallel);
      },
    ),
    { numRuns: 50 },
  );
});

test('a fault ends it when nothing is under way any more, and what is behind it is not told', async () => {
  const told: number[] = [];
  let active = 0;
  const work = async (item: number) => {
    active += 1;
    await new Promise(setImmediate);
    active -= 1;
    if (item === 5) throw new Error('five');
    return item;
  };
  const run = inOrder(numbers(20), 3, work, async (item) => void told.push(item));
  await expect(run).rejects.toThrow('five');
  expect(active).toBe(0);
  expect(told).toEqual([...told].sort((a, b) => a - b));
  expect(Math.max(...told)).toBeLessThan(5);
});
