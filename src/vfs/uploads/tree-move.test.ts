import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Fault } from '../../model/fault.js';
import { dropboxRights } from '../../model/users/upload-rights.js';
import { firstKey, putMode, type Session, secondKey, World } from '../testing/world.js';

let world: World;
let bob: Session;
const put = (name: string, bytes = '') => world.s3.put(`bob/uploads/${name}`, bytes);

beforeEach(async () => {
  world = await World.make();
  bob = await world.login();
});
afterEach(() => world[Symbol.asyncDispose]());

/** Calls `then` once the copy of a name (below the mount) exists. */
function afterCopyOf(name: string, then: () => void): void {
  const copy = world.vault.copy.bind(world.vault);
  world.vault.copy = async (call, from, to) => {
    const info = await copy(call, from, to);
    if (from.ref.key === `bob/uploads/${name}`) then();
    return info;
  };
}

/** Calls `then` instead of removing a name. */
function atRemovalOf(name: string, then: () => void): void {
  const remove = world.vault.remove.bind(world.vault);
  world.vault.remove = async (call, ref, actor, ifMatch) => {
    if (ref.key === `bob/uploads/${name}`) then();
    await remove(call, ref, actor, ifMatch);
  };
}

describe('renaming a directory with content', () => {
  it('moves everything below it, with times and the current encryption', async () => {
    await bob.mkdir('/uploads/d');
    await bob.mkdir('/uploads/d/empty');
    await bob.write('/uploads/d/f', 'content', { ...putMode, attributes: { mtimeSeconds: 1234 } });
    put('d/deep/er/g', 'below');
    put('d//odd', 'a name that no path has');
    put('d.txt', 'beside it');
    world.keys = [secondKey, firstKey];
    world.encryption = { kind: 'sse-c', key: secondKey };
    await bob.rename('/uploads/d', '/uploads/e');
    expect(world.keysInS3()).toEqual(['d.txt', 'e/', 'e//odd', 'e/deep/er/g', 'e/empty/', 'e/f']);
    expect(await bob.read('/uploads/e/f')).toBe('content');
    expect((await bob.stat('/uploads/e/f'))?.mtimeSeconds).toBe(1234);
    expect(await bob.read('/uploads/e/deep/er/g')).toBe('below');
    const encryptions = [...world.s3.objects].filter(([key]) => key.startsWith('bob/uploads/e/'));
    for (const [, { encryption }] of encryptions)
      expect(encryption).toEqual({ kind: 'sse-c', key: secondKey });
  });

  it('leaves no directory of the old name, and keeps the parent directory', async () => {
    put('p/d/sub/f', 'x');
    await bob.stat('/uploads/p/d/sub');
    await bob.rename('/uploads/p/d', '/uploads/d');
    expect(world.keysInS3()).toEqual(['d/sub/f', 'p/']);
    await expect(bob.write('/uploads/p/d/sub/g', 'x')).rejects.toMatchObject({ kind: 'not-found' });
    await bob.write('/uploads/d/sub/g', 'x');
  });

  it('replaces an empty directory if requested, and no other', async () => {
    put('d/', '');
    put('d/f', 'x');
    await bob.mkdir('/uploads/e');
    put('full/f', 'y');
    await expect(bob.rename('/uploads/d', '/uploads/e')).rejects.toMatchObject({ kind: 'exists' });
    await expect(bob.rename('/uploads/d', '/uploads/full', true)).rejects.toMatchObject({
      kind: 'not-empty',
    });
    await bob.rename('/uploads/d', '/uploads/e', true);
    expect(world.keysInS3()).toEqual(['e/', 'e/f', 'full/f']);
  });

  it('is possible in a write-only directory', async () => {
    world.change({ uploadRights: dropboxRights });
    put('d/f', 'x');
    await bob.rename('/uploads/d', '/uploads/e');
    expect(world.keysInS3()).toEqual(['e/f']);
  });

  it('is refused for more files than the limit, with a remedy', async () => {
    for (let i = 0; i < 21; i++) put(`d/${i}`);
    await expect(bob.rename('/uploads/d', '/uploads/e')).rejects.toMatchObject({
      kind: 'unsupported',
      hint: expect.stringMatching(/more than 20 files.*rename\.limit/),
    });
    expect(world.keysInS3()).toHaveLength(21);
  });

  it('is refused for names that would be too long, and while files are uploaded to it', async () => {
    put(`d/${'n'.repeat(1005)}`, 'x');
    await expect(bob.rename('/uploads/d', '/uploads/a-long-name')).rejects.toMatchObject({ kind: 'invalid' });
    await bob.mkdir('/uploads/up');
    put('up/there', 'x');
    await using upload = await bob.tree.openWrite(world.call, '/uploads/up/f', putMode);
    await expect(bob.rename('/uploads/up', '/uploads/e')).rejects.toMatchObject({ kind: 'conflict' });
    await upload.commit(world.call);
    await bob.rename('/uploads/up', '/uploads/e');
    expect(await bob.list('/uploads/e')).toEqual(['f', 'there']);
  });
});

