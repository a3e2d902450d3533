import type { StatsFs } from 'node:fs';
import type { statfs } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { checkDisk } from './readiness-checks.js';

/** A disk with this space and these inodes left. */
function disk(freeMiB: number, freeInodes: number): typeof statfs {
  const facts = { bsize: 1024 ** 2, bavail: freeMiB, ffree: freeInodes, files: 1000 };
  return (async () => facts as StatsFs) as unknown as typeof statfs;
}

describe('the check of the disk', () => {
  it('fails below 64 MiB or without inodes, and passes again', async () => {
    await expect(checkDisk('/var', disk(63, 9))).rejects.toMatchObject({
      kind: 'over-quota',
      hint: 'the disk of /var has 63 MiB left: free space on it',
    });
    await expect(checkDisk('/var', disk(99, 0))).rejects.toMatchObject({ kind: 'over-quota' });
    await checkDisk('/var', disk(64, 1));
  });
});
