import { describe, expect, it } from 'vitest';
import { defaultVaultLimits, type VaultLimits, vaultLimits } from './limits.js';

const mebibyte = 1024 * 1024;

/** The least value of each limit that a vault works with. */
const least: Partial<Record<keyof VaultLimits, number>> = {
  uploadMemoryBytes: 13 * mebibyte,
  uploadAdmissionTimeoutMs: 1,
  parallelParts: 1,
  maxFileBytes: 1,
  reorderWindowBytes: 0,
  scratchLimitBytes: 0,
  zeroFillLimitBytes: 0,
  editMemoryBytes: 0,
  rangeBytes: 256 * 1024,
  readAheadRanges: 1,
  readMemoryBytes: 0,
  resumeTimeMs: 0,
};

describe('the limits of a vault', () => {
  it.each(Object.entries(least))('accept %s from %d on, in whole numbers', (name, value) => {
    expect(vaultLimits({ [name]: value })).toMatchObject({ [name]: value });
    for (const wrong of [value - 1, value + 0.5, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(() => vaultLimits({ [name]: wrong })).toThrowError(
        expect.objectContaining({ kind: 'invalid', hint: expect.stringContaining(name) }),
      );
    }
  });

  it('are the defaults unless others are given', () => {
    expect(vaultLimits({})).toEqual(defaultVaultLimits);
    expect(vaultLimits({ parallelParts: 7 })).toEqual({ ...defaultVaultLimits, parallelParts: 7 });
  });

  it('derive the sizes of parts from the memory and the scratch space', () => {
    expect(defaultVaultLimits.memoryPartBytes).toBe(64 * mebibyte);
    expect(vaultLimits({ uploadMemoryBytes: 1024 * mebibyte }).memoryPartBytes).toBe(256 * mebibyte);
    expect(vaultLimits({ uploadMemoryBytes: 32 * mebibyte, scratchLimitBytes: 0 })).toMatchObject({
      memoryPartBytes: 8 * mebibyte,
      maxPartBytes: 8 * mebibyte,
    });
    // A part is never planned in memory that is larger than the largest part.
    expect(vaultLimits({ maxPartBytes: 16 * mebibyte })).toMatchObject({
      memoryPartBytes: 16 * mebibyte,
      maxPartBytes: 16 * mebibyte,
    });
    expect(vaultLimits({ memoryPartBytes: 8 * mebibyte }).memoryPartBytes).toBe(8 * mebibyte);
  });
});