describe('a rename that fails before all copies exist', () => {
  beforeEach(() => {
    put('d/', '');
    for (const name of ['a', 'b', 'c']) put(`d/${name}`, name);
  });

  it.each([
    [
      'over a file that no key opens',
      () => world.s3.put('bob/uploads/d/b', 'b', { kind: 'sse-c', key: secondKey }),
    ],
    ['over a file that another client replaces', () => afterCopyOf('d/a', () => put('d/b', 'newer'))],
    [
      'over a file that another client writes to the target',
      () => afterCopyOf('d/a', () => put('e/b', 'theirs')),
    ],
  ])('%s names the file, and changes nothing', async (_, disturb) => {
    disturb();
    await expect(bob.rename('/uploads/d', '/uploads/e')).rejects.toMatchObject({
      kind: expect.stringMatching(/key-mismatch|conflict|exists/),
      hint: expect.stringMatching(/"\/uploads\/d" was not renamed, nothing has changed: "\/uploads\/d\/b": /),
    });
    expect(world.keysInS3().filter((key) => key !== 'e/b')).toEqual(['d/', 'd/a', 'd/b', 'd/c']);
  });

  it('keeps the empty target directory', async () => {
    await bob.mkdir('/uploads/e');
    world.s3.put('bob/uploads/d/b', 'b', { kind: 'sse-c', key: secondKey });
    await expect(bob.rename('/uploads/d', '/uploads/e', true)).rejects.toMatchObject({
      kind: 'key-mismatch',
    });
    expect(world.keysInS3()).toEqual(['d/', 'd/a', 'd/b', 'd/c', 'e/']);
  });

  it('reports the number of copies that could not be removed', async () => {
    world.s3.put('bob/uploads/d/b', 'b', { kind: 'sse-c', key: secondKey });
    atRemovalOf('e/a', () => {
      throw new Fault('unavailable', 'S3 is unavailable');
    });
    await expect(bob.rename('/uploads/d', '/uploads/e')).rejects.toMatchObject({
      hint: expect.stringContaining('all its files still exist, and 1 of them exist at "/uploads/e" too'),
    });
    expect(world.keysInS3()).toEqual(['d/', 'd/a', 'd/b', 'd/c', 'e/a']);
    expect(world.logged.at(-1)?.message).toContain('could not remove a copy');
  });

  it('is undone even if it failed because the client disconnected', async () => {
    const disconnect = new AbortController();
    for (let i = 0; i < 16; i++) put(`d/more-${i}`, 'x');
    afterCopyOf('d/a', () => disconnect.abort());
    const call = { ...world.call, signal: disconnect.signal };
    await expect(bob.tree.rename(call, '/uploads/d', '/uploads/e', false)).rejects.toMatchObject({
      kind: 'cancelled',
    });
    expect(world.keysInS3().filter((key) => key.startsWith('e'))).toEqual([]);
  });
});

