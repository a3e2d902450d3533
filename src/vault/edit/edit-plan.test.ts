import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteRanges } from '../../bytes/byte-ranges.js';
import { planEdit } from './edit-plan.js';

const mebibyte = 1024 * 1024;
const gibibyte = 1024 * mebibyte;
const smallest = 5 * mebibyte;

/** Returns what a file of this size keeps of an object of the same size after changes at these ranges. */
function unchanged(size: number, changes: readonly (readonly [start: number, length: number])[]): ByteRanges {
  const kept = new ByteRanges();
  kept.add(0, size);
  for (const [start, length] of changes) kept.remove(start, start + length);
  return kept;
}

describe('the plan of an edit', () => {
  it('has parts that S3 accepts, covers the file, and copies nothing that was changed', () => {
    const size = fc.oneof(
      fc.integer({ min: 0, max: 100 * mebibyte }),
      fc.integer({ min: 0, max: 20 * gibibyte }),
    );
    const change = fc.tuple(fc.nat(20 * gibibyte), fc.integer({ min: 1, max: 40 * mebibyte }));
    fc.assert(
      fc.property(size, fc.array(change, { maxLength: 12 }), (total, changes) => {
        const kept = unchanged(total, changes);
        const parts = planEdit(total, kept);
        if (parts === null) {
          // Somewhere, 5 MiB before the changes end in the middle of any range that is long enough.
          expect([...kept].every(({ start, end }) => end - start < 2 * smallest)).toBe(true);
          return;
        }
        let position = 0;
        for (const [index, { from, start, end }] of parts.entries()) {
          expect(start).toBe(position);
          position = end;
          if (index < parts.length - 1) expect(end - start).toBeGreaterThanOrEqual(smallest);
          expect(end - start).toBeLessThanOrEqual(from === 'object' ? 5 * gibibyte : smallest);
          if (from === 'object') expect(kept.covers(start, end)).toBe(true);
        }
        expect(position).toBe(total);
      }),
      { numRuns: 500 },
    );
  });

  it('sends one part of 5 MiB for a few bytes in a large object', () => {
    const at = gibibyte + 3;
    expect(planEdit(8 * gibibyte, unchanged(8 * gibibyte, [[at, 10]]))).toEqual([
      { from: 'object', start: 0, end: at },
      { from: 'gateway', start: at, end: at + smallest },
      { from: 'object', start: at + smallest, end: expect.any(Number) },
      { from: 'object', start: expect.any(Number), end: 8 * gibibyte },
    ]);
  });

  it('has 10,000 parts at most', () => {
    // Each change is a part that is sent, with a part behind it that is copied.
    const plan = (changes: number) => {
      const size = changes * 16 * mebibyte;
      const each = Array.from({ length: changes }, (_, index) => [index * 16 * mebibyte, 1] as const);
      return planEdit(size, unchanged(size, each));
    };
    expect(plan(5_000)).toHaveLength(10_000);
    expect(plan(5_001)).toBeNull();
    // A last part more is sent behind the last copy.
    const size = 5_000 * 16 * mebibyte;
    const each = Array.from({ length: 5_000 }, (_, index) => [index * 16 * mebibyte, 1] as const);
    expect(planEdit(size, unchanged(size, [...each, [size - 1, 1]]))).toBeNull();
  });

  it('sends everything if that takes fewer than 10,000 parts and the changes do not', () => {
    const every = Array.from({ length: 6000 }, (_, index) => [index * 16 * mebibyte, 1] as const);
    expect(planEdit(96_000 * mebibyte, unchanged(96_000 * mebibyte, every))).toBeNull();
    expect(planEdit(48_000 * mebibyte, unchanged(48_000 * mebibyte, every.slice(0, 3000)))).not.toBeNull();
  });
});
