import { beforeEach, describe, expect, it } from 'vitest';
import { DiskSpace } from './disk-space.js';
import type { MirrorDisk } from './mirror-disk.js';

const block = 4096;
let freeBytes: number;
let reserveBytes: number;
let measurements: number;
let space: DiskSpace;

beforeEach(() => {
  freeBytes = 10 * block;
  reserveBytes = 0;
  measurements = 0;
  const disk = {
    freeBytes: async () => {
      measurements += 1;
      return freeBytes;
    },
  } as unknown as MirrorDisk;
  space = new DiskSpace(disk, () => reserveBytes);
});

async function claimed(size: number): Promise<() => void> {
  const release = await space.claim(size);
  if (release === null) throw new Error('there is no space');
  return release;
}

describe('space on a disk', () => {
  it('is counted in blocks, with one for the file itself', async () => {
    freeBytes = 2 * block;
    expect(await space.claim(block + 1)).toBeNull();
    await claimed(block);
    expect(await space.claim(0)).toBeNull();
  });

  it('does not include the reserve', async () => {
    reserveBytes = 8 * block;
    expect(await space.claim(block + 1)).toBeNull();
    await claimed(block);
    reserveBytes = 0;
    await claimed(7 * block);
  });

  it('is not given twice while files are written', async () => {
    await claimed(4 * block);
    await claimed(4 * block);
    expect(space.isClaimed).toBe(true);
    expect(await space.claim(0)).toBeNull();
  });

  it('is free again only when the disk reports it, after a claim has ended', async () => {
    const release = await claimed(8 * block);
    release();
    release();
    expect(space.isClaimed).toBe(false);
    // The file is on the disk now.
    freeBytes = block;
    expect(await space.claim(block)).toBeNull();
    freeBytes = 10 * block;
    await claimed(8 * block);
  });

  it('is not counted twice by a claim that is released twice', async () => {
    const first = await claimed(2 * block);
    const second = await claimed(2 * block);
    first();
    first();
    expect(space.isClaimed).toBe(true);
    second();
    expect(space.isClaimed).toBe(false);
  });

  it('is measured once for many files, and again before one is refused', async () => {
    freeBytes = 1e9;
    for (let count = 0; count < 256; count += 1) (await claimed(1))();
    expect(measurements).toBe(1);
    (await claimed(1))();
    expect(measurements).toBe(2);
    expect(await space.claim(2e9)).toBeNull();
    expect(measurements).toBe(3);
    freeBytes = 3e9;
    await claimed(2e9);
  });

  it('is measured again after the disk was full unexpectedly', async () => {
    (await claimed(1))();
    freeBytes = 0;
    space.distrust();
    expect(await space.claim(1)).toBeNull();
    expect(measurements).toBeGreaterThan(1);
  });
});
