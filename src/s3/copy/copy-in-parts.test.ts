import fc from 'fast-check';
import { it } from 'vitest';
import { partRanges } from './copy-in-parts.js';

it('the at most 10,000 parts of a copy cover the object without gap or overlap', () => {
  const sizes = fc.integer({ min: 1, max: 50_000_000_000_000 });
  const partSizes = fc.integer({ min: 5 * 1024 ** 2, max: 5 * 1024 ** 3 });
  fc.assert(
    fc.property(sizes, partSizes, (size, partBytes) => {
      fc.pre(size / partBytes < 20_000);
      let expected = 0;
      const ranges = partRanges(size, partBytes);
      for (const range of ranges) {
        const [first, last] = (/^bytes=(\d+)-(\d+)$/.exec(range) ?? []).slice(1).map(Number);
        if (first !== expected || last === undefined || last < first) return false;
        expected = last + 1;
      }
      return expected === size && ranges.length <= 10_000;
    }),
    { numRuns: 30 },
  );
});
