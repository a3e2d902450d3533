import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { vaultLimits } from '../limits.js';
import {
  createPartSchedule,
  firstPartBytes,
  maxPartFor,
  memoryPartFor,
  type PartSchedule,
  s3PartLimits,
} from './part-schedule.js';

const mebibyte = 1024 * 1024;
const gibibyte = 1024 * mebibyte;
const tebibyte = 1024 * gibibyte;

/** Returns the sizes of 10,000 parts; `send` may send a part smaller than planned. */
function sizes(schedule: PartSchedule, send = (planned: number, _part: number) => planned): number[] {
  const all: number[] = [];
  let start = 0;
  for (let part = 1; part <= s3PartLimits.parts; part += 1) {
    const size = send(schedule.sizeOf(part, start), part);
    all.push(size);
    start += size;
  }
  return all;
}

function sum(all: readonly number[]): number {
  return all.reduce((total, size) => total + size, 0);
}

/** Returns the number of bytes at the beginning of a file that never use the disk. */
function inMemory(schedule: PartSchedule): number {
  return sum(sizes(schedule).filter((size) => size <= schedule.memoryPartBytes));
}

function isSortedAndAllowed(all: readonly number[], maxBytes: number): boolean {
  return all.every(
    (size, index) => size >= s3PartLimits.minBytes && size <= maxBytes && size >= (all[index - 1] ?? 0),
  );
}

const uploadMemory = fc.oneof(
  fc.integer({ min: 32 * mebibyte, max: 1024 * mebibyte }),
  fc.integer({ min: 32 * mebibyte, max: 64 * gibibyte }),
);

