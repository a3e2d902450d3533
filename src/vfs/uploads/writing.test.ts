import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { allRights, dropboxRights } from '../../model/users/upload-rights.js';
import type { WriteMode } from '../../model/vfs.js';
import { firstKey, putMode, type Session, scpMode, secondKey, World } from '../testing/world.js';

let world: World;
let bob: Session;
const put = (name: string, bytes = '') => world.s3.put(`bob/uploads/${name}`, bytes);
const open = (path: string, mode: WriteMode = putMode) => bob.tree.openWrite(world.call, path, mode);
const bytes = (text: string) => [Buffer.from(text)];

beforeEach(async () => {
  world = await World.make();
  bob = await world.login();
});
afterEach(async () => {
  await bob.tree[Symbol.asyncDispose]();
  expect(world.vault.openWriters, 'uploads left open').toBe(0);
  await world[Symbol.asyncDispose]();
});

describe('an upload', () => {
  it('is in S3 with the user’s encryption once it is committed, and not before', async () => {
    await using handle = await open('/uploads/f');
    await handle.write(world.call, 3, bytes('lo'));
    await handle.write(world.call, 0, bytes('hel'));
    expect(world.keysInS3()).toEqual([]);
    await handle.commit(world.call);
    expect(world.keysInS3()).toEqual(['f']);
    expect(world.s3.objects.get('bob/uploads/f')?.encryption).toEqual({ kind: 'sse-c', key: firstKey });
    expect(await bob.read('/uploads/f')).toBe('hello');
  });

  it('uses the encryption that the user has at its open', async () => {
    await bob.write('/uploads/old', 'x');
    world.keys = [secondKey, firstKey];
    world.encryption = { kind: 'sse-c', key: secondKey };
    await bob.write('/uploads/new', 'y');
    expect(world.s3.objects.get('bob/uploads/new')?.encryption).toEqual({ kind: 'sse-c', key: secondKey });
    expect(await bob.read('/uploads/old')).toBe('x');
  });

  it('keeps the time given at the open or before the close', async () => {
    await bob.write('/uploads/a', 'x', { ...putMode, attributes: { mtimeSeconds: 1000 } });
    await using handle = await open('/uploads/b');
    await handle.setAttributes(world.call, { mtimeSeconds: 2000, mode: 0o600 });
    expect(await handle.attributes()).toMatchObject({ mtimeSeconds: 2000, mode: 0o644 });
    await handle.commit(world.call);
    expect((await bob.stat('/uploads/a'))?.mtimeSeconds).toBe(1000);
    expect((await bob.stat('/uploads/b'))?.mtimeSeconds).toBe(2000);
  });

  it('does not check again whether its name is a directory if the client has just asked', async () => {
    const asked = () => world.s3.listed.filter(({ prefix }) => prefix === 'bob/uploads/f').length;
    expect(await bob.stat('/uploads/f')).toBeNull();
    await bob.write('/uploads/f', 'x');
    expect(asked()).toBe(1);
    world.nowMs += 3000;
    await bob.write('/uploads/f', 'y');
    expect(asked()).toBe(2);
  });

  it('is refused if this gateway has created a directory of its name since the client asked', async () => {
    const other = await world.login();
    expect(await bob.stat('/uploads/f')).toBeNull();
    await other.mkdir('/uploads/f');
    await expect(bob.write('/uploads/f', 'x')).rejects.toMatchObject({ kind: 'is-directory' });
    await other.tree[Symbol.asyncDispose]();
  });

  it('leaves nothing if it is aborted', async () => {
    const handle = await open('/uploads/f');
    await handle.write(world.call, 0, bytes('half'));
    await handle[Symbol.asyncDispose]();
    await handle[Symbol.asyncDispose]();
    expect(world.keysInS3()).toEqual([]);
    expect(await bob.stat('/uploads/f')).toBeNull();
  });

  it('requires its directory, as a marker or a prefix', async () => {
    await expect(open('/uploads/none/f')).rejects.toMatchObject({
      kind: 'not-found',
      hint: expect.stringContaining('mkdir'),
    });
    put('f', 'x');
    await expect(open('/uploads/f/g')).rejects.toMatchObject({ kind: 'not-directory' });
    put('implied/x');
    await bob.write('/uploads/implied/y', 'y');
    await bob.mkdir('/uploads/made');
    await expect(open('/uploads/made')).rejects.toMatchObject({ kind: 'is-directory' });
    await expect(open('/uploads/implied')).rejects.toMatchObject({ kind: 'is-directory' });
  });

  it('checks the directory of many files only once', async () => {
    await bob.mkdir('/uploads/d');
    world.s3.listed.length = 0;
    for (let index = 0; index < 10; index += 1) await bob.write(`/uploads/d/${index}`, 'x');
    expect(world.s3.listed).toHaveLength(0);
    world.expireListings();
    for (let index = 0; index < 10; index += 1) await bob.write(`/uploads/d/${index}`, 'x');
    expect(world.s3.listed).toHaveLength(3);
  });

  it('refuses a key that is too long for S3, and reports its length', async () => {
    const fits = '€'.repeat(337);
    expect(Buffer.byteLength(`bob/uploads/${fits}`)).toBe(1023);
    await bob.write(`/uploads/${fits}a`, 'x');
    expect(await bob.read(`/uploads/${fits}a`)).toBe('x');
    expect(await bob.stat(`/uploads/${fits}a`)).toMatchObject({ type: 'file' });
    for (const attempt of [open(`/uploads/${fits}ab`), bob.mkdir(`/uploads/${fits}a`)])
      await expect(attempt).rejects.toMatchObject({ kind: 'invalid', hint: expect.stringContaining('1025') });
  });
});

