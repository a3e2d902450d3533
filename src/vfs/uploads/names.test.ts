import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { dropboxRights } from '../../model/users/upload-rights.js';
import { firstKey, putMode, type Session, scpMode, secondKey, World } from '../testing/world.js';

let world: World;
let bob: Session;
const put = (name: string, bytes = '') => world.s3.put(`bob/uploads/${name}`, bytes);

beforeEach(async () => {
  world = await World.make();
  bob = await world.login();
});
afterEach(() => world[Symbol.asyncDispose]());

describe('stat', () => {
  it('finds files, markers and prefixes, and no other names', async () => {
    put('f', 'four');
    put('d/', '');
    put('p/x', '');
    expect(await bob.stat('/uploads')).toMatchObject({ type: 'directory', mode: 0o755 });
    expect(await bob.stat('/uploads/f')).toEqual({
      type: 'file',
      size: 4,
      mode: 0o644,
      mtimeSeconds: 1_700_000_000,
      atimeSeconds: 1_700_000_000,
    });
    expect(await bob.stat('/uploads/d')).toMatchObject({ type: 'directory', mtimeSeconds: 1_700_000_000 });
    expect(await bob.lstat('/uploads/p')).toMatchObject({ type: 'directory', mtimeSeconds: 0 });
    expect(await bob.stat('/uploads/none')).toBeNull();
    expect(await bob.stat('/uploads/f/below')).toBeNull();
  });

  it('knows size and time of a file that no key of the user opens, and a read explains why', async () => {
    world.s3.put('bob/uploads/f', 'four', { kind: 'sse-c', key: secondKey });
    expect(await bob.stat('/uploads/f')).toMatchObject({ size: 4, mtimeSeconds: 1_700_000_000 });
    await expect(bob.read('/uploads/f')).rejects.toMatchObject({ kind: 'key-mismatch' });
  });
});

describe('setting attributes of a file', () => {
  it('records the time, ignores the mode and stores the file with another size', async () => {
    await bob.write('/uploads/f', 'four');
    await bob.tree.setAttributes(world.call, '/uploads/f', { mtimeSeconds: 5, mode: 0o600, size: 4 });
    expect(await bob.stat('/uploads/f')).toMatchObject({ mtimeSeconds: 5, mode: 0o644, size: 4 });
    await bob.tree.setAttributes(world.call, '/uploads/f', { size: 2 });
    expect(await bob.read('/uploads/f')).toBe('fo');
    await bob.tree.setAttributes(world.call, '/uploads/f', { size: 4, mtimeSeconds: 6 });
    expect(await bob.read('/uploads/f')).toBe('fo\0\0');
    expect((await bob.stat('/uploads/f'))?.mtimeSeconds).toBe(6);
    await expect(bob.tree.setAttributes(world.call, '/uploads/none', { mode: 0 })).rejects.toMatchObject({
      kind: 'not-found',
    });
    await bob.mkdir('/uploads/d');
    await bob.tree.setAttributes(world.call, '/uploads/d', { mtimeSeconds: 5, mode: 0o700 });
  });
});

describe('the time of an object of another client', () => {
  it.each([
    { encryption: { kind: 'sse-s3' } as const },
    { encryption: { kind: 'sse-c', key: firstKey } as const },
  ])('is stored in STAT and listings, with $encryption.kind', async ({ encryption }) => {
    world.s3.put('bob/uploads/f', 'four', encryption);
    await bob.tree.setAttributes(world.call, '/uploads/f', { mtimeSeconds: 5 });
    expect((await bob.stat('/uploads/f'))?.mtimeSeconds).toBe(5);
    expect((await bob.entries('/uploads')).get('f')?.mtimeSeconds).toBe(5);
    await using handle = await bob.tree.openWrite(world.call, '/uploads/f', scpMode);
    await handle.setAttributes(world.call, { mtimeSeconds: 6 });
    await handle.commit(world.call);
    expect((await bob.stat('/uploads/f'))?.mtimeSeconds).toBe(6);
  });

  it('is stored too if the object has replaced one of this gateway', async () => {
    await bob.write('/uploads/f', 'mine');
    put('f', 'theirs');
    await bob.tree.setAttributes(world.call, '/uploads/f', { mtimeSeconds: 5 });
    expect((await bob.stat('/uploads/f'))?.mtimeSeconds).toBe(5);
  });

  it('is refused if no key opens the object, or if it is replaced meanwhile', async () => {
    world.s3.put('bob/uploads/f', 'four', { kind: 'sse-c', key: secondKey });
    const change = () => bob.tree.setAttributes(world.call, '/uploads/f', { mtimeSeconds: 5 });
    await expect(change()).rejects.toMatchObject({ kind: 'key-mismatch' });
    put('f', 'theirs');
    const describe = world.vault.describe.bind(world.vault);
    world.vault.describe = async (...args) => {
      put('f', 'newer');
      return await describe(...args);
    };
    await expect(change()).rejects.toMatchObject({ kind: 'conflict' });
  });
});

