import { describe, expect, it } from 'vitest';
import { type PathClaim, PathOrder } from './path-order.js';

/** Starts `second` while `first` runs. Returns true if `second` waits. */
async function waits(first: readonly PathClaim[], second: readonly PathClaim[]): Promise<boolean> {
  const order = new PathOrder();
  let end = (): void => undefined;
  const running = order.run(first, () => new Promise<void>((resolve) => (end = resolve)));
  let hasBegun = false;
  const later = order.run(second, async () => {
    hasBegun = true;
  });
  const waited = !hasBegun;
  end();
  await running;
  await later;
  expect(hasBegun).toBe(true);
  return waited;
}

const read = (path: string): PathClaim => ({ path, access: 'read' });
const list = (path: string): PathClaim => ({ path, access: 'list' });
const write = (path: string): PathClaim => ({ path, access: 'write' });

describe('requests about names', () => {
  it.each([
    ['two changes of one name', [write('/a')], [write('/a')]],
    ['a read of a name that is being changed', [write('/a')], [read('/a')]],
    ['a change of a name that is being read', [read('/a')], [write('/a')]],
    ['a change below a directory that is being created', [write('/a')], [write('/a/b')]],
    ['the removal of a directory after a change below it', [write('/a/b/c')], [write('/a')]],
    ['a read below a directory that is being changed', [write('/a')], [read('/a/b')]],
    ['a listing of the directory in which a name is being changed', [write('/a/b')], [list('/a')]],
    ['a listing of the root while a name is being changed', [write('/b')], [list('/')]],
    ['either name of a rename', [write('/a'), write('/b')], [read('/b')]],
  ])('keep their order: %s', async (_, first, second) => {
    expect(await waits(first, second)).toBe(true);
  });

  it.each([
    ['a read and a listing', [read('/a')], [list('/a')]],
    ['changes of two names in one directory', [write('/a/b')], [write('/a/c')]],
    ['changes of two names of which one is a prefix', [write('/a/b')], [write('/a/bc')]],
    ['a read of the directory in which a name is being changed', [write('/a/b')], [read('/a')]],
  ])('run in parallel: %s', async (_, first, second) => {
    expect(await waits(first, second)).toBe(false);
  });

  it('continue after one that failed', async () => {
    const order = new PathOrder();
    const failing = order.run([write('/a')], () => Promise.reject(new Error('no')));
    const after = order.run([write('/a')], async () => 'done');
    await expect(failing).rejects.toThrow('no');
    expect(await after).toBe('done');
  });
});
