import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createPartSchedule, firstPartBytes, largestPartFor, s3PartLimits } from './part-schedule.js';

const mebibyte = 1024 * 1024;
const gibibyte = 1024 * mebibyte;
const tebibyte = 1024 * gibibyte;

function sizes(largest: number): number[] {
  const schedule = createPartSchedule(largest);
  return Array.from({ length: s3PartLimits.parts }, (_, index) => schedule.sizeOf(index + 1));
}

describe('the part schedule', () => {
  it('reaches 48 TiB in 10,000 parts of up to 5 GiB', () => {
    const all = sizes(5 * gibibyte);
    const reach = all.reduce((sum, size) => sum + size, 0);
    expect(reach).toBeGreaterThanOrEqual(48 * tebibyte);
    expect(reach).toBeLessThanOrEqual(50_000 * gibibyte);
    expect(createPartSchedule(5 * gibibyte).reachBytes).toBe(reach);
  });

  it('keeps to the sizes that S3 takes, never shrinks, and reaches as far as it says, whatever the largest part is', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 640 }), (multiple) => {
        const largest = multiple * firstPartBytes;
        const all = sizes(largest);
        expect(all[0]).toBe(firstPartBytes);
        expect(all.every((size) => size >= s3PartLimits.smallestBytes && size <= largest)).toBe(true);
        expect(all.every((size, index) => size >= (all[index - 1] ?? 0))).toBe(true);
        const reach = all.reduce((sum, size) => sum + size, 0);
        expect(createPartSchedule(largest).reachBytes).toBe(reach);
        expect(reach).toBeGreaterThanOrEqual(0.74 * s3PartLimits.parts * largest);
      }),
      { numRuns: 60 },
    );
  });

  it('has the sizes in memory that its description names', () => {
    const reach = (uploadMemory: number) => createPartSchedule(largestPartFor(uploadMemory)).reachBytes;
    expect(largestPartFor(256 * mebibyte)).toBe(64 * mebibyte);
    expect(Math.floor(reach(256 * mebibyte) / gibibyte)).toBe(492);
    expect(reach(gibibyte) / tebibyte).toBeCloseTo(1.8, 1);
    expect(reach(4 * gibibyte) / tebibyte).toBeCloseTo(7.3, 1);
    expect(reach(20 * gibibyte)).toBeGreaterThanOrEqual(48 * tebibyte);
  });

  it('stays at 8 MiB for the first gigabytes', () => {
    expect(createPartSchedule(64 * mebibyte).sizeOf(1000)).toBe(8 * mebibyte);
    expect(createPartSchedule(64 * mebibyte).sizeOf(1001)).toBe(16 * mebibyte);
  });

  it.each([0, firstPartBytes - 1, firstPartBytes + 1, 6 * gibibyte, Number.NaN])('refuses %s', (largest) => {
    expect(() => createPartSchedule(largest)).toThrow('multiple of 8 MiB');
  });
});
