import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { dropboxRights } from '../../model/users/upload-rights.js';
import type { WriteHandle, WriteMode } from '../../model/vfs.js';
import { firstKey, putMode, type Session, scpMode, secondKey, World } from '../testing/world.js';

let world: World;
let bob: Session;
const bothMode: WriteMode = { ...scpMode, create: false, read: true };
const appendMode: WriteMode = { ...scpMode, append: true };
const open = (path: string, mode: WriteMode) => bob.tree.openWrite(world.call, path, mode);
const write = (handle: WriteHandle, offset: number, text: string) =>
  handle.write(world.call, offset, [Buffer.from(text)]);
const read = async (handle: WriteHandle, offset: number, length: number) => {
  const views = await handle.read(world.call, offset, length);
  return views === null ? null : Buffer.concat(views).toString();
};

beforeEach(async () => {
  world = await World.make();
  bob = await world.login();
});
afterEach(async () => {
  await bob.tree[Symbol.asyncDispose]();
  expect([world.vault.openWriters, world.vault.openReaders], 'left open').toEqual([0, 0]);
  await world[Symbol.asyncDispose]();
});

describe('a file opened for reading and writing', () => {
  beforeEach(() => bob.write('/uploads/f', 'some content'));

  it('is read with its changes, which others see after CLOSE', async () => {
    await using handle = await open('/uploads/f', bothMode);
    expect((await handle.attributes()).size).toBe(12);
    expect(await read(handle, 0, 4)).toBe('some');
    expect(await read(handle, 5, 100)).toBe('content');
    expect(await read(handle, 12, 1)).toBeNull();
    expect((await bob.stat('/uploads/f'))?.size).toBe(12);
    await write(handle, 5, 'CON');
    await write(handle, 14, '!');
    expect(await read(handle, 0, 100)).toBe('some CONtent\0\0!');
    expect(await bob.read('/uploads/f')).toBe('some content');
    await handle.commit(world.call);
    expect(await bob.read('/uploads/f')).toBe('some CONtent\0\0!');
  });

  it('is replaced by a client that reads it, writes it again and truncates it', async () => {
    await using handle = await open('/uploads/f', bothMode);
    const text = `${await read(handle, 0, 100)}`.slice(5).toUpperCase();
    await write(handle, 0, text);
    await handle.setAttributes(world.call, { size: text.length });
    await handle.commit(world.call);
    expect(await bob.read('/uploads/f')).toBe('CONTENT');
  });

  it('is unchanged if the client only reads it, or disconnects', async () => {
    await using reading = await open('/uploads/f', bothMode);
    await read(reading, 0, 4);
    await reading.commit(world.call);
    await using handle = await open('/uploads/f', bothMode);
    await write(handle, 5, 'x');
    await handle[Symbol.asyncDispose]();
    expect(await bob.read('/uploads/f')).toBe('some content');
  });

  it('is truncated through the handle or its name, and extended again with zeros', async () => {
    await using handle = await open('/uploads/f', bothMode);
    await handle.setAttributes(world.call, { size: 2 });
    await handle.setAttributes(world.call, { size: 4 });
    expect(await read(handle, 0, 9)).toBe('so\0\0');
    await bob.write('/uploads/g', 'other content');
    await using other = await open('/uploads/g', bothMode);
    expect(await read(other, 0, 5)).toBe('other');
    await bob.tree.setAttributes(world.call, '/uploads/g', { size: 0 });
    expect(await read(other, 0, 4)).toBeNull();
    await other.commit(world.call);
    expect(await bob.read('/uploads/g')).toBe('');
  });

  it('is empty if it is new or truncated', async () => {
    await using truncated = await open('/uploads/f', { ...putMode, read: true });
    expect(await read(truncated, 0, 4)).toBeNull();
    await using created = await open('/uploads/new', { ...scpMode, read: true });
    expect(await read(created, 0, 4)).toBeNull();
  });

  it('is refused if another client replaces the object, or no key opens it', async () => {
    await using handle = await open('/uploads/f', bothMode);
    world.s3.put('bob/uploads/f', 'theirs');
    await expect(read(handle, 0, 4)).rejects.toMatchObject({ kind: 'conflict' });
    world.s3.put('bob/uploads/f', 'sealed', { kind: 'sse-c', key: secondKey });
    await using sealed = await open('/uploads/f', bothMode);
    await expect(read(sealed, 0, 4)).rejects.toMatchObject({ kind: 'key-mismatch' });
    world.keys = [firstKey, secondKey];
    expect(await read(sealed, 0, 4)).toBe('seal');
  });

  it('is not read on a handle that is open for writing only', async () => {
    await using handle = await open('/uploads/f', scpMode);
    await expect(read(handle, 0, 4)).rejects.toMatchObject({ kind: 'denied' });
  });

  it('is refused in a write-only directory', async () => {
    world.change({ uploadRights: dropboxRights });
    await expect(open('/uploads/f', bothMode)).rejects.toMatchObject({ kind: 'denied' });
    await using handle = await open('/uploads/f', { ...putMode, read: true });
    await write(handle, 0, 'new');
    await handle.commit(world.call);
  });
});