describe('a rename whose copies all exist', () => {
  beforeEach(() => {
    for (const name of ['a', 'b', 'c']) put(`d/${name}`, name);
  });

  it('keeps files that another client has written to the old name meanwhile', async () => {
    atRemovalOf('d/b', () => put('d/b', 'newer'));
    await expect(bob.rename('/uploads/d', '/uploads/e')).rejects.toMatchObject({
      kind: 'conflict',
      hint: expect.stringContaining('1 of 3 files were changed meanwhile'),
    });
    expect(await bob.read('/uploads/d/b')).toBe('newer');
    expect(await bob.list('/uploads/e')).toEqual(['a', 'b', 'c']);
  });

  it('reports the files that remain if S3 becomes unavailable', async () => {
    atRemovalOf('d/b', () => {
      throw new Fault('unavailable', 'S3 is unavailable');
    });
    await expect(bob.rename('/uploads/d', '/uploads/e')).rejects.toMatchObject({
      kind: 'unavailable',
      hint: expect.stringMatching(
        /"\/uploads\/e" is complete, but [12] of 3 files could not be removed from "\/uploads\/d"/,
      ),
    });
    expect(await bob.list('/uploads/e')).toEqual(['a', 'b', 'c']);
  });

  it('is finished although the client has disconnected', async () => {
    const disconnect = new AbortController();
    atRemovalOf('d/a', () => disconnect.abort());
    await bob.tree.rename({ ...world.call, signal: disconnect.signal }, '/uploads/d', '/uploads/e', false);
    expect(world.keysInS3()).toEqual(['e/a', 'e/b', 'e/c']);
  });
});

describe('a crash', () => {
  it('after any step loses no file, and leaves no file twice with different content', async () => {
    for (let steps = 0; ; steps++) {
      await using shop = await World.make();
      const session = await shop.login();
      await session.mkdir('/uploads/d');
      for (const name of ['a', 'b', 'sub/c']) shop.s3.put(`bob/uploads/d/${name}`, name);
      const isOver = await crashAfter(steps, shop, session.rename('/uploads/d', '/uploads/e'));
      const contents = (below: string) =>
        [...shop.s3.objects]
          .filter(([key]) => key.startsWith(`bob/uploads/${below}/`) && !key.endsWith('/'))
          .map(([key, { bytes }]) => [
            key.slice(`bob/uploads/${below}/`.length),
            Buffer.from(bytes).toString(),
          ]);
      const [old, moved] = [contents('d'), contents('e')];
      for (const [name, text] of [...old, ...moved]) expect(text).toBe(name);
      const whole = [old, moved].filter((tree) => tree.length === 3);
      expect(whole, `after ${steps} steps`).not.toEqual([]);
      if (!isOver) continue;
      // Three files and the marker are copied, then removed.
      expect(steps).toBe(8);
      expect(old).toEqual([]);
      break;
    }
  });
});

/** Lets `steps` changes reach S3 and blocks all later ones. Returns true if the work ended without them. */
async function crashAfter(steps: number, shop: World, work: Promise<void>): Promise<boolean> {
  let left = steps;
  let crash: () => void = () => undefined;
  const crashed = new Promise<boolean>((resolve) => {
    crash = () => resolve(false);
  });
  const never = new Promise<never>(() => undefined);
  const step = () => {
    left -= 1;
    if (left >= 0) return;
    crash();
    return never;
  };
  const { vault } = shop;
  const [copy, remove, openUpload] = [
    vault.copy.bind(vault),
    vault.remove.bind(vault),
    vault.openUpload.bind(vault),
  ];
  vault.copy = async (...given) => (await step()) ?? copy(...given);
  vault.remove = async (...given) => (await step()) ?? remove(...given);
  vault.openUpload = async (...given) => (await step()) ?? openUpload(...given);
  return Promise.race([work.then(() => true), crashed]);
}