describe('the part schedule', () => {
  it('reaches 48 TiB in 10,000 parts whatever the upload memory is, and keeps no part in memory that is too large', async () => {
    await fc.assert(
      fc.property(uploadMemory, (uploadMemoryBytes) => {
        const limits = vaultLimits({ uploadMemoryBytes, maxFileBytes: 48 * tebibyte });
        const schedule = createPartSchedule(limits);
        const all = sizes(schedule);
        expect(schedule.capacityBytes).toBe(sum(all));
        expect(schedule.capacityBytes).toBeGreaterThanOrEqual(48 * tebibyte);
        expect(all[0]).toBe(firstPartBytes);
        expect(isSortedAndAllowed(all, 5 * gibibyte)).toBe(true);
        expect(schedule.memoryPartBytes).toBeLessThanOrEqual(Math.max(firstPartBytes, uploadMemoryBytes / 4));
        // There are no sizes between the largest part in memory and 5 GiB.
        const onDisk = all.filter((size) => size > schedule.memoryPartBytes);
        expect(onDisk.every((size) => size === 5 * gibibyte)).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  it('stays in memory as long as 10,000 parts still reach 48 TiB', async () => {
    await fc.assert(
      fc.property(fc.integer({ min: 32 * mebibyte, max: 16 * gibibyte }), (uploadMemoryBytes) => {
        const { memoryPartBytes, ...schedule } = createPartSchedule(
          vaultLimits({ uploadMemoryBytes, maxFileBytes: 48 * tebibyte }),
        );
        const all = sizes({ memoryPartBytes, ...schedule });
        const spare = sum(all) - 48 * tebibyte;
        // At most one more part could be in memory, apart from the steps.
        expect(spare).toBeLessThan(5 * gibibyte);
      }),
      { numRuns: 60 },
    );
  });

  it('compensates for parts that were sent smaller than planned while memory was short', async () => {
    await fc.assert(
      fc.property(
        uploadMemory,
        fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 40 }),
        (uploadMemoryBytes, shares) => {
          const schedule = createPartSchedule(
            vaultLimits({ uploadMemoryBytes, maxFileBytes: 48 * tebibyte }),
          );
          const all = sizes(schedule, (planned, part) => {
            if (planned > schedule.memoryPartBytes) return planned;
            const { minBytes } = s3PartLimits;
            const share = shares[part % shares.length] ?? 1;
            return Math.max(minBytes, Math.floor(planned * share));
          });
          if (schedule.memoryPartBytes < schedule.maxPartBytes) {
            expect(sum(all)).toBeGreaterThanOrEqual(48 * tebibyte);
          }
          // Parts never return to memory once they are on disk.
          const first = all.findIndex((size) => size > schedule.memoryPartBytes);
          if (first >= 0) expect(all.slice(first).every((size) => size === 5 * gibibyte)).toBe(true);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('reaches three quarters of the maximum without enough scratch space, and stays within the space', async () => {
    await fc.assert(
      fc.property(
        uploadMemory,
        fc.integer({ min: 0, max: 5 * gibibyte - 1 }),
        (uploadMemoryBytes, scratchLimitBytes) => {
          const limits = vaultLimits({ uploadMemoryBytes, scratchLimitBytes, maxFileBytes: 48 * tebibyte });
          const schedule = createPartSchedule(limits);
          const all = sizes(schedule);
          const maxBytes = Math.max(schedule.memoryPartBytes, scratchLimitBytes);
          expect(isSortedAndAllowed(all, maxBytes)).toBe(true);
          const onDisk = all.filter((size) => size > schedule.memoryPartBytes);
          expect(Math.max(0, ...onDisk)).toBeLessThanOrEqual(scratchLimitBytes);
          expect(schedule.capacityBytes).toBe(sum(all));
          expect(sum(all)).toBeGreaterThanOrEqual(
            0.74 * s3PartLimits.parts * Math.min(schedule.maxPartBytes, 5 * gibibyte),
          );
        },
      ),
      { numRuns: 60 },
    );
  });

  it('keeps as much in memory as its documentation states', () => {
    const start = (uploadMemoryBytes: number, maxFileBytes: number) =>
      inMemory(createPartSchedule(vaultLimits({ uploadMemoryBytes, maxFileBytes }))) / gibibyte;
    expect(memoryPartFor(256 * mebibyte)).toBe(64 * mebibyte);
    expect(Math.round(start(160 * mebibyte, 48 * tebibyte))).toBe(6);
    expect(start(256 * mebibyte, 48 * tebibyte)).toBeGreaterThan(9);
    expect(start(gibibyte, 48 * tebibyte)).toBeGreaterThan(36);
    expect(start(20 * gibibyte, 48 * tebibyte)).toBeGreaterThanOrEqual(48 * 1024);
    expect(vaultLimits({}).maxFileBytes).toBe(5 * tebibyte);
    expect(start(160 * mebibyte, 5 * tebibyte)).toBeGreaterThan(315);
    expect(start(256 * mebibyte, 5 * tebibyte)).toBeGreaterThan(487);
    expect(start(gibibyte, 5 * tebibyte)).toBeGreaterThan(1.9 * 1024);
    expect(start(20 * gibibyte, 5 * tebibyte)).toBeGreaterThan(5 * 1024);
  });

  it('stays in memory for longer with a lower maximum file size', () => {
    const limits = vaultLimits({ maxFileBytes: 40 * tebibyte });
    expect(createPartSchedule(limits).capacityBytes).toBeGreaterThanOrEqual(40 * tebibyte);
    expect(inMemory(createPartSchedule(limits))).toBeGreaterThan(90 * gibibyte);
    const small = vaultLimits({ scratchLimitBytes: 0 });
    expect(maxPartFor(small.memoryPartBytes, 0)).toBe(64 * mebibyte);
    expect(Math.floor(inMemory(createPartSchedule(small)) / gibibyte)).toBe(492);
  });

  it.each([0, firstPartBytes - 1, firstPartBytes + 1, 6 * gibibyte, Number.NaN])('refuses %s', (maxBytes) => {
    const options = { memoryPartBytes: firstPartBytes, maxFileBytes: tebibyte };
    expect(() => createPartSchedule({ ...options, maxPartBytes: maxBytes })).toThrow('multiple of 8 MiB');
    const swapped = { memoryPartBytes: maxBytes, maxPartBytes: 5 * gibibyte, maxFileBytes: tebibyte };
    expect(() => createPartSchedule(swapped)).toThrow('multiple of 8 MiB');
  });
});