describe('opening for writing', () => {
  it('exclusively fails if the file exists, is being uploaded, or appears before the commit', async () => {
    const exclusive = { ...putMode, exclusive: true };
    put('f', 'x');
    await expect(open('/uploads/f', exclusive)).rejects.toMatchObject({ kind: 'exists' });
    await using handle = await open('/uploads/new', exclusive);
    await expect(open('/uploads/new', exclusive)).rejects.toMatchObject({ kind: 'exists' });
    put('new', 'somebody else');
    await expect(handle.commit(world.call)).rejects.toMatchObject({ kind: 'exists' });
    expect(await bob.read('/uploads/new')).toBe('somebody else');
  });

  it('without create fails if there is no file', async () => {
    await expect(open('/uploads/f', { ...putMode, create: false })).rejects.toMatchObject({
      kind: 'not-found',
    });
    put('f', 'old');
    await bob.write('/uploads/f', 'new', { ...putMode, create: false });
    expect(await bob.read('/uploads/f')).toBe('new');
  });

  it('to append fills an empty file, and is refused while the file is being uploaded', async () => {
    const append = { ...scpMode, append: true };
    put('empty', '');
    await bob.write('/uploads/empty', 'filled', append);
    expect(await bob.read('/uploads/empty')).toBe('filled');
    await using handle = await open('/uploads/new', append);
    await expect(open('/uploads/new', append)).rejects.toMatchObject({ kind: 'conflict' });
    await handle.commit(world.call);
  });
});

describe('writing without truncation to an existing file, as scp does', () => {
  beforeEach(() => put('f', 'long content'));

  it('replaces it if the client truncates at the end', async () => {
    await using handle = await open('/uploads/f', scpMode);
    await handle.write(world.call, 0, bytes('short'));
    await handle.setAttributes(world.call, { size: 5 });
    await handle.setAttributes(world.call, { mtimeSeconds: 5 });
    await handle.commit(world.call);
    expect(await bob.read('/uploads/f')).toBe('short');
  });

  it('replaces it if the new content is at least as long', async () => {
    await bob.write('/uploads/f', 'longer content', scpMode);
    expect(await bob.read('/uploads/f')).toBe('longer content');
  });

  it('keeps the tail of the old file, and what is around a change', async () => {
    await bob.write('/uploads/f', 'LONG', scpMode);
    expect(await bob.read('/uploads/f')).toBe('LONG content');
    await using handle = await open('/uploads/f', scpMode);
    await handle.write(world.call, 6, bytes('ONT'));
    await handle.write(world.call, 5, bytes('-'));
    await handle.commit(world.call);
    expect(await bob.read('/uploads/f')).toBe('LONG -ONTent');
  });

  it('is refused in a write-only directory unless the whole file is written', async () => {
    world.change({ uploadRights: dropboxRights });
    const truncated = bob.tree.setAttributes(world.call, '/uploads/f', { size: 2 });
    await expect(truncated).rejects.toMatchObject({ kind: 'denied' });
    await using short = await open('/uploads/f', scpMode);
    await short.write(world.call, 0, bytes('short'));
    await expect(short.commit(world.call)).rejects.toMatchObject({
      kind: 'unsupported',
      hint: expect.stringContaining('12 bytes'),
    });
    await using sized = await open('/uploads/f', scpMode);
    const resized = sized.setAttributes(world.call, { size: 20 });
    await expect(resized).rejects.toMatchObject({ kind: 'unsupported' });
    await using handle = await open('/uploads/f', scpMode);
    const refused = { kind: 'unsupported', hint: expect.stringContaining('from the start') };
    await expect(handle.write(world.call, 4, bytes(' and more'))).rejects.toMatchObject(refused);
    await expect(handle.write(world.call, 0, bytes('x'))).rejects.toMatchObject(refused);
    await expect(handle.commit(world.call)).rejects.toMatchObject(refused);
    world.change({ uploadRights: allRights });
    bob = await world.login();
    expect(await bob.read('/uploads/f')).toBe('long content');
  });

  it('changes only the time if nothing is written', async () => {
    await bob.write('/uploads/g', 'mine');
    await using handle = await open('/uploads/g', scpMode);
    expect((await handle.attributes()).size).toBe(4);
    await handle.setAttributes(world.call, { size: 4, mtimeSeconds: 77 });
    await handle.commit(world.call);
    expect(await bob.read('/uploads/g')).toBe('mine');
    expect((await bob.stat('/uploads/g'))?.mtimeSeconds).toBe(77);
  });

  it('empties it if the client truncates it to 0 bytes', async () => {
    await using handle = await open('/uploads/f', scpMode);
    await handle.setAttributes(world.call, { size: 0 });
    await handle.commit(world.call);
    expect(await bob.read('/uploads/f')).toBe('');
  });

  it('gets another size, with zeros behind its content', async () => {
    await using handle = await open('/uploads/f', scpMode);
    await handle.setAttributes(world.call, { size: 4 });
    await handle.setAttributes(world.call, { size: 6 });
    await handle.commit(world.call);
    expect(await bob.read('/uploads/f')).toBe('long\0\0');
  });
});