describe('making and removing directories', () => {
  it('writes an empty marker with the user’s encryption', async () => {
    await bob.mkdir('/uploads/d');
    expect(world.s3.objects.get('bob/uploads/d/')).toMatchObject({
      bytes: Buffer.alloc(0),
      encryption: { kind: 'sse-c', key: firstKey },
    });
    await bob.mkdir('/uploads/d/e');
    expect(await bob.list('/uploads/d')).toEqual(['e/']);
  });

  it('requires an unused name in an existing directory', async () => {
    put('f', 'x');
    put('p/x', '');
    await expect(bob.mkdir('/uploads/f')).rejects.toMatchObject({ kind: 'exists' });
    await expect(bob.mkdir('/uploads/p')).rejects.toMatchObject({ kind: 'exists' });
    await expect(bob.mkdir('/uploads/none/d')).rejects.toMatchObject({ kind: 'not-found' });
    await expect(bob.mkdir('/uploads/f/d')).rejects.toMatchObject({ kind: 'not-directory' });
  });

  it('removes only empty directories', async () => {
    await bob.mkdir('/uploads/d');
    await bob.write('/uploads/d/f', 'x');
    await expect(bob.rmdir('/uploads/d')).rejects.toMatchObject({ kind: 'not-empty' });
    await expect(bob.rmdir('/uploads/d/f')).rejects.toMatchObject({ kind: 'not-directory' });
    await expect(bob.rmdir('/uploads/none')).rejects.toMatchObject({ kind: 'not-found' });
    await bob.remove('/uploads/d/f');
    await bob.rmdir('/uploads/d');
    expect(world.keysInS3()).toEqual([]);
    await expect(bob.write('/uploads/d/f', 'x')).rejects.toMatchObject({ kind: 'not-found' });
  });

  it('keeps a directory that was only a prefix when its last object is removed', async () => {
    put('p/a', '');
    put('p/b', '');
    await bob.remove('/uploads/p/a');
    expect(world.keysInS3()).toEqual(['p/b']);
    await bob.remove('/uploads/p/b');
    expect(world.keysInS3()).toEqual(['p/']);
    put('q/d/', '');
    await bob.rmdir('/uploads/q/d');
    expect(world.keysInS3()).toEqual(['p/', 'q/']);
    put('r/f', 'x');
    await bob.rename('/uploads/r/f', '/uploads/f');
    expect(world.keysInS3()).toEqual(['f', 'p/', 'q/', 'r/']);
  });

  it('needs no listing per removal if the marker is known', async () => {
    await bob.mkdir('/uploads/d');
    for (const name of ['a', 'b', 'c']) await bob.write(`/uploads/d/${name}`, 'x');
    world.s3.listed.length = 0;
    for (const name of ['a', 'b', 'c']) await bob.remove(`/uploads/d/${name}`);
    expect(world.s3.listed).toHaveLength(3);
  });

  it('removes a file even if its directory cannot be kept', async () => {
    put('p/a', '');
    world.vault.openUpload = () => Promise.reject(new Error('no key file'));
    await bob.remove('/uploads/p/a');
    expect(world.keysInS3()).toEqual([]);
    expect(world.logged.at(-1)?.message).toContain('could not keep an empty directory');
  });
});

describe('removing files', () => {
  it('refuses directories and missing files', async () => {
    await bob.mkdir('/uploads/d');
    await expect(bob.remove('/uploads/d')).rejects.toMatchObject({ kind: 'is-directory' });
    await expect(bob.remove('/uploads/none')).rejects.toMatchObject({ kind: 'not-found' });
  });
});

describe('renaming files', () => {
  beforeEach(async () => {
    await bob.write('/uploads/f', 'content', {
      create: true,
      exclusive: false,
      truncate: true,
      append: false,
      read: false,
      attributes: { mtimeSeconds: 1234 },
    });
  });

  it('keeps content and time, and applies the current encryption', async () => {
    world.keys = [secondKey, firstKey];
    world.encryption = { kind: 'sse-c', key: secondKey };
    await bob.rename('/uploads/f', '/uploads/g');
    expect(await bob.list('/uploads')).toEqual(['g']);
    expect(await bob.read('/uploads/g')).toBe('content');
    expect((await bob.stat('/uploads/g'))?.mtimeSeconds).toBe(1234);
    expect(world.s3.objects.get('bob/uploads/g')?.encryption).toEqual({ kind: 'sse-c', key: secondKey });
  });

  it('replaces an existing target only if requested', async () => {
    put('g', 'old');
    await expect(bob.rename('/uploads/f', '/uploads/g')).rejects.toMatchObject({ kind: 'exists' });
    await bob.rename('/uploads/f', '/uploads/g', true);
    expect(await bob.read('/uploads/g')).toBe('content');
    await bob.mkdir('/uploads/d');
    await expect(bob.rename('/uploads/g', '/uploads/d')).rejects.toMatchObject({ kind: 'exists' });
    await expect(bob.rename('/uploads/g', '/uploads/d', true)).rejects.toMatchObject({
      kind: 'is-directory',
    });
  });

  it('requires the source and the target directory', async () => {
    await expect(bob.rename('/uploads/none', '/uploads/g')).rejects.toMatchObject({ kind: 'not-found' });
    await expect(bob.rename('/uploads/f', '/uploads/none/g')).rejects.toMatchObject({ kind: 'not-found' });
    await bob.rename('/uploads/f', '/uploads/f', true);
    expect(await bob.read('/uploads/f')).toBe('content');
  });
});

