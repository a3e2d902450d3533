import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { ByteRanges } from './byte-ranges.js';

it('contains the positions that were added and not removed', async () => {
  const step = fc.record({ add: fc.boolean(), start: fc.nat(60), length: fc.nat(20) });
  await fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const ranges = new ByteRanges();
      const model = new Set<number>();
      for (const { add, start, length } of steps) {
        if (add) ranges.add(start, start + length);
        else ranges.remove(start, start + length);
        for (let at = start; at < start + length; at += 1) {
          if (add) model.add(at);
          else model.delete(at);
        }
      }
      const list = [...ranges];
      const positions = list.flatMap(({ start, end }) =>
        Array.from({ length: end - start }, (_, index) => start + index),
      );
      expect(positions).toEqual([...model].sort((a, b) => a - b));
      expect(list.every(({ start, end }) => start < end)).toBe(true);
      expect(ranges.first?.start ?? null).toBe(positions[0] ?? null);
      for (const { start } of steps) {
        expect(ranges.from(start)).toEqual(list.find(({ end }) => end > start) ?? null);
      }
      for (const { start, length } of steps) {
        const inside = Array.from({ length }, (_, index) => model.has(start + index)).every(Boolean);
        expect(ranges.covers(start, start + length)).toBe(inside);
      }
    }),
  );
});
