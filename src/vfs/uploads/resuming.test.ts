import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Fault } from '../../model/fault.js';
import { allRights, dropboxRights } from '../../model/users/upload-rights.js';
import type { WriteHandle } from '../../model/vfs.js';
import { putMode, type Session, scpMode, secondKey, World } from '../testing/world.js';

let world: World;
let bob: Session;
beforeEach(async () => {
  world = await World.make();
  bob = await world.login();
});
afterEach(() => world[Symbol.asyncDispose]());

const resumeMode = scpMode;
/** The open mode of OpenSSH's `reput`. */
const appendMode = { ...scpMode, append: true };
const open = (path: string, mode = putMode) => bob.tree.openWrite(world.call, path, mode);
const write = (handle: WriteHandle, offset: number, text: string) =>
  handle.write(world.call, offset, [Buffer.from(text)]);

/** Interrupts an upload. Whole parts of 8 bytes are kept. */
async function interrupt(path: string, text = '0123456789'): Promise<void> {
  await using handle = await open(path);
  await write(handle, 0, text);
}

describe('an upload that was interrupted', () => {
  beforeEach(async () => {
    await bob.mkdir('/uploads/d');
    await interrupt('/uploads/d/f');
  });

  it('is a file with the bytes stored in S3 for clients that know its name, but is not an object', async () => {
    for (const session of [bob, await world.login()]) {
      expect(await session.stat('/uploads/d/f')).toMatchObject({ type: 'file', size: 8 });
      expect(await session.lstat('/uploads/d/f')).toMatchObject({ type: 'file', size: 8 });
      expect(await session.list('/uploads/d')).toEqual([]);
    }
    expect(world.keysInS3()).toEqual(['d/']);
    expect(world.vault.openWriters).toBe(0);
  });

  it('is not listed before it is resumed, so that a poller does not fetch a part', async () => {
    const poller = await world.login();
    expect(await poller.list('/uploads/d')).toEqual([]);
    await using handle = await open('/uploads/d/f', resumeMode);
    await write(handle, 8, '89');
    await handle.commit(world.call);
    expect(await poller.list('/uploads/d')).toEqual(['f']);
    expect(await poller.read('/uploads/d/f')).toBe('0123456789');
  });

  it('is listed with upload.resume.listed=yes', async () => {
    world.listsParked = true;
    const later = await world.restart();
    expect(await later.entries('/uploads/d')).toMatchObject(
      new Map([['f', expect.objectContaining({ type: 'file', size: 8 })]]),
    );
  });

  it.each([
    ['without truncation', resumeMode],
    ['to append', appendMode],
  ])('is resumed behind its bytes if it is opened %s', async (_, mode) => {
    await using handle = await open('/uploads/d/f', mode);
    expect(await handle.attributes()).toMatchObject({ size: 8 });
    await Promise.all([write(handle, 8, '89'), write(handle, 10, 'ab')]);
    await handle.commit(world.call);
    expect(await bob.read('/uploads/d/f')).toBe('0123456789ab');
    expect(await bob.stat('/uploads/d/f')).toMatchObject({ size: 12 });
    expect(await world.vault.parked()).toEqual([]);
  });

  it('can be interrupted several times', async () => {
    for (const [at, text, size] of [
      [8, '89abcdefgh', 16],
      [16, 'gh', 16],
      [16, 'ghijklmnop', 24],
    ] as const) {
      await using handle = await open('/uploads/d/f', resumeMode);
      await write(handle, at, text);
      await handle[Symbol.asyncDispose]();
      expect(await bob.stat('/uploads/d/f')).toMatchObject({ size });
    }
    await using handle = await open('/uploads/d/f', resumeMode);
    await write(handle, 24, 'op');
    await handle.commit(world.call);
    expect(await bob.read('/uploads/d/f')).toBe('0123456789abcdefghijklmnop');
  });

  it('is replaced by a client that writes from the start', async () => {
    for (const mode of [scpMode, putMode]) {
      await interrupt('/uploads/d/f');
      await using handle = await open('/uploads/d/f', mode);
      await Promise.all([write(handle, 0, 'new'), write(handle, 3, ' text')]);
      await handle.setAttributes(world.call, { size: 8 });
      await handle.commit(world.call);
      expect(await bob.read('/uploads/d/f')).toBe('new text');
      expect(await world.vault.parked()).toEqual([]);
      await bob.remove('/uploads/d/f');
    }
  });

  it('is unchanged if a client writes elsewhere or not at all', async () => {
    await using handle = await open('/uploads/d/f', resumeMode);
    await expect(write(handle, 4, 'x')).rejects.toMatchObject({
      kind: 'unsupported',
      hint: expect.stringContaining('has 8 bytes so far'),
    });
    await handle[Symbol.asyncDispose]();
    await using another = await open('/uploads/d/f', resumeMode);
    await another.setAttributes(world.call, { size: 8 });
    await another.commit(world.call);
    expect(await bob.stat('/uploads/d/f')).toMatchObject({ size: 8 });
    expect(world.keysInS3()).toEqual(['d/']);
  });

  it('cannot be read or renamed, nor its directory, and an exclusive open finds it', async () => {
    const refused = { kind: 'conflict', hint: expect.stringContaining('was interrupted: resume it') };
    await expect(bob.read('/uploads/d/f')).rejects.toMatchObject(refused);
    await expect(bob.rename('/uploads/d/f', '/uploads/g')).rejects.toMatchObject(refused);
    await expect(bob.rename('/uploads/d', '/uploads/e')).rejects.toMatchObject({ kind: 'conflict' });
    await expect(bob.rmdir('/uploads/d')).rejects.toMatchObject({ kind: 'not-empty' });
    await expect(bob.mkdir('/uploads/d/f')).rejects.toMatchObject({ kind: 'exists' });
    await expect(open('/uploads/d/f', { ...putMode, exclusive: true })).rejects.toMatchObject({
      kind: 'exists',
    });
    await expect(bob.tree.setAttributes(world.call, '/uploads/d/f', { size: 3 })).rejects.toMatchObject({
      kind: 'unsupported',
    });
    await bob.tree.setAttributes(world.call, '/uploads/d/f', { mode: 0o600 });
    await expect(
      bob.tree.setAttributes(world.call, '/uploads/d/f', { mtimeSeconds: 3 }),
    ).rejects.toMatchObject({ kind: 'unsupported' });
  });

  it('is aborted if it is removed or another file takes its name', async () => {
    await bob.remove('/uploads/d/f');
    expect(await bob.stat('/uploads/d/f')).toBeNull();
    await interrupt('/uploads/d/f');
    await bob.write('/uploads/g', 'moved here');
    await bob.rename('/uploads/g', '/uploads/d/f', true);
    expect(await bob.read('/uploads/d/f')).toBe('moved here');
    expect(await bob.stat('/uploads/d/f')).toMatchObject({ size: 10 });
    expect(await world.vault.parked()).toEqual([]);
  });

  it('is aborted if an upload to its name completes first', async () => {
    await using other = await open('/uploads/d/g');
    await write(other, 0, 'other');
    await interrupt('/uploads/d/g');
    await other.commit(world.call);
    expect(await bob.read('/uploads/d/g')).toBe('other');
    expect(await bob.stat('/uploads/d/g')).toMatchObject({ size: 5 });
    expect((await world.vault.parked()).map(({ ref }) => ref.key)).toEqual(['bob/uploads/d/f']);
  });

  it('is refused and aborted if the encryption has changed', async () => {
    world.encryption = { kind: 'sse-c', key: secondKey };
    await expect(open('/uploads/d/f', resumeMode)).rejects.toMatchObject({
      kind: 'unsupported',
      hint: expect.stringContaining('upload it from the start'),
    });
    expect(await bob.stat('/uploads/d/f')).toBeNull();
    await bob.write('/uploads/d/f', 'anew');
  });

  it.each([
    ['the encryption of its user changes', { encryption: { kind: 'sse-s3' } }],
    ['its user is removed', { settings: null }],
  ] as const)('stops using its key if %s', async (_, change) => {
    await world.factory.parkedFiles.expire(world.call);
    expect(await world.vault.parked()).toHaveLength(1);
    Object.assign(world, change);
    await world.factory.parkedFiles.expire(world.call);
    expect(await world.vault.parked()).toEqual([]);
  });

  it('does no harm if S3 fails to abort it', async () => {
    world.vault.abortParked = async () => {
      throw new Fault('unavailable', 'S3 is unavailable');
    };
    await bob.write('/uploads/d/f', 'anew');
    expect(await bob.read('/uploads/d/f')).toBe('anew');
    expect(world.logged.map(({ message }) => message).join()).toContain('retrying at the next start');
  });

  it('is kept across a restart until its time expires', async () => {
    const next = await world.restart();
    expect(await next.stat('/uploads/d/f')).toMatchObject({ size: 8 });
    world.nowMs += 59_000;
    await world.factory.parkedFiles.expire(world.call);
    expect(await next.stat('/uploads/d/f')).toMatchObject({ size: 8 });
    world.nowMs += 2_000;
    await world.factory.parkedFiles.expire(world.call);
    expect(await next.stat('/uploads/d/f')).toBeNull();
    expect(await world.vault.parked()).toEqual([]);
  });
});