describe('a file opened to append', () => {
  it.each([
    { before: 'there is none', content: null },
    { before: 'it is empty', content: '' },
    { before: 'it has content', content: 'zero ' },
  ])('gets every write at its end, whatever the offset, if $before', async ({ content }) => {
    if (content !== null) await bob.write('/uploads/f', content);
    await using handle = await open('/uploads/f', appendMode);
    await write(handle, 0, 'first ');
    await write(handle, 3, 'second ');
    await Promise.all([write(handle, 100, 'third '), write(handle, 0, ''), write(handle, 0, 'fourth')]);
    const expected = `${content ?? ''}first second third fourth`;
    expect((await handle.attributes()).size).toBe(expected.length);
    await handle.commit(world.call);
    expect(await bob.read('/uploads/f')).toBe(expected);
  });

  it('continues at its new end after a truncation through the handle or its name', async () => {
    await bob.write('/uploads/f', 'zero');
    await using handle = await open('/uploads/f', appendMode);
    await handle.setAttributes(world.call, { size: 0 });
    await write(handle, 4, 'new');
    await handle.commit(world.call);
    expect(await bob.read('/uploads/f')).toBe('new');
    await using other = await open('/uploads/f', appendMode);
    await bob.tree.setAttributes(world.call, '/uploads/f', { size: 0 });
    await write(other, 3, 'newer');
    await other.commit(world.call);
    expect(await bob.read('/uploads/f')).toBe('newer');
  });

  it('by two sessions at once loses no acknowledged byte', async () => {
    await bob.write('/uploads/f', 'zero ');
    const alice = await world.login();
    await using first = await open('/uploads/f', appendMode);
    await using second = await alice.tree.openWrite(world.call, '/uploads/f', appendMode);
    await write(first, 0, 'first ');
    await write(second, 0, 'second');
    await first.commit(world.call);
    await second.commit(world.call);
    expect(await bob.read('/uploads/f')).toBe('zero first second');
    await using upload = await open('/uploads/new', putMode);
    await write(upload, 0, 'new');
    await expect(alice.tree.openWrite(world.call, '/uploads/new', appendMode)).rejects.toMatchObject({
      kind: 'conflict',
    });
  });
});

describe('a truncation by the name of a file that is open without truncation', () => {
  it('is kept if the client then writes at the old end', async () => {
    await bob.write('/uploads/f', 'old');
    await using handle = await open('/uploads/f', scpMode);
    await bob.tree.setAttributes(world.call, '/uploads/f', { size: 0 });
    await write(handle, 3, 'x');
    await handle.commit(world.call);
    expect(await bob.read('/uploads/f')).toBe('\0\0\0x');
  });

  it('by another session is stored at once, and the changes of the first are added at its CLOSE', async () => {
    const alice = await world.login();
    await bob.write('/uploads/f', 'old');
    await using handle = await open('/uploads/f', bothMode);
    await write(handle, 0, 'n');
    await alice.tree.setAttributes(world.call, '/uploads/f', { size: 2 });
    expect(await bob.read('/uploads/f')).toBe('ol');
    expect((await handle.attributes()).size).toBe(2);
    await handle.commit(world.call);
    expect(await bob.read('/uploads/f')).toBe('nl');
  });
});