describe('renaming directories', () => {
  it('moves an empty directory', async () => {
    await bob.mkdir('/uploads/New Folder');
    await bob.rename('/uploads/New Folder', '/uploads/reports');
    expect(world.keysInS3()).toEqual(['reports/']);
    await bob.mkdir('/uploads/other');
    await expect(bob.rename('/uploads/reports', '/uploads/other')).rejects.toMatchObject({ kind: 'exists' });
    await bob.rename('/uploads/reports', '/uploads/other', true);
    expect(world.keysInS3()).toEqual(['other/']);
  });

  it('refuses to move a directory into itself or over a file', async () => {
    await bob.mkdir('/uploads/d');
    put('f', 'x');
    await expect(bob.rename('/uploads/d', '/uploads/d/e')).rejects.toMatchObject({ kind: 'invalid' });
    await expect(bob.rename('/uploads/d', '/uploads/f', true)).rejects.toMatchObject({
      kind: 'not-directory',
    });
    put('d/f', 'x');
    await expect(bob.rename('/uploads/d', '/uploads/d/e')).rejects.toMatchObject({ kind: 'invalid' });
    await expect(bob.rename('/uploads/d', '/uploads/f', true)).rejects.toMatchObject({
      kind: 'not-directory',
    });
    expect(world.keysInS3()).toEqual(['d/', 'd/f', 'f']);
  });
});

describe('symbolic links', () => {
  it('do not exist in S3', async () => {
    await expect(bob.tree.makeSymlink(world.call, '/uploads/l', '/uploads/f')).rejects.toMatchObject({
      kind: 'unsupported',
    });
    await expect(bob.tree.readLink(world.call, '/uploads/l')).rejects.toMatchObject({ kind: 'invalid' });
  });
});

describe('a write-only /uploads', () => {
  beforeEach(async () => {
    await bob.mkdir('/uploads/d');
    put('d/secret', 'x');
    world.change({ uploadRights: dropboxRights });
  });

  it('accepts files and directories', async () => {
    await bob.write('/uploads/d/new', 'x');
    await bob.mkdir('/uploads/d/e');
    await bob.write('/uploads/part', 'x');
    await bob.rename('/uploads/part', '/uploads/whole');
    await bob.tree.setAttributes(world.call, '/uploads/whole', { mtimeSeconds: 5 });
    expect(world.keysInS3()).toEqual(['d/', 'd/e/', 'd/new', 'd/secret', 'whole']);
  });

  it('shows a file that this session has stored, also under its new name, and no other', async () => {
    const other = await world.login();
    await bob.write('/uploads/d/new', 'mine');
    await bob.write('/uploads/part', 'mine too');
    await bob.rename('/uploads/part', '/uploads/whole');
    await bob.rename('/uploads/d', '/uploads/e');
    expect(await bob.stat('/uploads/e/new')).toMatchObject({ type: 'file', size: 4 });
    expect(await bob.lstat('/uploads/whole')).toMatchObject({ size: 8 });
    expect(await bob.stat('/uploads/part')).toBeNull();
    expect(await bob.stat('/uploads/e/secret')).toBeNull();
    expect(await other.stat('/uploads/e/new')).toBeNull();
    await using handle = await bob.tree.openWrite(world.call, '/uploads/open', putMode);
    expect(await bob.stat('/uploads/open')).toBeNull();
    world.s3.objects.delete('bob/uploads/whole');
    world.expireListings();
    expect(await bob.stat('/uploads/whole')).toBeNull();
    await handle[Symbol.asyncDispose]();
  });

  it('shows directories but not their content', async () => {
    expect(await bob.stat('/uploads')).toMatchObject({ type: 'directory', mode: 0o333 });
    expect(await bob.stat('/uploads/d')).toMatchObject({ type: 'directory', mode: 0o333 });
    expect(await bob.stat('/uploads/d/secret')).toBeNull();
    for (const attempt of [
      bob.list('/uploads'),
      bob.list('/uploads/d'),
      bob.read('/uploads/d/secret'),
      bob.remove('/uploads/d/secret'),
      bob.rmdir('/uploads/d'),
    ])
      await expect(attempt).rejects.toMatchObject({
        kind: 'denied',
        hint: expect.stringContaining('the rights in /uploads are dropbox'),
      });
  });
});
