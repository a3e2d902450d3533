import { describe, expect, it } from 'vitest';
import { areLent, holdersOf } from '../bytes/buffer-pool.js';
import { SshSlabs } from './slab-pool.js';

describe('slabs of the SSH server', () => {
  it('are lent buffers, reused when nothing holds them', () => {
    const slabs = new SshSlabs();
    const slab = slabs.lend(1000);
    const view = slab.subarray(5, 10);
    slabs.retain(view);
    slabs.release(slab);
    expect([areLent(view), holdersOf(view), slabs.holders(view)]).toEqual([true, 1, 1]);
    slabs.release(view);
    expect(slabs.holders(view)).toBe(0);
    expect(slabs.lend(1000).buffer).toBe(slab.buffer);
  });

  it('are as large as a packet needs', () => {
    const slabs = new SshSlabs();
    expect(slabs.lend(1).byteLength).toBe(256 * 1024);
    expect(slabs.lend(300_000).byteLength).toBeGreaterThanOrEqual(300_000);
  });
});
