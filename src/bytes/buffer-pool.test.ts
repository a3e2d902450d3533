import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { areLent, BufferPool, holdersOf, releaseBytes, retainBytes } from './buffer-pool.js';

describe('lent bytes', () => {
  it('return to their pool when the last holder releases them, and not before', () => {
    const pool = new BufferPool(64, 4);
    const bytes = pool.lend();
    const view = bytes.subarray(10, 20);
    retainBytes(view);
    releaseBytes(bytes);
    expect([areLent(view), holdersOf(view), pool.freeCount]).toEqual([true, 1, 0]);
    releaseBytes(view);
    expect([areLent(view), holdersOf(view), pool.freeCount]).toEqual([false, 0, 1]);
    expect(pool.lend()).toBe(bytes);
    expect(holdersOf(view)).toBe(1);
  });

  it('does nothing for bytes that are not lent', () => {
    const own = Buffer.from('own');
    retainBytes(own);
    releaseBytes(own);
    releaseBytes(own);
    expect([areLent(own), holdersOf(own), own.toString()]).toEqual([false, 0, 'own']);
  });

  it('are never lent twice at a time, and at most the given number is kept', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.constantFrom('lend', 'retain', 'release'), fc.nat())), (steps) => {
        const pool = new BufferPool(16, 2);
        const held: Buffer[] = [];
        for (const [step, pick] of steps) {
          const one = held[pick % Math.max(1, held.length)];
          if (step === 'lend') {
            const lent = pool.lend();
            expect(held).not.toContain(lent);
            held.push(lent);
          } else if (one !== undefined && step === 'retain') {
            retainBytes(one);
            held.push(one);
          } else if (one !== undefined) {
            held.splice(held.indexOf(one), 1);
            releaseBytes(one.subarray(3));
          }
          for (const bytes of held) {
            expect(holdersOf(bytes)).toBe(held.filter((other) => other === bytes).length);
          }
          expect(pool.freeCount).toBeLessThanOrEqual(2);
        }
      }),
    );
  });
});
