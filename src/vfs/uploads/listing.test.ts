import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Session, World } from '../testing/world.js';

let world: World;
let bob: Session;
const put = (name: string, bytes = '') => world.s3.put(`bob/uploads/${name}`, bytes);

beforeEach(async () => {
  world = await World.make();
  bob = await world.login();
});
afterEach(() => world[Symbol.asyncDispose]());

describe('listing a directory of uploads', () => {
  it('shows one level: files with their size, and markers and prefixes as directories, but not its own marker', async () => {
    put('', '');
    put('f', 'four');
    put('made/', '');
    put('implied/deep/file', 'x');
    expect(await bob.list('/uploads')).toEqual(['f', 'implied/', 'made/']);
    expect((await bob.entries('/uploads')).get('f')).toMatchObject({ size: 4, mode: 0o644 });
    expect((await bob.entries('/uploads')).get('made')).toMatchObject({ type: 'directory', mode: 0o755 });
    expect(await bob.list('/uploads/implied')).toEqual(['deep/']);
    expect(await bob.list('/uploads/made')).toEqual([]);
  });

  it('tells a missing directory from a file before any entry', async () => {
    put('f', 'x');
    await expect(bob.list('/uploads/none')).rejects.toMatchObject({ kind: 'not-found' });
    await expect(bob.list('/uploads/f')).rejects.toMatchObject({ kind: 'not-directory' });
    expect(await bob.list('/uploads')).toEqual(['f']);
  });

  it('shows an empty /uploads although S3 has no object there', async () => {
    expect(await bob.list('/uploads')).toEqual([]);
  });

  it('streams 3,000 names in one batch per page, and stops when the client stops', async () => {
    const names = Array.from({ length: 3000 }, (_, index) => `file-${String(index).padStart(5, '0')}`);
    for (const name of names) put(name, 'x');
    expect(await bob.list('/uploads')).toEqual(names);
    expect(world.s3.listed).toHaveLength(3);

    world.s3.listed.length = 0;
    for await (const batch of bob.tree.list(world.call, '/uploads')) {
      // The last name of a page is held back: a directory of its name may follow.
      expect(batch.length).toBe(999);
      break;
    }
    expect(world.s3.listed.length).toBeLessThanOrEqual(2);
  });

  it('shows the client’s time, with one ledger query per page, and S3’s time for objects of other clients', async () => {
    for (const name of ['a', 'b', 'c']) {
      await bob.write(`/uploads/${name}`, name);
      await bob.tree.setAttributes(world.call, `/uploads/${name}`, { mtimeSeconds: 1_000_000 });
    }
    put('b', 'replaced by another program');
    put('d', 'x');
    const entries = await bob.entries('/uploads');
    const times = ['a', 'b', 'c', 'd'].map((name) => entries.get(name)?.mtimeSeconds);
    expect(times).toEqual([1_000_000, 1_700_000_000, 1_000_000, 1_700_000_000]);
  });
});

describe('names that clients cannot request', () => {
  it('are omitted and logged once', async () => {
    for (const name of [
      'ok',
      'a//b',
      '/lead',
      './dot',
      '../up',
      '..',
      'bell\u0007',
      'line\nbreak',
      'half\ud800',
    ])
      put(name);
    expect(await bob.list('/uploads')).toEqual(['a/', 'ok']);
    expect(await bob.list('/uploads/a')).toEqual([]);
    await bob.list('/uploads');
    const lines = world.logged.filter((line) => line.message.includes('listing omits names'));
    expect(lines).toHaveLength(2);
    expect(JSON.stringify(lines)).not.toContain('\u0007');
  });

  it('still keep their directory from being removed', async () => {
    put('a//b');
    await expect(bob.rmdir('/uploads/a')).rejects.toMatchObject({ kind: 'not-empty' });
  });
});

describe('a name that is a file and a directory at once', () => {
  beforeEach(() => {
    put('d', 'the file');
    put('d/inside', 'x');
  });

  it('is shown as the directory in listings and STAT', async () => {
    expect(await bob.list('/uploads')).toEqual(['d/']);
    expect(await bob.stat('/uploads/d')).toMatchObject({ type: 'directory' });
    expect(await bob.list('/uploads/d')).toEqual(['inside']);
  });

  it('can be read, removed and renamed as the file', async () => {
    expect(await bob.read('/uploads/d')).toBe('the file');
    await bob.rename('/uploads/d', '/uploads/d.file');
    expect(await bob.list('/uploads')).toEqual(['d.file', 'd/']);
    put('d', 'again');
    await bob.remove('/uploads/d');
    expect(world.keysInS3()).toEqual(['d.file', 'd/inside']);
  });

  it('is recognised even if pages of other names lie between file and directory', async () => {
    for (let index = 0; index < 2500; index += 1) put(`d-${String(index).padStart(4, '0')}`);
    put('d-');
    put('d-/x');
    const names = await bob.list('/uploads');
    expect(names).toHaveLength(2502);
    expect(names.filter((name) => !/^d-\d{4}$/.test(name))).toEqual(['d-/', 'd/']);
  });

  it('does not hide files at the end of a page whose names only begin alike', async () => {
    world.s3.objects.clear();
    for (let index = 0; index < 999; index += 1) put(`a${String(index).padStart(4, '0')}`);
    put('b');
    put('b.txt');
    put('b0');
    expect(await bob.list('/uploads')).toHaveLength(1002);
  });
});
