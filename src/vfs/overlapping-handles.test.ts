import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { WriteHandle, WriteMode } from '../model/vfs.js';
import { putMode, type Session, scpMode, World } from './testing/world.js';

let world: World;
let sessions: readonly [Session, Session];
const bothMode: WriteMode = { ...scpMode, create: false, read: true };

beforeEach(async () => {
  world = await World.make();
  sessions = [await world.login(), await world.login()];
});
afterEach(async () => {
  for (const session of sessions) await session.tree[Symbol.asyncDispose]();
  expect([world.vault.openWriters, world.vault.openReaders], 'left open').toEqual([0, 0]);
  await world[Symbol.asyncDispose]();
});

const write = (handle: WriteHandle, offset: number, text: string) =>
  handle.write(world.call, offset, [Buffer.from(text)]);
const resize = (handle: WriteHandle, size: number) => handle.setAttributes(world.call, { size });
const read = async (handle: WriteHandle) =>
  Buffer.concat((await handle.read(world.call, 0, 100)) ?? []).toString();

describe.each([
  { of: 'one session', second: 0 as const },
  { of: 'two sessions of a user', second: 1 as const },
])('two handles of $of on a stored file', ({ second: index }) => {
  let first: WriteHandle;
  let second: WriteHandle;
  const stored = () => sessions[0].read('/uploads/f');
  const size = async () => (await sessions[0].stat('/uploads/f'))?.size;
  const open = async (content: string, mode = bothMode) => {
    await sessions[0].write('/uploads/f', content);
    first = await sessions[0].tree.openWrite(world.call, '/uploads/f', mode);
    second = await sessions[index].tree.openWrite(world.call, '/uploads/f', mode);
  };
  const close = async (handle: WriteHandle) => {
    await handle.commit(world.call);
    await handle[Symbol.asyncDispose]();
  };

  it('keep both changes, whichever is closed first', async () => {
    for (const order of ['first', 'second']) {
      await open('some content');
      await write(first, 0, 'SO');
      await write(second, 5, 'CON');
      for (const handle of order === 'first' ? [first, second] : [second, first]) await close(handle);
      expect(await stored()).toBe('SOme CONtent');
    }
  });

  it('keep the size that was set last', async () => {
    await open('some content');
    await resize(first, 5);
    await resize(second, 8);
    await close(first);
    expect(await size()).toBe(8);
    await close(second);
    expect(await stored()).toBe('some \0\0\0');
  });

  it('keep a size that is the one that the second handle found', async () => {
    await open('some content');
    await resize(first, 5);
    await resize(second, 12);
    await close(first);
    await close(second);
    expect(await stored()).toBe(`some ${'\0'.repeat(7)}`);
  });

  it('show what the other has stored: its content and its size', async () => {
    await open('some content');
    await write(first, 12, ' and more');
    await close(first);
    expect(await size()).toBe(21);
    expect(await read(second)).toBe('some content and more');
    await write(second, 0, 'SOME');
    expect(await read(second)).toBe('SOME content and more');
    await close(second);
    expect(await stored()).toBe('SOME content and more');
  });

  it('keep the changes of an empty file', async () => {
    await open('');
    await write(first, 0, 'one');
    await write(second, 4, 'two');
    await close(second);
    await close(first);
    expect(await stored()).toBe('one\0two');
  });

  it('keep a time that one of them sets after the other was closed', async () => {
    await open('some content');
    await second.setAttributes(world.call, { mtimeSeconds: 77 });
    await write(first, 0, 'SOME');
    await close(first);
    await close(second);
    expect(await sessions[0].stat('/uploads/f')).toMatchObject({ size: 12, mtimeSeconds: 77 });
    expect(await stored()).toBe('SOME content');
  });

  it('are a conflict if another client has replaced the file', async () => {
    await open('some content');
    await write(first, 0, 'SOME');
    await close(first);
    world.s3.put('bob/uploads/f', 'theirs');
    await write(second, 5, 'CON');
    await expect(second.commit(world.call)).rejects.toMatchObject({
      kind: 'conflict',
      hint: expect.stringContaining('"/uploads/f" was changed by another client'),
    });
    await second[Symbol.asyncDispose]();
    expect(await stored()).toBe('theirs');
  });
});

describe('an operation on a file whose CLOSE is in progress', () => {
  it.each([
    { what: 'an open', run: (tree: Session['tree']) => tree.openRead(world.call, '/uploads/f') },
    {
      what: 'an open for changes',
      run: (tree: Session['tree']) => tree.openWrite(world.call, '/uploads/f', bothMode),
    },
    {
      what: 'a new size',
      run: (tree: Session['tree']) => tree.setAttributes(world.call, '/uploads/f', { size: 1 }),
    },
    {
      what: 'a new time',
      run: (tree: Session['tree']) => tree.setAttributes(world.call, '/uploads/f', { mtimeSeconds: 7 }),
    },
    {
      what: 'a rename',
      run: (tree: Session['tree']) => tree.rename(world.call, '/uploads/f', '/uploads/g', true),
    },
    { what: 'a removal', run: (tree: Session['tree']) => tree.remove(world.call, '/uploads/f') },
  ])('waits for it: $what', async ({ run }) => {
    const [{ tree }] = sessions;
    const handle = await tree.openWrite(world.call, '/uploads/f', putMode);
    await write(handle, 0, 'new');
    const closing = handle.commit(world.call);
    const result = await run(tree);
    await closing;
    await handle[Symbol.asyncDispose]();
    if (typeof result === 'object') await result[Symbol.asyncDispose]();
  });
});
