import { describe, expect, it } from 'vitest';
import { checksumOf } from '../../bytes/running-checksum.js';
import type { WriteEncryption } from '../../model/encryption.js';
import { Fault } from '../../model/fault.js';
import type { LedgerRow } from '../../model/ledger.js';
import { MemoryStore, type MemoryStoreOptions } from '../testing/memory-store.js';
import {
  aliceEncryption,
  aliceKey,
  call,
  content,
  keyNamed,
  refOf,
  targetOf,
  type VaultWorld,
  vaultWorld,
} from '../testing/vault-world.js';
import type { VaultServices } from '../vault-services.js';
import { RekeyedObjects } from './rekeyed-objects.js';
import { removeUnchanged } from './remove-unchanged.js';
import { undoCopy } from './undo-copy.js';

const minuteMs = 60_000;

async function put(store: MemoryStore, key: string, bytes: Buffer, encryption: WriteEncryption) {
  const body = { chunks: [bytes], byteLength: bytes.byteLength, checksum: checksumOf('crc32c', bytes) };
  return await store.put(call(), refOf(key), body, {
    encryption,
    acl: null,
    metadata: {},
    contentType: null,
  });
}

describe('a wrong copy', () => {
  const bytes = content(50);
  const plain: WriteEncryption = { kind: 'sse-s3' };

  async function worldWith(options: MemoryStoreOptions = {}): Promise<VaultWorld> {
    const world = vaultWorld({}, options);
    await using writer = await world.vault.openUpload(call(), targetOf('a'));
    await writer.write(0, [bytes]);
    await writer.commit(call());
    return world;
  }
  function undo(world: VaultWorld, to: string, intendedMs = Date.now()): Promise<boolean> {
    const services = { store: world.store, ledger: world.ledger } as unknown as VaultServices;
    const from = { ref: refOf('a'), keys: [aliceKey] };
    return undoCopy(services, call(), { intendedMs } as LedgerRow, from, targetOf(to));
  }

  it('is removed if it has the content of the source, and is not older than the copy', async () => {
    await using world = await worldWith();
    await put(world.store, 'b', bytes, plain);
    expect(await undo(world, 'b')).toBe(true);
    expect(world.store.contentOf(refOf('b'))).toBeNull();
    expect(world.store.contentOf(refOf('a'))).toEqual(bytes);
  });

  it('is recognised by its ETag if S3 keeps no checksum', async () => {
    await using world = await worldWith({ answersChecksum: false, etagIsMd5: true });
    await put(world.store, 'b', bytes, plain);
    expect(await undo(world, 'b')).toBe(true);
    await using other = await worldWith({ answersChecksum: false });
    await put(other.store, 'b', bytes, plain);
    expect(await undo(other, 'b')).toBe(false);
  });

  it('is not there any more: nothing is left to remove', async () => {
    await using world = await worldWith();
    expect(await undo(world, 'b')).toBe(true);
    // An object that neither the key nor its absence opens is not the copy.
    await put(world.store, 'b', bytes, { kind: 'sse-c', key: keyNamed('theirs') });
    expect(await undo(world, 'b')).toBe(true);
    expect(world.store.contentOf(refOf('b'))).toEqual(bytes);
  });

  it.each<[string, Buffer, WriteEncryption, number]>([
    ['it is right after all', bytes, aliceEncryption, 0],
    ['it is older than the copy', bytes, plain, 16 * minuteMs],
    ['it has another content', content(50, 'other'), plain, 0],
    ['it has another size', content(49), plain, 0],
  ])('is kept if %s', async (_, there, encryption, laterMs) => {
    await using world = await worldWith();
    await put(world.store, 'b', there, encryption);
    expect(await undo(world, 'b', Date.now() + laterMs)).toBe(false);
    expect(world.store.contentOf(refOf('b'))).toEqual(there);
  });

  it('may be up to 15 minutes older by the clock of S3', async () => {
    await using world = await worldWith();
    await put(world.store, 'b', bytes, plain);
    expect(await undo(world, 'b', Date.now() + 14 * minuteMs)).toBe(true);
  });

  it('is removed if only its size is wrong', async () => {
    await using world = await worldWith({ etagIsMd5: true });
    await put(world.store, 'b', content(49), aliceEncryption);
    // The encryption is right, but the source has another content: it may be another client's.
    expect(await undo(world, 'b')).toBe(false);
  });

  it('is kept if the source does not exist any more, because it is the only copy', async () => {
    await using world = await worldWith();
    await put(world.store, 'b', bytes, plain);
    await world.store.remove(call(), refOf('a'));
    expect(await undo(world, 'b')).toBe(false);
    expect(world.store.contentOf(refOf('b'))).toEqual(bytes);
  });

  it('with the right encryption is kept too if the source does not exist any more', async () => {
    await using world = await worldWith();
    await put(world.store, 'b', bytes, aliceEncryption);
    await world.store.remove(call(), refOf('a'));
    expect(await undo(world, 'b')).toBe(false);
    expect(world.store.contentOf(refOf('b'))).toEqual(bytes);
  });

  it('of an object onto itself is kept if its version is null, because it is the only one', async () => {
    await using world = await worldWith();
    await put(world.store, 'a', bytes, plain);
    const head = world.store.head.bind(world.store);
    world.store.head = async (...request) => {
      const info = await head(...request);
      return info && { ...info, versionId: 'null' };
    };
    expect(await undo(world, 'a')).toBe(false);
    expect(world.store.contentOf(refOf('a'))).toEqual(bytes);
  });

  it('is removed as a version where there are versions', async () => {
    await using world = await worldWith({ versioned: true });
    await put(world.store, 'b', content(9, 'before'), aliceEncryption);
    await put(world.store, 'b', bytes, plain);
    expect(await undo(world, 'b')).toBe(true);
    expect(world.store.contentOf(refOf('b'))).toEqual(content(9, 'before'));
  });

  it('of an object onto itself is removed only as a version with the same content', async () => {
    await using world = await worldWith({ versioned: true });
    await put(world.store, 'a', bytes, plain);
    expect(await undo(world, 'a')).toBe(true);
    expect(world.store.encryptionOf(refOf('a'))).toEqual(aliceEncryption);
    await put(world.store, 'a', content(50, 'other'), plain);
    expect(await undo(world, 'a')).toBe(false);
    await using unversioned = await worldWith();
    await put(unversioned.store, 'a', bytes, plain);
    expect(await undo(unversioned, 'a')).toBe(false);
    expect(unversioned.store.contentOf(refOf('a'))).toEqual(bytes);
  });

  it('stays, and the fault is thrown, if S3 does not answer', async () => {
    await using world = await worldWith();
    await put(world.store, 'b', bytes, plain);
    world.store.hooks.before = (operation) => {
      if (operation === 'head') throw new Fault('unavailable', 'later');
    };
    await expect(undo(world, 'b')).rejects.toMatchObject({ kind: 'unavailable' });
  });
});

