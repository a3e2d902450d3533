import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Fault } from '../../model/fault.js';
import { call, keyNamed } from '../../vault/testing/vault-world.js';
import { MirrorWorld } from '../testing/mirror-world.js';

let world: MirrorWorld;

beforeEach(() => {
  world = new MirrorWorld();
});
afterEach(async () => {
  expect(await world.stagedNames()).toEqual([]);
  await world[Symbol.asyncDispose]();
});

async function removeFile(path: string): Promise<void> {
  await (await world.mirror()).removeFile(call(), 'downloads/alice', path, 'alice');
}

/** Long timeout, because test machines are busy. */
const patiently = { timeout: 20_000, interval: 10 };

describe('a removal by a user', () => {
  it('removes the object from S3, then the file, then directories that became empty', async () => {
    await world.put('a', 'stays');
    await world.put('d/e/f', 'goes');
    await world.run();
    const steps: string[] = [];
    world.memory.hooks.after = (operation) => void (operation === 'remove' && steps.push('object'));
    world.checkpoint = async (step) => void steps.push(step);
    await removeFile('d/e/f');
    expect(steps.slice(0, 3)).toEqual(['object', 'sync files', 'announce']);
    expect(await world.pathsInS3()).toEqual(['a']);
    expect(await world.onDisk()).toEqual({ a: 'stays' });
    expect(world.ledger.steps).toEqual(['beginRemoval', 'endRemoval']);
    expect(await world.run()).toMatchObject({ result: 'complete', fetched: 0, deleted: 0, unchanged: 1 });
  });

  it('keeps a directory that has a marker', async () => {
    await world.put('d/', '');
    await world.put('d/f', 'x');
    await world.run();
    await removeFile('d/f');
    expect(await world.onDisk()).toEqual({ 'd/': null });
  });

  it('refuses an object that changed in S3, and fetches the new content', async () => {
    await world.put('f', 'seen');
    await world.run();
    await world.put('f', 'newer');
    await expect(removeFile('f')).rejects.toMatchObject({ kind: 'conflict' });
    expect(await world.pathsInS3()).toEqual(['f']);
    await expect.poll(() => readFile(join(world.directory, 'f'), 'utf8'), patiently).toBe('newer');
    await removeFile('f');
    expect(await world.pathsInS3()).toEqual([]);
    expect(await world.onDisk()).toEqual({});
  });

  it('refuses an object that is written between the comparison and the removal', async () => {
    await world.put('f', 'seen');
    await world.run();
    let writes = 1;
    world.memory.hooks.before = async (operation) => {
      if (operation !== 'remove' || writes === 0) return;
      writes -= 1;
      await world.put('f', 'newer');
    };
    await expect(removeFile('f')).rejects.toMatchObject({ kind: 'conflict' });
    expect(await world.pathsInS3()).toEqual(['f']);
  });

  it('works without a condition if S3 does not support it', async () => {
    await world.put('f', 'seen');
    await world.run();
    let conditions = 0;
    world.memory.hooks.beforeRemoval = ({ ifMatch }) => {
      if (ifMatch === undefined) return;
      conditions += 1;
      throw new Fault('unsupported', 'no conditions here');
    };
    await removeFile('f');
    expect(conditions).toBe(1);
    expect(await world.onDisk()).toEqual({});
  });

  it('refuses a newer version that no key opens', async () => {
    await world.put('f', 'seen');
    await world.run();
    await world.put('f', 'sealed', keyNamed('bob'));
    expect(await world.run()).toMatchObject({ result: 'problems' });
    await expect(removeFile('f')).rejects.toMatchObject({ kind: 'conflict' });
    expect(await world.pathsInS3()).toEqual(['f']);
    expect(await world.onDisk()).toEqual({ f: 'seen' });
  });

  it('removes only the file if the object is gone already', async () => {
    await world.put('f', 'x');
    await world.run();
    await world.remove('f');
    await removeFile('f');
    expect(await world.onDisk()).toEqual({});
  });

  it('refuses a file that was changed on disk or that the mirror did not create', async () => {
    await world.put('f', 'mirrored');
    await world.run();
    await writeFile(join(world.directory, 'f'), 'written over');
    await writeFile(join(world.directory, 'own'), 'put there by hand');
    await expect(removeFile('f')).rejects.toMatchObject({ kind: 'conflict' });
    await expect(removeFile('own')).rejects.toMatchObject({ kind: 'conflict' });
    expect(await world.pathsInS3()).toEqual(['f']);
    await expect.poll(() => readFile(join(world.directory, 'f'), 'utf8'), patiently).toBe('mirrored');
  });

  it('keeps the file if S3 refuses to remove the object', async () => {
    await world.put('f', 'x');
    await world.run();
    world.memory.hooks.before = (operation) => {
      if (operation === 'remove') throw new Fault('denied', 'no permission');
    };
    await expect(removeFile('f')).rejects.toMatchObject({ kind: 'denied' });
    expect(await world.onDisk()).toEqual({ f: 'x' });
  });

  it('is not undone by a pass with an older listing', async () => {
    await world.put('d/f', 'x');
    await world.put('g', 'y');
    await world.run();
    world.takeReads();
    let release = () => {};
    const { pages } = world.store;
    world.store.afterPage = () =>
      new Promise((resolve) => {
        release = resolve;
      });
    const pass = world.run();
    await expect.poll(() => world.store.pages, patiently).toBeGreaterThan(pages);
    world.store.afterPage = () => undefined;
    await removeFile('d/f');
    release();
    expect(await pass).toMatchObject({ result: 'complete', fetched: 0 });
    expect(Object.keys(await world.onDisk())).not.toContain('d/f');
    expect(await world.run()).toMatchObject({ result: 'complete' });
    expect(await world.onDisk()).toEqual({ g: 'y' });
    expect(world.takeReads()).toBe(0);
  });

  it('is finished by the next pass after a crash', async () => {
    for (let number = 1; ; number += 1) {
      await using one = new MirrorWorld();
      await one.put('a', 'stays');
      await one.put('d/f', 'goes');
      await one.run();
      let count = 0;
      const mirror = await one.mirror();
      const died = new Promise<boolean>((resolve, reject) => {
        one.checkpoint = async () => {
          count += 1;
          if (count < number) return;
          resolve(true);
          await new Promise(() => undefined);
        };
        mirror.removeFile(call(), 'downloads/alice', 'd/f', 'alice').then(() => resolve(false), reject);
      });
      if (!(await died)) break;
      await one.crash();
      one.checkpoint = async () => undefined;
      expect(await one.run(), `after step ${number}`).toMatchObject({ result: 'complete', fetched: 0 });
      expect(await one.onDisk(), `after step ${number}`).toEqual({ a: 'stays' });
    }
  });
});