describe('a file still being uploaded', () => {
  it('shows its current size in STAT and listings, in every session of the process', async () => {
    const other = await world.login();
    await bob.mkdir('/uploads/d');
    await using handle = await open('/uploads/d/f');
    await handle.write(world.call, 0, bytes('12345'));
    expect(await handle.attributes()).toMatchObject({ type: 'file', size: 5 });
    expect(await other.stat('/uploads/d/f')).toMatchObject({ type: 'file', size: 5 });
    expect((await other.entries('/uploads/d')).get('f')).toMatchObject({ size: 5 });
    expect(await other.list('/uploads')).toEqual(['d/']);
    await handle.commit(world.call);
    expect(await other.list('/uploads/d')).toEqual(['f']);
  });

  it('is shown once, with its own size, while it replaces another', async () => {
    put('f', 'the old content');
    await using handle = await open('/uploads/f');
    await handle.write(world.call, 0, bytes('new'));
    expect((await bob.entries('/uploads')).get('f')).toMatchObject({ size: 3 });
    expect(await bob.read('/uploads/f')).toBe('the old content');
  });

  it('accepts attributes by its name', async () => {
    await using handle = await open('/uploads/f');
    await handle.write(world.call, 0, bytes('12345'));
    await bob.tree.setAttributes(world.call, '/uploads/f', { mtimeSeconds: 9 });
    await handle.commit(world.call);
    expect((await bob.stat('/uploads/f'))?.mtimeSeconds).toBe(9);
  });

  it('cannot be read, removed, renamed or replaced by a directory', async () => {
    await bob.mkdir('/uploads/d');
    await using handle = await open('/uploads/d/f');
    const busy = { kind: 'conflict', hint: expect.stringContaining('still being uploaded') };
    await expect(bob.read('/uploads/d/f')).rejects.toMatchObject(busy);
    await expect(bob.remove('/uploads/d/f')).rejects.toMatchObject(busy);
    await expect(bob.rename('/uploads/d/f', '/uploads/g')).rejects.toMatchObject(busy);
    await expect(bob.mkdir('/uploads/d/f')).rejects.toMatchObject({ kind: 'exists' });
    await expect(bob.rmdir('/uploads/d')).rejects.toMatchObject({ kind: 'not-empty' });
    await expect(bob.list('/uploads/d/f')).rejects.toMatchObject({ kind: 'not-directory' });
    await handle.commit(world.call);
    await bob.remove('/uploads/d/f');
  });

  it('may be sent twice in parallel: the newest is shown, the last to close is kept', async () => {
    await using first = await open('/uploads/f');
    await using second = await open('/uploads/f');
    await first.write(world.call, 0, bytes('first'));
    await second.write(world.call, 0, bytes('2nd'));
    expect((await bob.stat('/uploads/f'))?.size).toBe(3);
    await second.commit(world.call);
    expect((await bob.stat('/uploads/f'))?.size).toBe(5);
    await first.commit(world.call);
    expect(await bob.read('/uploads/f')).toBe('first');
  });
});
