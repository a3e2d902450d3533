import { mkdir, readFile, rm, stat, symlink, truncate, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Fault } from '../model/fault.js';
import { content, keyNamed } from '../vault/testing/vault-world.js';
import { MirrorWorld } from './testing/mirror-world.js';

let world: MirrorWorld;

beforeEach(() => {
  world = new MirrorWorld();
});
afterEach(async () => {
  expect(await world.stagedNames()).toEqual([]);
  await world[Symbol.asyncDispose]();
});

describe('a pass', () => {
  it('brings the directory up to date with S3: additions, changes, deletions', async () => {
    await world.put('a', 'one');
    await world.put('d/e/b', 'two');
    expect(await world.run()).toMatchObject({ result: 'complete', listed: 2, fetched: 2, fetchedBytes: 6 });
    expect(await world.onDisk()).toEqual({ a: 'one', 'd/': null, 'd/e/': null, 'd/e/b': 'two' });

    await world.put('a', 'changed');
    await world.remove('d/e/b');
    expect(await world.run()).toMatchObject({ result: 'complete', fetched: 1, deleted: 1 });
    expect(await world.onDisk()).toEqual({ a: 'changed' });
  });

  it('does not fetch correct files again, also after a restart', async () => {
    for (let i = 0; i < 30; i += 1) await world.put(`d${i % 3}/f${i}`, `content ${i}`);
    await world.run();
    world.takeReads();
    expect(await world.run()).toMatchObject({ result: 'complete', unchanged: 30, fetched: 0 });
    await world.restart();
    expect(await world.run()).toMatchObject({ result: 'complete', unchanged: 30, fetched: 0 });
    expect(world.takeReads()).toBe(0);
  });

  it('gives files the time in their metadata, else S3’s time', async () => {
    await world.put('a', 'one', undefined, 1234567890.5);
    await world.put('b', 'two');
    await world.run();
    expect((await stat(join(world.directory, 'a'))).mtimeMs).toBe(1234567890500);
    expect((await stat(join(world.directory, 'b'))).mtimeMs).toBe(world.nowMs);
  });

  it('reads large objects in parallel ranges', async () => {
    world.settings = { ...world.settings, rangeBytes: 64 * 1024, parallelRanges: 3 };
    const bytes = content(1_000_000);
    await world.put('large', bytes);
    await world.run();
    expect((await readFile(join(world.directory, 'large'))).equals(bytes)).toBe(true);
    expect(world.takeReads()).toBe(16);
  });

  it('keeps a directory with a marker, and removes it with the marker', async () => {
    await world.put('d/', '');
    await world.put('d/f', 'x');
    await world.run();
    await world.remove('d/f');
    await world.run();
    expect(await world.onDisk()).toEqual({ 'd/': null });
    await world.remove('d/');
    await world.run();
    expect(await world.onDisk()).toEqual({});
  });

  it('turns files into directories and back', async () => {
    await world.put('a', 'file');
    await world.run();
    await world.remove('a');
    await world.put('a/b', 'below');
    await world.run();
    expect(await world.onDisk()).toEqual({ 'a/': null, 'a/b': 'below' });
    await world.remove('a/b');
    await world.put('a', 'file again');
    await world.run();
    expect(await world.onDisk()).toEqual({ a: 'file again' });
  });

  it('reports names that a file system cannot hold, and never leaves the directory', async () => {
    for (const name of [
      '../out',
      'a/../../out',
      '/abs',
      'a//b',
      './x',
      'a/.',
      `${'n'.repeat(256)}`,
      'c\u0001',
    ]) {
      await world.put(name, 'bad');
    }
    await world.put('conflict', 'file');
    await world.put('conflict-x', 'between');
    await world.put('conflict/below', 'below');
    await world.put('.sftpgw-aside/x', 'reserved');
    const pass = await world.run();
    expect(pass).toMatchObject({ result: 'problems', fetched: 2 });
    expect(await world.onDisk()).toEqual({
      'conflict-x': 'between',
      'conflict/': null,
      'conflict/below': 'below',
    });
    const [status] = await (await world.mirror()).status();
    expect(status).toMatchObject({ problemCount: 10, objects: 2 });
  });
});