describe('the removal of an object that was inspected', () => {
  it.each(['If-Match', 'a listing'])('does not remove another one, compared by %s', async (by) => {
    const store = new MemoryStore();
    const { etag } = await put(store, 'a', content(5), aliceEncryption);
    if (by === 'a listing') {
      store.hooks.beforeRemoval = ({ ifMatch }) => {
        if (ifMatch !== undefined) throw new Fault('unsupported', 'no If-Match');
      };
    }
    await expect(removeUnchanged(store, call(), refOf('a'), '"other"')).rejects.toMatchObject({
      kind: 'conflict',
    });
    expect(store.contentOf(refOf('a'))).not.toBeNull();
    await removeUnchanged(store, call(), refOf('a'), etag);
    expect(store.contentOf(refOf('a'))).toBeNull();
    const removals = store.count('remove');
    await removeUnchanged(store, call(), refOf('a'), etag);
    expect(store.count('remove')).toBe(removals + 1);
    expect(store.count('list') > 0).toBe(by === 'a listing');
  });

  it('fails with the fault of S3', async () => {
    const store = new MemoryStore();
    const { etag } = await put(store, 'a', content(5), aliceEncryption);
    store.hooks.beforeRemoval = () => {
      throw new Fault('denied', 'no');
    };
    await expect(removeUnchanged(store, call(), refOf('a'), etag)).rejects.toMatchObject({ kind: 'denied' });
    expect(store.count('list')).toBe(0);
  });
});

describe('objects that were re-encrypted while they are read', () => {
  const [before, after] = ['old', 'new'].map((name) => ({
    etag: `"${name}"`,
    access: { kind: 'sse-c', key: keyNamed(name) } as const,
  }));
  if (before === undefined || after === undefined) throw new Error('no objects');
  const ref = refOf('a');

  it('are remembered as long as one reader is open', () => {
    const objects = new RekeyedObjects();
    objects.note(ref, before.etag, after);
    expect(objects.after(ref, before)).toBeNull();
    const [one, two] = [objects.watch(ref), objects.watch(ref)];
    objects.note(ref, before.etag, after);
    expect(objects.after(ref, before)).toBe(after);
    expect(objects.after(ref, after)).toBeNull();
    expect(objects.after(refOf('b'), before)).toBeNull();
    expect(objects.after({ ...ref, bucket: 'other' }, before)).toBeNull();
    one();
    one();
    expect(objects.after(ref, before)).toBe(after);
    two();
    expect(objects.after(ref, before)).toBeNull();
  });

  it('may keep their ETag, and then differ by their access', () => {
    const objects = new RekeyedObjects();
    objects.watch(ref);
    const same = { ...after, etag: before.etag };
    objects.note(ref, before.etag, same);
    expect(objects.after(ref, before)).toBe(same);
    // The successor itself has no other successor.
    expect(objects.after(ref, same)).toBeNull();
    const plain = { etag: before.etag, access: { kind: 'no-key' } as const };
    expect(objects.after(ref, plain)).toBe(same);
    objects.note(ref, before.etag, plain);
    expect(objects.after(ref, before)).toBe(plain);
    expect(objects.after(ref, { ...plain })).toBeNull();
  });
});
