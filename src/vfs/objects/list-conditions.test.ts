import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Fault } from '../../model/fault.js';
import { putMode, type Session, World } from '../testing/world.js';

const prefix = 'bob/uploads/';

let world: World;
let bob: Session;

/** Denies lists as a policy with the conditions `s3:delimiter` = `/` and `s3:prefix` = `bob/uploads/*` does. */
function denyOtherLists(): void {
  const list = world.s3.list.bind(world.s3);
  world.s3.list = async (call, request) => {
    if (request.delimiter === '/' && request.prefix.startsWith(prefix)) return await list(call, request);
    throw new Fault('denied', 'explicit deny: s3:ListBucket without the delimiter');
  };
}

beforeEach(async () => {
  world = await World.make();
  bob = await world.login();
  denyOtherLists();
});
afterEach(() => world[Symbol.asyncDispose]());

describe('a policy that allows only lists of one directory', () => {
  it('allows every operation on files', async () => {
    world.s3.put(`${prefix}theirs/deep/f`, 'theirs');
    expect(await bob.list('/uploads')).toEqual(['theirs/']);
    expect(await bob.stat('/uploads/none')).toBeNull();
    await bob.write('/uploads/a', 'text');
    await bob.write('/uploads/theirs/a', 'text', { ...putMode, exclusive: true });
    expect(await bob.read('/uploads/a')).toBe('text');
    expect(await bob.stat('/uploads/a')).toMatchObject({ size: 4 });
    await bob.rename('/uploads/a', '/uploads/theirs/b');
    await bob.rename('/uploads/theirs/b', '/uploads/theirs/a', true);
    await bob.remove('/uploads/theirs/a');
    await expect(bob.read('/uploads/theirs')).rejects.toMatchObject({ kind: 'is-directory' });
    await expect(bob.read('/uploads/none')).rejects.toMatchObject({ kind: 'not-found' });
    expect(world.logged).toEqual([]);
  });

  it('allows every operation on directories except the rename of a full one', async () => {
    await bob.mkdir('/uploads/d');
    expect(await bob.stat('/uploads/d')).toMatchObject({ type: 'directory' });
    await bob.write('/uploads/d/f', 'x');
    await expect(bob.mkdir('/uploads/d/f')).rejects.toMatchObject({ kind: 'exists' });
    await expect(bob.rmdir('/uploads/d')).rejects.toMatchObject({ kind: 'not-empty' });
    await expect(bob.rename('/uploads/d', '/uploads/e')).rejects.toMatchObject({ kind: 'denied' });
    await bob.remove('/uploads/d/f');
    await bob.rmdir('/uploads/d');
    expect(await bob.stat('/uploads/d')).toBeNull();
  });

  it('allows direct downloads', async () => {
    world.change({ downloads: true, downloadsMode: 'direct', downloadsPrefix: `${prefix}down/` });
    world.s3.put(`${prefix}down/sub/f`, 'x', world.encryption);
    const again = await world.login();
    expect(await again.list('/downloads')).toEqual(['sub/']);
    expect(await again.list('/downloads/sub')).toEqual(['f']);
    expect(await again.stat('/downloads/sub')).toMatchObject({ type: 'directory' });
    expect(await again.read('/downloads/sub/f')).toBe('x');
  });
});

describe('a listed directory', () => {
  it('is not empty if it contains only directories', async () => {
    world.s3.put(`${prefix}d/`);
    world.s3.put(`${prefix}d/deep/f`, 'x');
    await expect(bob.rmdir('/uploads/d')).rejects.toMatchObject({ kind: 'not-empty' });
    expect(world.s3.objects.has(`${prefix}d/`)).toBe(true);
  });

  it('keeps a marker if the last directory in it is removed, but not beside another', async () => {
    world.s3.put(`${prefix}d/one/`);
    world.s3.put(`${prefix}d/two/f`, 'x');
    await bob.rmdir('/uploads/d/one');
    expect(world.s3.objects.has(`${prefix}d/`)).toBe(false);
    await bob.remove('/uploads/d/two/f');
    await bob.rmdir('/uploads/d/two');
    expect(world.s3.objects.has(`${prefix}d/`)).toBe(true);
  });
});