describe('keys', () => {
  const bob = keyNamed('bob');

  it('mix in a prefix, and the key of a changed object is tried first', async () => {
    world.keys = [world.keys[0] ?? bob, bob];
    await world.put('a', 'alice');
    await world.put('b', 'bob', bob);
    await world.put('c', 'nobody', 'plain');
    expect(await world.run()).toMatchObject({ result: 'complete', fetched: 3 });
    expect(await world.onDisk()).toEqual({ a: 'alice', b: 'bob', c: 'nobody' });
    world.takeReads();
    await world.put('a', 'alice 2');
    await world.put('b', 'bob 2', bob);
    await world.put('c', 'nobody 2', 'plain');
    await world.run();
    expect(world.takeReads()).toBe(3);
  });

  it('that are missing are reported; the object is tried again only with a new key', async () => {
    await world.put('a', 'alice');
    await world.put('b', 'bob', bob);
    expect(await world.run()).toMatchObject({ result: 'problems', fetched: 1 });
    const [status] = await (await world.mirror()).status();
    expect(status?.problems).toMatchObject([
      { kind: 'no-key', path: 'b', text: expect.stringContaining(world.keys[0]?.fingerprint ?? '?') },
    ]);
    world.takeReads();
    expect(await world.run()).toMatchObject({ result: 'problems' });
    await world.restart();
    expect(await world.run()).toMatchObject({ result: 'problems' });
    expect(world.takeReads()).toBe(0);
    world.keys = [...world.keys, bob];
    expect(await world.run()).toMatchObject({ result: 'complete', fetched: 1 });
    expect(await world.onDisk()).toEqual({ a: 'alice', b: 'bob' });
  });

  it('that are missing keep the last readable version on disk', async () => {
    await world.put('a', 'readable');
    await world.run();
    await world.put('a', 'sealed', bob);
    expect(await world.run()).toMatchObject({ result: 'problems' });
    expect(await world.onDisk()).toEqual({ a: 'readable' });
  });
});

describe('the disk', () => {
  it('is repaired after damage', async () => {
    for (const name of ['gone', 'short', 'touched', 'other', 'd/inside']) await world.put(name, `is ${name}`);
    await world.run();
    const at = (name: string) => join(world.directory, name);
    await rm(at('gone'));
    await truncate(at('short'), 1);
    await utimes(at('touched'), 1, 1);
    await writeFile(at('other.new'), 'not the mirror’s');
    await rm(at('other'));
    await writeFile(at('other'), 'is other');
    await rm(at('d'), { recursive: true });
    expect(await world.run()).toMatchObject({ result: 'complete', fetched: 5 });
    expect(await world.onDisk()).toMatchObject({
      gone: 'is gone',
      short: 'is short',
      'd/inside': 'is d/inside',
    });
  });

  it('is not left through a link in the place of a directory', async () => {
    await mkdir(join(world.root, 'outside'));
    await mkdir(world.directory);
    await symlink('../outside', join(world.directory, 'd'));
    await world.put('d/f', 'x');
    await world.put('e', 'y');
    expect(await world.run()).toMatchObject({ result: 'problems' });
    await expect(readFile(join(world.root, 'outside', 'f'))).rejects.toMatchObject({ code: 'ENOENT' });
    expect(await readFile(join(world.directory, 'e'), 'utf8')).toBe('y');
  });

  it('keeps files that the mirror did not create, and reports those in the way', async () => {
    await world.put('d/f', 'x');
    await world.run();
    await writeFile(join(world.directory, 'd', 'mine'), 'mine');
    await world.remove('d/f');
    expect(await world.run()).toMatchObject({ result: 'problems', deleted: 1 });
    expect(await world.onDisk()).toEqual({ 'd/': null, 'd/mine': 'mine' });
    await rm(join(world.directory, 'd', 'mine'));
    expect(await world.run()).toMatchObject({ result: 'complete' });
    expect(await world.onDisk()).toEqual({});
  });

  it('is not filled beyond the reserve; objects that do not fit are reported and fetched later', async () => {
    await world.put('small', 'x');
    await world.run();
    world.settings = { reserveBytes: 2 ** 60 };
    await world.put('a', content(10));
    await world.put('b', content(5000));
    expect(await world.run()).toMatchObject({ result: 'problems', fetched: 0 });
    const [status] = await (await world.mirror()).status();
    expect(status?.problems.map(({ kind, path }) => [kind, path])).toEqual([
      ['no-room', 'b'],
      ['no-room', 'a'],
    ]);
    world.settings = { reserveBytes: 0 };
    expect(await world.run()).toMatchObject({ result: 'complete', fetched: 2 });
  });
});

