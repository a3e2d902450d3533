import { mkdir, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { firstKey, type Session, secondKey, World } from '../testing/world.js';

const sealed = { kind: 'sse-c', key: firstKey } as const;

let world: World;
let bob: Session;

beforeEach(async () => {
  world = await World.make();
  world.change({ downloads: true, downloadsMode: 'direct' });
  bob = await world.login();
});
afterEach(() => world[Symbol.asyncDispose]());

function put(path: string, content = '', under: Parameters<typeof world.s3.put>[2] = sealed): void {
  world.s3.put(`bob/downloads/${path}`, content, under);
}

describe('downloads straight from S3', () => {
  it('show the current objects below the prefix, read-only', async () => {
    expect(await bob.list('/downloads')).toEqual([]);
    put('a/b', 'under a key');
    put('plain', 'without', { kind: 'sse-s3' });
    world.s3.put('bob/uploads/x', 'elsewhere');
    expect(await bob.list('/downloads')).toEqual(['a/', 'plain']);
    expect(await bob.list('/downloads/a')).toEqual(['b']);
    expect(await bob.read('/downloads/a/b')).toBe('under a key');
    expect(await bob.read('/downloads/plain')).toBe('without');
    expect(await bob.stat('/downloads')).toMatchObject({ type: 'directory', mode: 0o555 });
    expect(await bob.stat('/downloads/a')).toMatchObject({ type: 'directory', mode: 0o555 });
    expect(await bob.lstat('/downloads/a/b')).toMatchObject({ type: 'file', mode: 0o444, size: 11 });
    expect((await bob.entries('/downloads')).get('plain')).toMatchObject({ mode: 0o444, size: 7 });
    await using handle = await bob.tree.openRead(world.call, '/downloads/a/b');
    expect(await handle.attributes()).toMatchObject({ mode: 0o444, size: 11 });
  });

  it('do not show files on disk', async () => {
    await mkdir(`${world.directory}/downloads`);
    await writeFile(`${world.directory}/downloads/left`, 'mirrored before');
    expect(await bob.list('/downloads')).toEqual([]);
    expect(await bob.stat('/downloads/left')).toBeNull();
    world.change({ downloadsMode: 'mirror' });
    expect(await bob.list('/downloads')).toEqual(['left']);
  });

  it('tell files from directories in their faults', async () => {
    put('d/f', 'x');
    const kinds = { kind: 'not-found' };
    await expect(bob.read('/downloads/none')).rejects.toMatchObject(kinds);
    await expect(bob.list('/downloads/none')).rejects.toMatchObject(kinds);
    await expect(bob.read('/downloads/d')).rejects.toMatchObject({ kind: 'is-directory' });
    await expect(bob.list('/downloads/d/f')).rejects.toMatchObject({ kind: 'not-directory' });
    await expect(bob.tree.readLink(world.call, '/downloads/d/f')).rejects.toMatchObject({ kind: 'invalid' });
  });

  it('list an object that no key opens with its size, and explain why it cannot be read', async () => {
    put('foreign', 'sealed', { kind: 'sse-c', key: secondKey });
    expect(await bob.stat('/downloads/foreign')).toMatchObject({ type: 'file', size: 6 });
    await expect(bob.read('/downloads/foreign')).rejects.toMatchObject({ kind: 'key-mismatch' });
    world.downloadKeys = [firstKey, secondKey];
    expect(await bob.read('/downloads/foreign')).toBe('sealed');
  });

  it('list thousands of files, one batch per page', async () => {
    for (let i = 0; i < 2_500; i += 1) put(`f${i}`);
    expect((await bob.entries('/downloads')).size).toBe(2_500);
    expect(world.s3.listed.length).toBe(3);
  });

  it('refuse every change', async () => {
    put('f', 'content');
    const path = '/downloads/f';
    for (const attempt of [
      bob.write(path, 'x'),
      bob.write('/downloads/new', 'x'),
      bob.mkdir('/downloads/d'),
      bob.rmdir(path),
      bob.remove(path),
      bob.rename(path, '/downloads/g'),
      bob.tree.setAttributes(world.call, path, { mtimeSeconds: 1 }),
    ])
      await expect(attempt).rejects.toMatchObject({
        kind: 'denied',
        hint: '/downloads can only be read: write under /uploads or /local',
      });
    expect([...world.s3.objects.keys()]).toEqual(['bob/downloads/f']);
  });
});

describe('downloads.delete=yes', () => {
  it('removes the object, even one that no key opens, and nothing else', async () => {
    world.change({ downloadsDelete: true });
    put('d/f', 'content');
    put('d/foreign', 'sealed', { kind: 'sse-c', key: secondKey });
    await bob.remove('/downloads/d/foreign');
    await expect(bob.remove('/downloads/d')).rejects.toMatchObject({ kind: 'is-directory' });
    await expect(bob.remove('/downloads/none')).rejects.toMatchObject({ kind: 'not-found' });
    await expect(bob.rmdir('/downloads/d')).rejects.toMatchObject({
      kind: 'denied',
      hint: '/downloads can only be read, and its files removed one by one: write under /uploads or /local',
    });
    await expect(bob.write('/downloads/d/f', 'x')).rejects.toMatchObject({ kind: 'denied' });
    expect([...world.s3.objects.keys()]).toEqual(['bob/downloads/d/f']);
    await bob.remove('/downloads/d/f');
    expect(await bob.list('/downloads'), 'the directory went with its last file').toEqual([]);
  });

  it('asks the mirror to remove the file if there is a copy on disk', async () => {
    world.change({ downloadsDelete: true, downloadsMode: 'mirror', shared: true });
    for (const place of ['downloads', 'shared']) {
      await mkdir(`${world.directory}/${place}/d`, { recursive: true });
      await writeFile(`${world.directory}/${place}/d/f`, 'x');
    }
    await bob.remove('/downloads/d/f');
    expect(world.removedFiles).toEqual(['downloads/bob d/f bob']);
    await expect(bob.remove('/downloads/d')).rejects.toMatchObject({ kind: 'is-directory' });
    await expect(bob.remove('/downloads/none')).rejects.toMatchObject({ kind: 'not-found' });
    await expect(bob.remove('/shared/d/f'), 'what all users see').rejects.toMatchObject({ kind: 'denied' });
    expect(world.removedFiles).toHaveLength(1);
  });
});
