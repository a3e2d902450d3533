import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ManualClock } from '../testing/manual-clock.js';
import { MirrorWorld } from '../testing/mirror-world.js';

/** Returns a world with files on disk whose prefix is no longer mirrored. */
async function mirroredBefore(): Promise<MirrorWorld> {
  const world = new MirrorWorld();
  await world.put('a', 'plaintext');
  await world.put('d/e/f', 'plaintext');
  await world.put('d/g', 'plaintext');
  await world.put('marked/', '');
  expect(await world.run()).toMatchObject({ result: 'complete', fetched: 3 });
  await world.restart();
  world.sources = () => [];
  world.cleared = () => [{ name: 'downloads/alice', directory: world.directory }];
  return world;
}

async function remembered(world: MirrorWorld): Promise<readonly string[]> {
  const entries = await (await world.state()).page('downloads/alice', null, 100);
  return entries.map(({ path }) => path);
}

async function started(world: MirrorWorld): Promise<void> {
  (await world.mirror()).start();
}

/** Long timeout, because test machines are busy. */
const patiently = { timeout: 20_000, interval: 10 };

describe('a directory that is no longer mirrored', () => {
  it('is emptied without a request to S3, and mirrored again when it becomes a source again', async () => {
    await using world = await mirroredBefore();
    const clock = new ManualClock();
    world.clock = clock;
    const { pages } = world.store;
    world.takeReads();
    await started(world);
    await expect.poll(() => remembered(world), patiently).toEqual([]);
    expect(await world.onDisk()).toEqual({});
    expect(world.store.pages).toBe(pages);
    expect(world.takeReads()).toBe(0);
    expect(await world.pathsInS3()).toHaveLength(4);
    expect(world.ledger.steps).toEqual([]);

    const cleared = world.cleared;
    world.cleared = () => [];
    world.sources = () => [world.source()];
    const wanted = { a: 'plaintext', 'd/': null, 'd/e/': null, 'd/e/f': 'plaintext', 'd/g': 'plaintext' };
    await expect
      .poll(async () => {
        await clock.advance(2_500);
        return world.onDisk();
      }, patiently)
      .toEqual({ ...wanted, 'marked/': null });
    world.sources = () => [];
    world.cleared = cleared;
    await expect
      .poll(async () => {
        await clock.advance(2_500);
        return world.onDisk();
      }, patiently)
      .toEqual({});
  });

  it('loses the staged files of an earlier process, even if nothing was mirrored yet', async () => {
    await using world = new MirrorWorld();
    const staging = join(dirname(world.directory), '.downloads.sftpgw-aside');
    await mkdir(world.directory, { recursive: true });
    await mkdir(staging);
    await writeFile(join(staging, 'run-1'), 'half a plaintext');
    world.sources = () => [];
    world.cleared = () => [{ name: 'downloads/alice', directory: world.directory }];
    await started(world);
    await expect.poll(() => readdir(staging), patiently).toEqual([]);
  });

  it('keeps files that the mirror did not create, and logs them', async () => {
    await using world = await mirroredBefore();
    await writeFile(join(world.directory, 'd', 'own'), 'put there by hand');
    await started(world);
    await expect.poll(() => remembered(world), patiently).toEqual([]);
    expect(await world.onDisk()).toEqual({ 'd/': null, 'd/own': 'put there by hand' });
    await expect
      .poll(() => world.lines.filter(({ level }) => level === 'warn'), patiently)
      .toMatchObject([{ fields: { file: join(world.directory, 'd', 'own') } }]);
  });

  it('is empty after the next start, at whichever step the process died', async () => {
    const reached = new Set<string>();
    for (let number = 1; ; number += 1) {
      await using world = await mirroredBefore();
      let count = 0;
      world.checkpoint = async (step) => {
        count += 1;
        if (count < number) return;
        reached.add(step);
        await new Promise(() => undefined);
      };
      await started(world);
      await expect
        .poll(async () => count >= number || (await remembered(world)).length === 0, patiently)
        .toBe(true);
      if (count < number) break;
      await world.crash();
      world.checkpoint = async () => undefined;
      await started(world);
      await expect.poll(() => remembered(world), { ...patiently, message: `after ${number}` }).toEqual([]);
      expect(await world.onDisk(), `after ${number}`).toEqual({});
    }
    for (const step of ['delete', 'remove-directory', 'sync directories', 'conclude'])
      expect(reached).toContain(step);
  });
});
