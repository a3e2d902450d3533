import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Fault } from '../../model/fault.js';
import { type Session, World } from '../testing/world.js';

let world: World;
let bob: Session;
const put = (name: string, bytes = '') => world.s3.put(`bob/uploads/${name}`, bytes);

beforeEach(async () => {
  world = await World.make();
  bob = await world.login();
});
afterEach(() => world[Symbol.asyncDispose]());

describe('a directory whose object holds bytes of another client', () => {
  const refused = { kind: 'not-empty', hint: expect.stringContaining('5 bytes') };
  const bytes = (name: string) => world.s3.objects.get(`bob/uploads/${name}`)?.bytes.toString();
  beforeEach(() => {
    put('d/', 'bytes');
  });

  it('is not removed, also if the bytes appear after the check', async () => {
    await expect(bob.rmdir('/uploads/d')).rejects.toMatchObject(refused);
    put('d/f', 'x');
    await bob.remove('/uploads/d/f');
    await expect(bob.rmdir('/uploads/d')).rejects.toMatchObject(refused);
    expect(bytes('d/')).toBe('bytes');
    await bob.mkdir('/uploads/e');
    const remove = world.vault.remove.bind(world.vault);
    world.vault.remove = async (call, ref, ...rest) => {
      put('e/', 'late');
      await remove(call, ref, ...rest);
    };
    await expect(bob.rmdir('/uploads/e')).rejects.toMatchObject({ kind: 'conflict' });
    expect(bytes('e/')).toBe('late');
  });

  it('is not replaced by a rename', async () => {
    await bob.mkdir('/uploads/empty');
    put('full/f', 'x');
    const replaced = { kind: 'not-empty' };
    await expect(bob.rename('/uploads/empty', '/uploads/d', true)).rejects.toMatchObject(replaced);
    await expect(bob.rename('/uploads/full', '/uploads/d', true)).rejects.toMatchObject(replaced);
    expect(bytes('d/')).toBe('bytes');
  });

  it('is renamed with its bytes, to a new name and over an empty directory', async () => {
    await bob.rename('/uploads/d', '/uploads/e');
    expect(bytes('e/')).toBe('bytes');
    expect(bytes('d/')).toBeUndefined();
    put('e/f', 'x');
    await bob.mkdir('/uploads/g');
    await bob.rename('/uploads/e', '/uploads/g', true);
    expect([world.keysInS3(), bytes('g/')]).toEqual([['g/', 'g/f'], 'bytes']);
  });

  it('stays as it is if the rename over an empty directory fails', async () => {
    put('d/f', 'x');
    await bob.mkdir('/uploads/e');
    const copy = world.vault.copy.bind(world.vault);
    world.vault.copy = async (call, from, to) => {
      if (from.ref.key.endsWith('/f')) throw new Fault('unavailable', 'S3 is unavailable');
      return await copy(call, from, to);
    };
    await expect(bob.rename('/uploads/d', '/uploads/e', true)).rejects.toMatchObject({
      kind: 'unavailable',
      hint: expect.stringContaining('nothing has changed'),
    });
    expect([world.keysInS3(), bytes('d/'), bytes('e/')]).toEqual([['d/', 'd/f', 'e/'], 'bytes', '']);
  });
});
