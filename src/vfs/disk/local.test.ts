import { execFileSync } from 'node:child_process';
import { mkdir, readFile, readlink, stat, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { putMode, type Session, scpMode, World } from '../testing/world.js';
import { LocalMount } from './local.js';
import { SpaceReserve } from './space-reserve.js';

let world: World;
let bob: Session;
const onDisk = (name: string) => `${world.directory}/local/${name}`;
const bytes = (text: string) => [Buffer.from(text)];

beforeEach(async () => {
  world = await World.make();
  bob = await world.login();
});
afterEach(() => world[Symbol.asyncDispose]());

describe('/local', () => {
  it('is an empty directory before the first write, and is created with the first file', async () => {
    expect(await bob.list('/local')).toEqual([]);
    expect(await bob.stat('/local')).toMatchObject({ type: 'directory' });
    expect(await bob.stat('/local/f')).toBeNull();
    await expect(bob.read('/local/f')).rejects.toMatchObject({ kind: 'not-found' });
    await bob.write('/local/f', 'hello');
    expect(await readFile(onDisk('f'), 'utf8')).toBe('hello');
    expect(await bob.read('/local/f')).toBe('hello');
    expect(world.keysInS3()).toEqual([]);
  });

  it('has real attributes, and changes them', async () => {
    await bob.write('/local/f', 'hello', { ...putMode, attributes: { mode: 0o100640 } });
    expect(await bob.stat('/local/f')).toMatchObject({ type: 'file', size: 5, mode: 0o640 });
    const change = { mode: 0o4711, mtimeSeconds: 1000, atimeSeconds: 2000, size: 2 };
    await bob.tree.setAttributes(world.call, '/local/f', change);
    const expected = { mode: 0o711, mtimeSeconds: 1000, atimeSeconds: 2000, size: 2 };
    expect(await bob.stat('/local/f')).toMatchObject(expected);
    await bob.tree.setAttributes(world.call, '/local/f', { mtimeSeconds: 3000 });
    expect(await bob.stat('/local/f')).toMatchObject({ mtimeSeconds: 3000, atimeSeconds: 2000 });
  });

  it('lets the user remove all permissions of a directory and restore them', async () => {
    await bob.mkdir('/local/d');
    await bob.tree.setAttributes(world.call, '/local/d', { mode: 0 });
    expect(await bob.stat('/local/d')).toMatchObject({ mode: 0 });
    await bob.tree.setAttributes(world.call, '/local/d', { mode: 0o755 });
    await bob.write('/local/d/f', 'x');
  });

  it('lists large directories in batches', async () => {
    await mkdir(onDisk(''), { recursive: true });
    const names = Array.from({ length: 300 }, (_, index) => `f${String(index).padStart(3, '0')}`);
    await Promise.all(names.map((name) => writeFile(onDisk(name), name)));
    let batches = 0;
    for await (const batch of bob.tree.list(world.call, '/local')) {
      expect(batch.length).toBeLessThanOrEqual(128);
      batches += 1;
    }
    expect(batches).toBe(3);
    expect(await bob.list('/local')).toEqual(names);
  });

  it('shows neither pipes nor names that clients cannot request, and never waits for a pipe', async () => {
    await bob.write('/local/f', 'x');
    execFileSync('mkfifo', [onDisk('pipe')]);
    await writeFile(onDisk('new\nline'), 'x');
    await writeFile(Buffer.concat([Buffer.from(onDisk('')), Buffer.from([0xff])]), 'x');
    expect(await bob.list('/local')).toEqual(['f']);
    expect(await bob.stat('/local/pipe')).toBeNull();
    await expect(bob.read('/local/pipe')).rejects.toMatchObject({ kind: 'unsupported' });
    await expect(bob.write('/local/pipe', 'x')).rejects.toMatchObject({ kind: 'unsupported' });
  });

  it.each([
    ['a missing directory', () => bob.list('/local/none'), 'not-found'],
    ['a file as a directory', () => bob.list('/local/f'), 'not-directory'],
    ['a directory as a file', () => bob.read('/local/d'), 'is-directory'],
    ['writing a directory', () => bob.write('/local/d', 'x'), 'is-directory'],
    ['writing into a missing directory', () => bob.write('/local/none/f', 'x'), 'not-found'],
    ['writing below a file', () => bob.write('/local/f/g', 'x'), 'not-directory'],
    ['creating an existing directory', () => bob.mkdir('/local/f'), 'exists'],
    ['removing a directory as a file', () => bob.remove('/local/d'), 'is-directory'],
    ['removing a file as a directory', () => bob.rmdir('/local/f'), 'not-directory'],
    ['removing a directory with content', () => bob.rmdir('/local/d'), 'not-empty'],
    ['a name of 256 bytes', () => bob.write(`/local/${'n'.repeat(256)}`, 'x'), 'invalid'],
    ['moving a directory into itself', () => bob.rename('/local/d', '/local/d/e'), 'invalid'],
    ['a rename onto an existing name', () => bob.rename('/local/f', '/local/d/g'), 'exists'],
    ['a rename of a missing name', () => bob.rename('/local/none', '/local/x'), 'not-found'],
  ])('refuses %s', async (_what, attempt, kind) => {
    await bob.write('/local/f', 'x');
    await bob.mkdir('/local/d');
    await bob.write('/local/d/g', 'x');
    const hint = expect.not.stringContaining(world.directory);
    await expect(attempt()).rejects.toMatchObject({ kind, hint });
  });
});

describe('writing to /local', () => {
  it('is visible while it continues, and is kept if the client disconnects', async () => {
    const handle = await bob.tree.openWrite(world.call, '/local/f', putMode);
    await handle.write(world.call, 2, [Buffer.from('ll'), Buffer.from('o')]);
    await handle.write(world.call, 0, bytes('he'));
    expect((await handle.attributes()).size).toBe(5);
    expect(await bob.read('/local/f')).toBe('hello');
    await handle[Symbol.asyncDispose]();
    expect(await bob.read('/local/f')).toBe('hello');
  });

  it('in the middle, at the end and with holes works as in any file on disk', async () => {
    await bob.write('/local/f', 'hello world');
    await using handle = await bob.tree.openWrite(world.call, '/local/f', scpMode);
    await handle.write(world.call, 6, bytes('W'));
    await handle.write(world.call, 12, bytes('!'));
    expect((await handle.attributes()).size).toBe(13);
    await handle.setAttributes(world.call, { mtimeSeconds: 99, mode: 0o600 });
    await handle.commit(world.call);
    expect(await bob.read('/local/f')).toBe('hello World\0!');
    expect(await bob.stat('/local/f')).toMatchObject({ mtimeSeconds: 99, mode: 0o600 });
  });

  it('appends at the end, whatever offset the client sends', async () => {
    await bob.write('/local/f', 'one');
    await bob.write('/local/f', 'two', { ...scpMode, append: true });
    expect(await bob.read('/local/f')).toBe('onetwo');
  });

  it('appends in the order of the writes, through two handles as well', async () => {
    const mode = { ...scpMode, append: true };
    await using one = await bob.tree.openWrite(world.call, '/local/f', mode);
    await using other = await bob.tree.openWrite(world.call, '/local/f', mode);
    const pieces = Array.from({ length: 200 }, (_, index) => `${index} `);
    await Promise.all(pieces.map((piece) => one.write(world.call, 0, bytes(piece))));
    await other.write(world.call, 0, bytes('other '));
    await one.write(world.call, 0, bytes('one'));
    const expected = `${pieces.join('')}other one`;
    expect((await other.attributes()).size).toBe(expected.length);
    await one.commit(world.call);
    await other.commit(world.call);
    expect(await bob.read('/local/f')).toBe(expected);
  });

  it('keeps the last of overlapping writes that are sent at once', async () => {
    await using handle = await bob.tree.openWrite(world.call, '/local/f', putMode);
    for (let round = 0; round < 20; round += 1) {
      const writes = Array.from({ length: 30 }, (_, index) =>
        handle.write(world.call, index, [Buffer.alloc(4096, 65 + (index % 26))]),
      );
      await Promise.all(writes);
      const content = await bob.read('/local/f');
      expect(content.at(28)).toBe(String.fromCharCode(65 + 2));
      expect(content.slice(29)).toBe('D'.repeat(4096));
    }
  });

  it('can be read through the same handle, also what it and others have just written', async () => {
    await bob.write('/local/f', 'content');
    const mode = { ...scpMode, read: true };
    await using handle = await bob.tree.openWrite(world.call, '/local/f', mode);
    const text = async () => Buffer.concat([...((await handle.read(world.call, 0, 99)) ?? [])]).toString();
    expect(await text()).toBe('content');
    await handle.write(world.call, 3, bytes('TENT, more'));
    expect(await text()).toBe('conTENT, more');
    await using other = await bob.tree.openWrite(world.call, '/local/f', scpMode);
    await other.write(world.call, 13, bytes(' still'));
    expect(await text()).toBe('conTENT, more still');
    expect((await handle.attributes()).size).toBe(19);
    await using reading = await bob.tree.openRead(world.call, '/local/f');
    await handle.sync(world.call);
    await handle.setAttributes(world.call, { size: 3 });
    expect((await reading.attributes()).size).toBe(3);
    expect(await handle.read(world.call, 3, 1)).toBeNull();
    await expect(other.read(world.call, 0, 1)).rejects.toMatchObject({ kind: 'denied' });
  });

  it('keeps a time that was set before the last write', async () => {
    await using handle = await bob.tree.openWrite(world.call, '/local/f', putMode);
    await handle.setAttributes(world.call, { mtimeSeconds: 99 });
    await handle.write(world.call, 0, bytes('x'));
    await handle.commit(world.call);
    expect(await bob.stat('/local/f')).toMatchObject({ mtimeSeconds: 99 });
  });

  it('exclusively fails if the name exists, even as a dangling link', async () => {
    await bob.tree.makeSymlink(world.call, '/local/l', '/local/none');
    await bob.write('/local/f', 'x');
    for (const path of ['/local/f', '/local/l'])
      await expect(bob.write(path, 'y', { ...putMode, exclusive: true })).rejects.toMatchObject({
        kind: 'exists',
      });
  });

  it('fails the commit after a failed write', async () => {
    await using handle = await bob.tree.openWrite(world.call, '/local/f', putMode);
    await expect(handle.write(world.call, -1, bytes('x'))).rejects.toMatchObject({
      kind: 'invalid',
    });
    await expect(handle.commit(world.call)).rejects.toMatchObject({ kind: 'invalid' });
  });
});

describe('renaming in /local', () => {
  it('moves files and whole directories', async () => {
    await bob.mkdir('/local/d');
    await bob.write('/local/d/f', 'x');
    await bob.rename('/local/d', '/local/e');
    await bob.rename('/local/e/f', '/local/g');
    expect(await bob.list('/local')).toEqual(['e/', 'g']);
    expect((await stat(onDisk('g'))).nlink).toBe(1);
  });

  it('replaces a file only if requested', async () => {
    await bob.write('/local/f', 'new');
    await bob.write('/local/g', 'old');
    await expect(bob.rename('/local/f', '/local/g')).rejects.toMatchObject({ kind: 'exists' });
    await bob.rename('/local/f', '/local/g', true);
    expect(await bob.read('/local/g')).toBe('new');
  });
});

describe('hard links in /local', () => {
  const link = (path: string, existing: string) => bob.tree.makeHardLink(world.call, path, existing);

  it('are second names of one file', async () => {
    await bob.write('/local/f', 'one');
    await bob.mkdir('/local/d');
    await link('/local/d/g', '/local/f');
    await bob.write('/local/d/g', 'three', scpMode);
    expect(await bob.read('/local/f')).toBe('three');
    await bob.remove('/local/f');
    expect(await bob.read('/local/d/g')).toBe('three');
    expect((await stat(onDisk('d/g'))).nlink).toBe(1);
  });

  it('neither replace a name, nor name directories, nor leave the directory', async () => {
    await bob.write('/local/f', 'one');
    await bob.mkdir('/local/d');
    await writeFile(`${world.directory}/outside`, 'x');
    execFileSync('ln', ['-s', `${world.directory}/outside`, onDisk('out')]);
    await expect(link('/local/f', '/local/f')).rejects.toMatchObject({ kind: 'exists' });
    await expect(link('/local/e', '/local/d')).rejects.toMatchObject({ kind: 'is-directory' });
    await expect(link('/local/e', '/local/none')).rejects.toMatchObject({ kind: 'not-found' });
    await expect(link('/local/e', '/local/out')).rejects.toMatchObject({ kind: 'denied' });
    await expect(link('/uploads/e', '/local/f')).rejects.toMatchObject({ kind: 'unsupported' });
    await bob.write('/uploads/f', 'x');
    await expect(link('/uploads/e', '/uploads/f')).rejects.toMatchObject({ kind: 'unsupported' });
    expect(await bob.list('/local')).toEqual(['d/', 'f', 'out@']);
  });
});

describe('symbolic links in /local', () => {
  beforeEach(async () => {
    await bob.mkdir('/local/d');
    await bob.write('/local/d/f', 'content');
  });

  it('are stored on disk as relative links, and are followed', async () => {
    await bob.tree.makeSymlink(world.call, '/local/d/up', '/local/d/f');
    await bob.tree.makeSymlink(world.call, '/local/dir', '/local/d');
    await bob.tree.makeSymlink(world.call, '/local/d/top', '/local');
    expect(await readlink(onDisk('d/up'))).toBe('f');
    expect(await readlink(onDisk('d/top'))).toBe('..');
    expect(await bob.tree.readLink(world.call, '/local/dir')).toBe('d');
    expect(await bob.read('/local/dir/up')).toBe('content');
    expect(await bob.list('/local/dir')).toEqual(['f', 'top@', 'up@']);
    expect(await bob.list('/local/d/top/dir/top')).toEqual(['d/', 'dir@']);
    expect(await bob.lstat('/local/dir')).toMatchObject({ type: 'symlink' });
    expect(await bob.stat('/local/dir')).toMatchObject({ type: 'directory' });
  });

  it('are removed and renamed themselves, but writes follow them', async () => {
    await bob.tree.makeSymlink(world.call, '/local/l', '/local/d/f');
    await bob.write('/local/l', 'changed');
    expect(await bob.read('/local/d/f')).toBe('changed');
    await bob.tree.setAttributes(world.call, '/local/l', { size: 2 });
    await bob.rename('/local/l', '/local/m');
    expect(await bob.lstat('/local/m')).toMatchObject({ type: 'symlink' });
    await bob.remove('/local/m');
    expect(await bob.read('/local/d/f')).toBe('ch');
  });

  it('that dangle do not exist as files until a write follows them', async () => {
    await bob.tree.makeSymlink(world.call, '/local/l', '/local/d/later');
    expect(await bob.stat('/local/l')).toBeNull();
    expect(await bob.lstat('/local/l')).toMatchObject({ type: 'symlink' });
    await bob.write('/local/l', 'now');
    expect(await bob.read('/local/d/later')).toBe('now');
  });

  it('in a loop fail', async () => {
    await bob.tree.makeSymlink(world.call, '/local/a', '/local/b');
    await bob.tree.makeSymlink(world.call, '/local/b', '/local/a');
    await expect(bob.read('/local/a')).rejects.toMatchObject({ kind: 'invalid' });
    await expect(bob.list('/local/a/x')).rejects.toMatchObject({ kind: 'invalid' });
  });

  it('are not files of their own', async () => {
    await expect(bob.tree.readLink(world.call, '/local/d/f')).rejects.toMatchObject({ kind: 'invalid' });
    await expect(bob.tree.makeSymlink(world.call, '/local/d/f', '/local/d')).rejects.toMatchObject({
      kind: 'exists',
    });
  });
});

describe('/local on an almost full disk', () => {
  it('refuses everything that needs space, and allows what frees some', async () => {
    await bob.write('/local/old', 'content');
    const space = { bavail: 1000, bsize: 1024 ** 2, blocks: 1_000_000, ffree: 500_000, files: 1_000_000 };
    const directory = onDisk('');
    const mount = () =>
      new LocalMount('/local', directory, { reserve: new SpaceReserve(directory, async () => space) });
    const open = await mount().openWrite(world.call, '/old', { ...putMode, truncate: false });
    space.bavail = 100;
    const full = { kind: 'over-quota', hint: expect.stringMatching(/^"\/local\/.*almost full$/) };
    const local = mount();
    await expect(open.write(world.call, 0, [Buffer.alloc(17 * 1024 ** 2)])).rejects.toMatchObject(full);
    await expect(local.openWrite(world.call, '/new', putMode)).rejects.toMatchObject(full);
    await expect(local.makeDirectory(world.call, '/dir')).rejects.toMatchObject(full);
    await expect(local.makeSymlink(world.call, '/link', 'old')).rejects.toMatchObject(full);
    await open[Symbol.asyncDispose]();
    expect(await bob.read('/local/old')).toBe('content');
    await local.rename(world.call, '/old', '/renamed', false);
    await local.setAttributes(world.call, '/renamed', { size: 1 });
    await local.remove(world.call, '/renamed');
    space.bavail = 1000;
    await local.makeDirectory(world.call, '/dir');
  });
});
