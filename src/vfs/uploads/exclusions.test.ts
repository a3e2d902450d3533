import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { allRights, dropboxRights, uploadRights } from '../../model/users/upload-rights.js';
import type { WriteMode } from '../../model/vfs.js';
import { putMode, type Session, scpMode, secondKey, World } from '../testing/world.js';
import { ExcludedNames } from './exclusions.js';

let world: World;
let bob: Session;

beforeEach(async () => {
  world = await World.make();
  world.change({ uploadExclusions: ['filepart'] });
  bob = await world.login();
});
afterEach(() => world[Symbol.asyncDispose]());

const contentOf = (name: string) =>
  Buffer.from(world.s3.objects.get(`bob/uploads/${name}`)?.bytes ?? []).toString();
const appendMode: WriteMode = { ...scpMode, append: true };

describe('the excluded names', () => {
  it.each([
    ['filepart', '/d/a.txt.filepart', '/d/a.txt'],
    ['.filepart', '/a.filepart', '/a'],
    ['filepart', '/afilepart', null],
    ['filepart', '/.filepart', null],
    ['filepart', '/a.filepart/b', null],
    ['filepart', '/a.FILEPART', null],
    ['.in.*', '/d/.in.a.txt', '/d/a.txt'],
    ['.in.*', '/in.a', null],
    ['.in.*', '/.in..', null],
    ['*.????????.partial', '/a.txt.1f2e3d4c.partial', '/a.txt'],
    ['*.????????.partial', '/a.txt.partial', null],
    ['part+(x)[1]', '/a.part+(x)[1]', '/a'],
    ['*~', '/\u{1f600}\n~', null],
    ['*~', '/\u{1f600}~', '/\u{1f600}'],
  ])('with %j, %j becomes %j', (pattern, path, final) => {
    expect(new ExcludedNames([pattern]).finalPath(path)).toBe(final);
  });

  it('are matched by the first of several patterns', () => {
    const names = new ExcludedNames(['*.????????.partial', 'partial']);
    expect(names.finalPath('/a.12345678.partial')).toBe('/a');
    expect(names.finalPath('/a.partial')).toBe('/a');
  });
});

