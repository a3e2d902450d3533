import { describe, expect, it } from 'vitest';
import { type DiskSpace, SpaceReserve } from './space-reserve.js';

const MiB = 1024 ** 2;
const full = {
  kind: 'over-quota',
  hint: '"/local/a" cannot be written: the disk of the gateway is almost full',
};

function reserveOf(space: Partial<DiskSpace>) {
  const disk: { -readonly [Name in keyof DiskSpace]: DiskSpace[Name] } = {
    bavail: 10_000,
    bsize: MiB,
    blocks: 100_000,
    ffree: 500_000,
    files: 1_000_000,
    ...space,
  };
  let asked = 0;
  const reserve = new SpaceReserve('/nowhere', async () => {
    asked += 1;
    return disk;
  });
  return { disk, reserve, asked: () => asked };
}

describe('the reserve of a disk', () => {
  it.each(['bytes', 'files'] as const)(
    'is checked again once the %s that it granted are used',
    async (what) => {
      const { reserve, asked, disk } = reserveOf({ bavail: 256 + 16, ffree: 10_000 + 64 });
      const each = what === 'bytes' ? { bytes: MiB } : { files: 1 };
      for (let used = what === 'bytes' ? 16 : 64; used > 0; used -= 1)
        await reserve.require('/local/a', each);
      expect(asked()).toBe(1);
      Object.assign(disk, { bavail: 256, ffree: 10_000 });
      await expect(reserve.require('/local/a', each)).rejects.toMatchObject(full);
      expect(asked()).toBe(2);
    },
  );

  it('is 256 MiB on a large disk, and a twentieth of a small one', async () => {
    const large = reserveOf({ bavail: 257 });
    await large.reserve.require('/local/a', { bytes: MiB });
    await expect(large.reserve.require('/local/a', { bytes: 1 })).resolves.toBeUndefined();
    const used = reserveOf({ bavail: 256 });
    await expect(used.reserve.require('/local/a', { bytes: 1 })).rejects.toMatchObject(full);
    const small = reserveOf({ blocks: 100, bavail: 6 });
    await small.reserve.require('/local/a', { bytes: MiB });
    await expect(
      reserveOf({ blocks: 100, bavail: 5 }).reserve.require('/local/a', { bytes: 1 }),
    ).rejects.toMatchObject(full);
  });

  it('applies to inodes too, where the file system has a fixed number', async () => {
    await expect(
      reserveOf({ ffree: 10_000 }).reserve.require('/local/a', { files: 1 }),
    ).rejects.toMatchObject(full);
    await reserveOf({ ffree: 10_001 }).reserve.require('/local/a', { files: 1 });
    await reserveOf({ ffree: 0, files: 0 }).reserve.require('/local/a', { files: 1 });
  });

  it('is checked again after 16 MiB, not at every write, and then refuses a full disk', async () => {
    const { disk, reserve, asked } = reserveOf({});
    for (let written = 0; written < 16 * MiB; written += MiB / 4) {
      await reserve.require('/local/a', { bytes: MiB / 4 });
    }
    expect(asked()).toBe(1);
    disk.bavail = 100;
    await expect(reserve.require('/local/a', { bytes: 1 })).rejects.toMatchObject(full);
  });

  it('does not apply before the directory exists', async () => {
    await new SpaceReserve('/nowhere/at/all').require('/local/a', { files: 1 });
  });
});
