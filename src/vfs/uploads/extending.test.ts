import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { WriteHandle } from '../../model/vfs.js';
import { putMode, type Session, scpMode, secondKey, World } from '../testing/world.js';

let world: World;
let bob: Session;
beforeEach(async () => {
  world = await World.make();
  bob = await world.login();
  await bob.write('/uploads/f', 'what is there');
});
afterEach(() => world[Symbol.asyncDispose]());

const appendMode = { ...scpMode, append: true };
const open = (path: string, mode = scpMode) => bob.tree.openWrite(world.call, path, mode);
const write = (handle: WriteHandle, offset: number, text: string) =>
  handle.write(world.call, offset, [Buffer.from(text)]);

describe('a file in S3 that a client writes to at its end', () => {
  it.each([
    ['without truncation', scpMode, 13],
    ['to append, at its size', appendMode, 13],
    ['to append, from 0 on', appendMode, 0],
  ])('is extended if it is opened %s', async (_, mode, from) => {
    await using handle = await open('/uploads/f', mode);
    expect(await handle.attributes()).toMatchObject({ size: 13 });
    await Promise.all([write(handle, from, ', and'), write(handle, from + 5, ' more')]);
    expect(await bob.stat('/uploads/f')).toMatchObject({ size: 23 });
    expect(Buffer.from(world.s3.objects.get('bob/uploads/f')?.bytes ?? []).toString()).toBe('what is there');
    await handle.commit(world.call);
    expect(await bob.read('/uploads/f')).toBe('what is there, and more');
    await handle[Symbol.asyncDispose]();
    expect(world.vault.openWriters).toBe(0);
  });

  it('is unchanged if the client disconnects or writes nothing', async () => {
    const handle = await open('/uploads/f');
    await write(handle, 13, ', and so on, and so on');
    await handle[Symbol.asyncDispose]();
    await using other = await open('/uploads/f', appendMode);
    await other.commit(world.call);
    expect(await bob.read('/uploads/f')).toBe('what is there');
    expect(await world.vault.parked()).toEqual([]);
  });

  it('is not extended if another client writes to it before or meanwhile', async () => {
    const changed = { kind: 'conflict', hint: expect.stringContaining('another client') };
    await using handle = await open('/uploads/f');
    await write(handle, 13, ', and more');
    world.s3.put('bob/uploads/f', 'theirs');
    await expect(handle.commit(world.call)).rejects.toMatchObject(changed);
    await using other = await open('/uploads/f');
    world.s3.put('bob/uploads/f', 'theirs again');
    await write(other, 6, ', and more');
    await expect(other.commit(world.call)).rejects.toMatchObject(changed);
    expect(await bob.read('/uploads/f')).toBe('theirs again');
  });

  it('gets the user’s current encryption, and is refused if no key opens it', async () => {
    world.keys = [secondKey, ...world.keys];
    world.encryption = { kind: 'sse-c', key: secondKey };
    await bob.write('/uploads/f', ' and more', appendMode);
    expect(world.s3.objects.get('bob/uploads/f')?.encryption).toEqual({ kind: 'sse-c', key: secondKey });
    expect(await bob.read('/uploads/f')).toBe('what is there and more');
    world.keys = [];
    await using handle = await open('/uploads/f', appendMode);
    await write(handle, 0, 'x');
    await expect(handle.commit(world.call)).rejects.toMatchObject({ kind: 'key-mismatch' });
  });

  it('is a new file if it was truncated or is empty', async () => {
    await bob.write('/uploads/f', 'new', { ...putMode, append: true });
    expect(await bob.read('/uploads/f')).toBe('new');
  });
});