describe('a file under an excluded name', () => {
  it.each(['', 'x', 'some content of several parts'])(
    'appears in S3 once it is renamed: %j',
    async (text) => {
      await bob.write('/uploads/a.filepart', text);
      expect(world.keysInS3()).toEqual([]);
      expect(await bob.list('/uploads')).toEqual(['a.filepart']);
      expect(await bob.stat('/uploads/a.filepart')).toMatchObject({ type: 'file', size: text.length });
      expect(await bob.stat('/uploads/a')).toBeNull();
      await bob.rename('/uploads/a.filepart', '/uploads/a');
      expect(world.keysInS3()).toEqual(['a']);
      expect(contentOf('a')).toBe(text);
      expect(await bob.list('/uploads')).toEqual(['a']);
      expect(await world.vault.parked()).toEqual([]);
      expect(world.vault.openWriters).toBe(0);
    },
  );

  it('survives a restart of the gateway, even if interrupted uploads are not kept', async () => {
    bob = await world.restart(0);
    await bob.write('/uploads/a.filepart', 'content');
    bob = await world.restart(0);
    world.nowMs += 23 * 60 * 60 * 1000;
    await world.factory.parkedFiles.expire(world.call);
    expect(await bob.stat('/uploads/a.filepart')).toMatchObject({ size: 7 });
    await bob.rename('/uploads/a.filepart', '/uploads/a');
    expect(contentOf('a')).toBe('content');
  });

  it('is aborted if it is not renamed within a day', async () => {
    await bob.write('/uploads/a.filepart', 'content');
    world.nowMs += 25 * 60 * 60 * 1000;
    await world.factory.parkedFiles.expire(world.call);
    expect(await bob.list('/uploads')).toEqual([]);
    expect(world.logged.at(-1)).toMatchObject({ fields: { reason: 'not renamed in time' } });
  });

  it('keeps the time that was set before or after CLOSE', async () => {
    await bob.write('/uploads/a.filepart', 'content');
    await bob.tree.setAttributes(world.call, '/uploads/a.filepart', { mtimeSeconds: 77, mode: 0o600 });
    expect(await bob.stat('/uploads/a.filepart')).toMatchObject({ mtimeSeconds: 77 });
    await bob.rename('/uploads/a.filepart', '/uploads/a');
    expect(await bob.stat('/uploads/a')).toMatchObject({ mtimeSeconds: 77 });
    await bob.write('/uploads/b.filepart', 'x', { ...putMode, attributes: { mtimeSeconds: 78 } });
    await bob.rename('/uploads/b.filepart', '/uploads/b');
    expect(await bob.stat('/uploads/b')).toMatchObject({ mtimeSeconds: 78 });
  });

  it('is continued at its end, also after a close without a write', async () => {
    await bob.write('/uploads/a.filepart', 'some ');
    {
      await using unwritten = await bob.tree.openWrite(world.call, '/uploads/a.filepart', scpMode);
      await unwritten.commit(world.call);
    }
    {
      await using handle = await bob.tree.openWrite(world.call, '/uploads/a.filepart', appendMode);
      await handle.write(world.call, 0, [Buffer.from('content')]);
      await handle.commit(world.call);
    }
    expect(await bob.stat('/uploads/a.filepart')).toMatchObject({ size: 12 });
    await bob.rename('/uploads/a.filepart', '/uploads/a');
    expect(contentOf('a')).toBe('some content');
  });

  it('is replaced from the start, and refuses a change in the middle', async () => {
    await bob.write('/uploads/a.filepart', 'some content');
    {
      await using handle = await bob.tree.openWrite(world.call, '/uploads/a.filepart', scpMode);
      await expect(handle.write(world.call, 3, [Buffer.from('x')])).rejects.toMatchObject({
        kind: 'unsupported',
      });
    }
    expect(await bob.stat('/uploads/a.filepart')).toMatchObject({ size: 12 });
    await bob.write('/uploads/a.filepart', 'scp', scpMode);
    expect(await bob.stat('/uploads/a.filepart')).toMatchObject({ size: 3 });
    await bob.write('/uploads/a.filepart', 'put');
    await bob.rename('/uploads/a.filepart', '/uploads/a');
    expect(contentOf('a')).toBe('put');
    expect(await world.vault.parked()).toEqual([]);
  });

  it('is parked if it is interrupted, and cannot be renamed before it is resumed', async () => {
    {
      await using handle = await bob.tree.openWrite(world.call, '/uploads/a.filepart', putMode);
      await handle.write(world.call, 0, [Buffer.from('0123456789')]);
    }
    expect(await bob.stat('/uploads/a.filepart')).toMatchObject({ size: 8 });
    await expect(bob.rename('/uploads/a.filepart', '/uploads/a')).rejects.toMatchObject({ kind: 'conflict' });
    {
      await using handle = await bob.tree.openWrite(world.call, '/uploads/a.filepart', scpMode);
      await handle.write(world.call, 8, [Buffer.from('89')]);
      await handle.commit(world.call);
    }
    expect(world.keysInS3()).toEqual([]);
    await bob.rename('/uploads/a.filepart', '/uploads/a');
    expect(contentOf('a')).toBe('0123456789');
  });

  it('replaces a file only if the client asks for it, and does not touch it before', async () => {
    await bob.write('/uploads/a', 'old');
    await bob.write('/uploads/a.filepart', 'new');
    expect(await bob.read('/uploads/a')).toBe('old');
    await expect(bob.rename('/uploads/a.filepart', '/uploads/a')).rejects.toMatchObject({ kind: 'exists' });
    expect(await bob.read('/uploads/a')).toBe('old');
    await bob.rename('/uploads/a.filepart', '/uploads/a', true);
    expect(await bob.read('/uploads/a')).toBe('new');
  });

  it('can be removed, and cannot be read', async () => {
    await bob.write('/uploads/a.filepart', 'content');
    await expect(bob.read('/uploads/a.filepart')).rejects.toMatchObject({
      kind: 'conflict',
      hint: expect.stringContaining('once it is renamed to its final name'),
    });
    await bob.remove('/uploads/a.filepart');
    expect(await bob.list('/uploads')).toEqual([]);
    expect(await world.vault.parked()).toEqual([]);
  });

  it('is kept if its rename fails', async () => {
    await bob.write('/uploads/a.filepart', 'content');
    const before = world.encryption;
    world.encryption = { kind: 'sse-c', key: secondKey };
    await expect(bob.rename('/uploads/a.filepart', '/uploads/a')).rejects.toMatchObject({
      kind: 'unsupported',
    });
    await expect(bob.rename('/uploads/a.filepart', '/uploads/no/a')).rejects.toMatchObject({
      kind: 'not-found',
    });
    world.encryption = before;
    expect(await bob.stat('/uploads/a.filepart')).toMatchObject({ size: 7 });
    await bob.rename('/uploads/a.filepart', '/uploads/a');
    expect(contentOf('a')).toBe('content');
  });

  it('gets another name than the announced one, unless that would replace a file', async () => {
    await bob.mkdir('/uploads/d');
    await bob.write('/uploads/a.filepart', 'content');
    await expect(bob.rename('/uploads/a.filepart', '/uploads/b.filepart')).rejects.toMatchObject({
      kind: 'unsupported',
    });
    await bob.rename('/uploads/a.filepart', '/uploads/d/b');
    expect(world.keysInS3()).toEqual(['d/', 'd/b']);
    await bob.write('/uploads/a.filepart', 'second');
    await bob.write('/uploads/a', 'in the way');
    await expect(bob.rename('/uploads/a.filepart', '/uploads/d/c')).rejects.toMatchObject({
      kind: 'unsupported',
      hint: expect.stringContaining('can only be renamed to "/uploads/a"'),
    });
    expect(contentOf('a')).toBe('in the way');
    await bob.remove('/uploads/a');
    await bob.rename('/uploads/a.filepart', '/uploads/d/c');
    expect(contentOf('d/c')).toBe('second');
  });

  it('keeps its directory, and does not stop other uploads to its final name', async () => {
    await bob.mkdir('/uploads/d');
    await bob.write('/uploads/d/a.filepart', 'content');
    await expect(bob.rmdir('/uploads/d')).rejects.toMatchObject({ kind: 'not-empty' });
    await expect(bob.rename('/uploads/d', '/uploads/e')).rejects.toMatchObject({ kind: 'conflict' });
    await bob.write('/uploads/d/a', 'direct');
    expect(await bob.list('/uploads/d')).toEqual(['a', 'a.filepart']);
    await bob.rename('/uploads/d/a.filepart', '/uploads/d/a', true);
    expect(contentOf('d/a')).toBe('content');
  });
});

