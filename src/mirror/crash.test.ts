import { describe, expect, it } from 'vitest';
import { content } from '../vault/testing/vault-world.js';
import { MirrorWorld } from './testing/mirror-world.js';

/** Lets a first process mirror some objects. */
async function mirrored(world: MirrorWorld): Promise<void> {
  await world.put('stays', 'stays');
  await world.put('changes', 'old');
  await world.put('goes/deep/f', 'goes');
  await world.put('goes/g', 'goes');
  await world.put('file-then-directory', 'file');
  await world.put('directory-then-file/f', 'directory');
  expect(await world.run()).toMatchObject({ result: 'complete' });
}

/** Changes the objects in S3 before the crash. Returns the files that the directory should then have. */
async function changed(world: MirrorWorld): Promise<Record<string, string | null>> {
  await world.put('changes', 'new');
  await world.put('large', content(300_000));
  await world.put('new/deep/f', 'new');
  await world.put('new/g', 'new');
  for (const path of ['goes/deep/f', 'goes/g', 'file-then-directory', 'directory-then-file/f'])
    await world.remove(path);
  await world.put('file-then-directory/f', 'directory');
  await world.put('directory-then-file', 'file');
  return {
    changes: 'new',
    'directory-then-file': 'file',
    'file-then-directory/': null,
    'file-then-directory/f': 'directory',
    large: content(300_000).toString('utf8'),
    'new/': null,
    'new/deep/': null,
    'new/deep/f': 'new',
    'new/g': 'new',
    stays: 'stays',
  };
}

/**
 * Runs until the step with this number begins, or to the end. Returns the step's name, or null at the end.
 */
async function runUntil(world: MirrorWorld, number: number): Promise<string | null> {
  let count = 0;
  return new Promise((resolve, reject) => {
    world.checkpoint = async (step) => {
      count += 1;
      if (count < number) return;
      if (count === number) resolve(step);
      // The process is dead and does nothing more.
      await new Promise(() => undefined);
    };
    world.run().then(() => resolve(null), reject);
  });
}

describe('a crash', () => {
  it('before any durable step is repaired at the next start, without fetching correct files again', async () => {
    const reached: string[] = [];
    for (let number = 1; ; number += 1) {
      await using world = new MirrorWorld();
      world.settings = { ...world.settings, rangeBytes: 100_000, parallelRanges: 2, parallelFetches: 4 };
      await mirrored(world);
      const wanted = await changed(world);
      const step = await runUntil(world, number);
      if (step === null) break;
      reached.push(step);
      const found = await world.onDisk();
      const right = Object.keys(wanted).filter((path) => found[path] === wanted[path]);
      await world.crash();
      world.checkpoint = async () => undefined;
      const read = new Set<string>();
      world.memory.hooks.before = (operation, ref) => {
        if (operation === 'read' && ref !== null) read.add(ref.key.slice(world.prefix.length));
      };
      expect(await world.run(), `after ${number}, ${step}`).toMatchObject({ result: 'complete' });
      expect(await world.onDisk(), `after ${number}, ${step}`).toEqual(wanted);
      expect([...read].filter((path) => right.includes(path))).toEqual([]);
      expect(await world.stagedNames()).toEqual([]);
      read.clear();
      expect(await world.run()).toMatchObject({ result: 'complete', fetched: 0, deleted: 0 });
    }
    expect(new Set(reached)).toEqual(
      new Set([
        'sync files',
        'announce',
        'make-directory',
        'delete',
        'remove-directory',
        'place',
        'sync directories',
        'conclude',
      ]),
    );
  });

  it('followed by further changes in S3 leaves no trace of the interrupted work', async () => {
    for (let number = 1; ; number += 1) {
      await using world = new MirrorWorld();
      await mirrored(world);
      await changed(world);
      if ((await runUntil(world, number)) === null) break;
      await world.crash();
      world.checkpoint = async () => undefined;
      for (const path of ['new/deep/f', 'new/g', 'large', 'directory-then-file', 'file-then-directory/f']) {
        await world.remove(path);
      }
      expect(await world.run()).toMatchObject({ result: 'complete' });
      expect(await world.onDisk(), `after ${number}`).toEqual({ changes: 'new', stays: 'stays' });
    }
  });
});