describe('a listing', () => {
  it('deletes nothing if it fails', async () => {
    for (let i = 0; i < 20; i += 1) await world.put(`f${i}`, 'x');
    await world.run();
    world.store.beforePage = () => {
      throw new Fault('not-found', 'there is no bucket');
    };
    expect(await world.run()).toMatchObject({ result: 'failed', text: 'there is no bucket' });
    expect(Object.keys(await world.onDisk())).toHaveLength(20);
  });

  it('deletes nothing if it is suddenly empty, until a later one is empty too', async () => {
    for (let i = 0; i < 20; i += 1) await world.put(`f${i}`, 'x');
    await world.run();
    for (let i = 0; i < 20; i += 1) await world.remove(`f${i}`);
    expect(await world.run()).toMatchObject({ result: 'failed', deleted: 0 });
    expect(await world.run()).toMatchObject({ result: 'failed', deleted: 0 });
    await world.restart();
    world.pass(10_000);
    expect(await world.run()).toMatchObject({ result: 'complete', deleted: 20 });
    expect(await world.onDisk()).toEqual({});
  });

  it('has no effect if it was empty by mistake', async () => {
    for (let i = 0; i < 20; i += 1) await world.put(`f${i}`, 'x');
    await world.run();
    const { prefix } = world;
    world.prefix = 'elsewhere/';
    await world.restart();
    expect(await world.run()).toMatchObject({ result: 'failed' });
    world.prefix = prefix;
    await world.restart();
    world.takeReads();
    expect(await world.run()).toMatchObject({ result: 'complete', unchanged: 20 });
    expect(world.takeReads()).toBe(0);
  });
});

describe('a dry run', () => {
  it('returns what a pass would do, and changes nothing', async () => {
    await world.put('stays', 'x');
    await world.put('goes', 'x');
    await world.run();
    await world.remove('goes');
    await world.put('d/comes', 'y');
    const actions = [];
    for await (const batch of (await world.mirror()).dryRun('downloads/alice')) actions.push(...batch);
    expect(actions.map((action) => [action.kind, 'path' in action ? action.path : ''])).toEqual([
      ['make-directory', 'd/'],
      ['fetch', 'd/comes'],
      ['delete', 'goes'],
      ['leave', 'stays'],
    ]);
    expect(await world.onDisk()).toEqual({ stays: 'x', goes: 'x' });
  });
});

describe('a mirror without changes', () => {
  it('writes its status once an hour', async () => {
    const state = await world.state();
    const save = state.saveRecord.bind(state);
    let saved = 0;
    state.saveRecord = async (name, record) => {
      saved += 1;
      await save(name, record);
    };
    world.state = async () => state;
    await world.put('a', 'x');
    await world.run();
    const first = saved;
    for (let minute = 0; minute < 59; minute += 1) {
      world.pass(60_000);
      await world.run();
    }
    expect(saved).toBe(first);
    world.pass(60_000);
    await world.run();
    expect(saved).toBe(first + 1);
  });
});