describe('an interrupted upload is not kept', () => {
  it('if there is an object of that name', async () => {
    await bob.write('/uploads/f', 'old');
    await interrupt('/uploads/f');
    expect(await bob.read('/uploads/f')).toBe('old');
    expect(await bob.stat('/uploads/f')).toMatchObject({ size: 3 });
    expect(await world.vault.parked()).toEqual([]);
  });

  it('in a write-only directory, and with a window of 0', async () => {
    world.change({ uploadRights: dropboxRights });
    await interrupt('/uploads/f');
    world.change({ uploadRights: allRights });
    bob = await world.restart(0);
    await interrupt('/uploads/f');
    expect(await bob.stat('/uploads/f')).toBeNull();
    expect(world.vault.openWriters).toBe(0);
  });

  it('if its commit was refused', async () => {
    await using handle = await open('/uploads/f');
    await write(handle, 1_000_001, 'behind a gap');
    await expect(handle.commit(world.call)).rejects.toMatchObject({ kind: 'too-large' });
    await handle[Symbol.asyncDispose]();
    expect(await bob.stat('/uploads/f')).toBeNull();
  });
});

describe('an upload whose client has stopped sending', () => {
  let silent: WriteHandle;
  beforeEach(async () => {
    silent = await open('/uploads/f');
    await write(silent, 0, '0123456789');
  });

  it('is taken over by another session of the user, with every byte received', async () => {
    const other = await world.login();
    world.nowMs += 5_000;
    expect(await other.stat('/uploads/f')).toMatchObject({ size: 10 });
    await using handle = await other.tree.openWrite(world.call, '/uploads/f', appendMode);
    await write(handle, 10, 'ab');
    const takenOver = {
      kind: 'conflict',
      hint: expect.stringContaining('another connection has taken over'),
    };
    await expect(write(silent, 10, 'xy')).rejects.toMatchObject(takenOver);
    await expect(silent.commit(world.call)).rejects.toMatchObject(takenOver);
    await silent[Symbol.asyncDispose]();
    expect(await other.stat('/uploads/f')).toMatchObject({ size: 12 });
    await handle.commit(world.call);
    expect(await bob.read('/uploads/f')).toBe('0123456789ab');
    await handle[Symbol.asyncDispose]();
    expect(world.vault.openWriters).toBe(0);
  });

  it('stays with its session as long as the client may continue', async () => {
    world.nowMs += 4_999;
    const busy = { kind: 'conflict', hint: expect.stringContaining('still being uploaded') };
    await expect(open('/uploads/f', appendMode)).rejects.toMatchObject(busy);
    await write(silent, 10, 'ab');
    world.nowMs += 4_999;
    await expect(open('/uploads/f', appendMode)).rejects.toMatchObject(busy);
    await silent.commit(world.call);
    expect(await bob.read('/uploads/f')).toBe('0123456789ab');
  });

  it.each([
    ['written', { ...resumeMode, create: false }],
    ['read and written', { ...resumeMode, create: false, read: true }],
  ])('is not stored with a hole by another session that continues it, if the file is %s', async (_, mode) => {
    const other = await world.login();
    const busy = { kind: 'conflict', hint: expect.stringContaining('still being uploaded') };
    {
      await using handle = await other.tree.openWrite(world.call, '/uploads/f', mode);
      await expect(write(handle, 10, 'ab')).rejects.toMatchObject(busy);
    }
    {
      await using unwritten = await other.tree.openWrite(world.call, '/uploads/f', mode);
      await expect(unwritten.commit(world.call)).rejects.toMatchObject(busy);
    }
    await silent[Symbol.asyncDispose]();
    expect(await other.stat('/uploads/f')).toMatchObject({ size: 8 });
    await using resumed = await other.tree.openWrite(world.call, '/uploads/f', resumeMode);
    await write(resumed, 8, '89ab');
    await resumed.commit(world.call);
    expect(await bob.read('/uploads/f')).toBe('0123456789ab');
  });

  it('is replaced by a client that writes from the start, and kept if that client disconnects too', async () => {
    world.nowMs += 5_000;
    await using handle = await open('/uploads/f', resumeMode);
    await write(handle, 10, '!');
    await handle[Symbol.asyncDispose]();
    expect(await bob.stat('/uploads/f')).toMatchObject({ size: 8 });
    await using restarted = await open('/uploads/f', resumeMode);
    await write(restarted, 0, 'new');
    await restarted.commit(world.call);
    expect(await bob.read('/uploads/f')).toBe('new');
    await silent[Symbol.asyncDispose]();
    expect(await bob.read('/uploads/f')).toBe('new');
  });
});
