import { mkdir, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { putMode, type Session, World } from './testing/world.js';

let world: World;
let bob: Session;

beforeEach(async () => {
  world = await World.make();
  bob = await world.login();
});
afterEach(() => world[Symbol.asyncDispose]());

const denied = (text: string) => ({ kind: 'denied', hint: expect.stringContaining(text) });

describe('the root', () => {
  it('lists uploads and local', async () => {
    expect(await bob.list('/')).toEqual(['local/', 'uploads/']);
  });

  it('lists downloads and shared from the next request after the settings enable them', async () => {
    world.change({ downloads: true, shared: true });
    expect(await bob.list('/')).toEqual(['downloads/', 'local/', 'shared/', 'uploads/']);
    world.change({ downloads: false });
    expect(await bob.list('/')).toEqual(['local/', 'shared/', 'uploads/']);
    expect(await bob.stat('/downloads')).toBeNull();
  });

  it('has no /local if the settings hide it', async () => {
    await bob.write('/local/f', 'kept');
    world.change({ local: false });
    expect(await bob.list('/')).toEqual(['uploads/']);
    expect(await bob.stat('/local')).toBeNull();
    expect(await bob.stat('/local/f')).toBeNull();
    await expect(bob.read('/local/f')).rejects.toMatchObject({ kind: 'not-found' });
    await expect(bob.write('/local/g', 'x')).rejects.toMatchObject({ kind: 'denied' });
    await expect(bob.mkdir('/local')).rejects.toMatchObject({ kind: 'denied' });
    world.change({ local: true });
    expect(await bob.read('/local/f')).toBe('kept');
  });

  it('limits /local as the settings say, from the next request', async () => {
    const other = await world.login();
    await bob.write('/local/f', '12345');
    world.change({ localLimitBytes: 8, localFilesLimit: 2 });
    await expect
      .poll(() => bob.write('/local/f', '1234567890').catch((error) => error.kind))
      .toBe('over-quota');
    await other.write('/local/f', '123');
    await bob.write('/local/g', '12345');
    // The clock of these tests does not wait for the first count.
    const addOne = () => other.write('/local/h', '').then(() => other.remove('/local/h'));
    await expect.poll(() => addOne().catch((error) => error.kind)).toBe('over-quota');
    await expect(other.write('/local/g', '123456')).rejects.toMatchObject({ kind: 'over-quota' });
    world.change({ localLimitBytes: null, localFilesLimit: null });
    await other.write('/local/h', '1234567890');
  });

  it('is a read-only directory', async () => {
    expect(await bob.stat('/')).toMatchObject({ type: 'directory', mode: 0o555 });
    await expect(bob.write('/a', 'x')).rejects.toMatchObject(denied('write under /uploads or /local'));
    await expect(bob.mkdir('/a')).rejects.toMatchObject(denied('/uploads'));
    await expect(bob.write('/a/b', 'x')).rejects.toMatchObject(denied('/uploads'));
    await expect(bob.rmdir('/')).rejects.toMatchObject(denied('/uploads'));
    await expect(bob.tree.setAttributes(world.call, '/', { mode: 0o777 })).rejects.toMatchObject(denied(''));
  });

  it('contains no other names', async () => {
    expect(await bob.stat('/etc')).toBeNull();
    await expect(bob.list('/etc')).rejects.toMatchObject({ kind: 'not-found' });
    await expect(bob.read('/etc/passwd')).rejects.toMatchObject({ kind: 'not-found' });
    await expect(bob.remove('/etc/passwd')).rejects.toMatchObject({ kind: 'not-found' });
  });

  it('reports enough free space for clients to send', async () => {
    for (const path of ['/', '/uploads', '/uploads/a', '/local']) {
      const { blockSize, freeBlocks } = await bob.tree.statistics(world.call, path);
      expect(blockSize * freeBlocks).toBeGreaterThan(0);
    }
  });
});

describe('the mount points', () => {
  it.each(['/uploads', '/local'])('%s cannot be removed, renamed or created', async (point) => {
    await expect(bob.rmdir(point)).rejects.toMatchObject(denied('fixed directory'));
    await expect(bob.remove(point)).rejects.toMatchObject(denied('fixed directory'));
    await expect(bob.rename(point, '/uploads/x')).rejects.toMatchObject(denied('fixed directory'));
    await bob.write('/local/f', 'x');
    await expect(bob.rename('/local/f', point, true)).rejects.toMatchObject(denied('fixed directory'));
    await expect(bob.mkdir(point)).rejects.toMatchObject({ kind: 'exists' });
    await expect(bob.write(point, 'x')).rejects.toMatchObject({ kind: 'is-directory' });
    await expect(bob.read(point)).rejects.toMatchObject({ kind: 'is-directory' });
  });

  it('accept the attributes that a client sets after copying a whole tree, and ignore them', async () => {
    await bob.tree.setAttributes(world.call, '/local', { mode: 0, mtimeSeconds: 1 });
    await bob.tree.setAttributes(world.call, '/uploads', { mode: 0, mtimeSeconds: 1 });
    expect(await bob.stat('/uploads')).toMatchObject({ mode: 0o755 });
    expect(await bob.stat('/local')).toMatchObject({ mode: 0o755 });
  });
});

describe('renaming between mounts', () => {
  it('is refused with a remedy', async () => {
    await bob.write('/local/f', 'x');
    await expect(bob.rename('/local/f', '/uploads/f')).rejects.toMatchObject({
      kind: 'unsupported',
      hint: expect.stringContaining('copy it there and remove the original'),
    });
    await expect(bob.rename('/local/f', '/elsewhere')).rejects.toMatchObject(denied('/uploads'));
  });

  it('is denied if one of them is read-only', async () => {
    world.change({ downloads: true });
    await mkdir(`${world.directory}/downloads`);
    await writeFile(`${world.directory}/downloads/f`, 'x');
    await expect(bob.rename('/downloads/f', '/local/f')).rejects.toMatchObject(
      denied('/downloads can only be read'),
    );
  });
});

describe('an account', () => {
  it('that does not exist has no tree', async () => {
    world.settings = null;
    expect(await world.factory.forUser(world.call, 'bob')).toBeNull();
    expect(await world.factory.forUser(world.call, '../bob')).toBeNull();
  });

  it('that is removed during a session is refused from then on', async () => {
    await bob.write('/uploads/f', 'x');
    world.settings = null;
    await expect(bob.stat('/uploads/f')).rejects.toMatchObject(denied('removed'));
  });
});

describe('the end of a session', () => {
  it('disposes its open uploads', async () => {
    const handle = await bob.tree.openWrite(world.call, '/uploads/f', putMode);
    await handle.write(world.call, 0, [Buffer.from('half')]);
    const local = await bob.tree.openWrite(world.call, '/local/f', putMode);
    await local.write(world.call, 0, [Buffer.from('half')]);
    await bob.tree[Symbol.asyncDispose]();
    expect(world.vault.openWriters).toBe(0);
    expect(world.keysInS3()).toEqual([]);
    const next = await world.login();
    expect(await next.stat('/uploads/f')).toBeNull();
    expect(await next.read('/local/f')).toBe('half');
  });
});