describe('an object that exists under an excluded name', () => {
  it('is read, changed and renamed as before', async () => {
    world.change({ uploadExclusions: [] });
    await bob.write('/uploads/a.filepart', 'some ');
    world.change({ uploadExclusions: ['filepart'] });
    expect(await bob.read('/uploads/a.filepart')).toBe('some ');
    {
      await using handle = await bob.tree.openWrite(world.call, '/uploads/a.filepart', appendMode);
      await handle.write(world.call, 0, [Buffer.from('content')]);
      await handle.commit(world.call);
    }
    expect(contentOf('a.filepart')).toBe('some content');
    await bob.rename('/uploads/a.filepart', '/uploads/a');
    expect(world.keysInS3()).toEqual(['a']);
  });

  it('is hidden by a new upload, and removed with it', async () => {
    world.s3.put('bob/uploads/a.filepart', 'foreign');
    await bob.write('/uploads/a.filepart', 'content');
    expect(await bob.stat('/uploads/a.filepart')).toMatchObject({ size: 7 });
    await bob.rename('/uploads/a.filepart', '/uploads/a');
    expect(contentOf('a')).toBe('content');
    expect(contentOf('a.filepart')).toBe('foreign');
  });
});

describe('the rename that completes an upload', () => {
  it('needs the right to create, not to rename; to overwrite only over a file', async () => {
    world.change({ uploadRights: uploadRights(['list', 'create']) });
    await bob.write('/uploads/a.filepart', 'content');
    await bob.rename('/uploads/a.filepart', '/uploads/a');
    await bob.write('/uploads/a.filepart', 'again');
    await expect(bob.rename('/uploads/a.filepart', '/uploads/a', true)).rejects.toMatchObject({
      kind: 'exists',
    });
    expect(contentOf('a')).toBe('content');
    world.change({ uploadRights: allRights });
  });

  it('works in a drop box, which shows the size of the upload to its session', async () => {
    world.change({ uploadRights: dropboxRights });
    await bob.write('/uploads/a.filepart', 'content');
    expect(await bob.stat('/uploads/a.filepart')).toMatchObject({ size: 7 });
    expect(await (await world.login()).stat('/uploads/a.filepart')).toBeNull();
    await bob.rename('/uploads/a.filepart', '/uploads/a');
    expect(await bob.stat('/uploads/a')).toMatchObject({ size: 7 });
  });
});
