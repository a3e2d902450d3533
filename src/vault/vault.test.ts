import { describe, expect, it } from 'vitest';
import { eventually } from '../../test/support/wait.js';
import type { WriteEncryption } from '../model/encryption.js';
import { Fault } from '../model/fault.js';
import {
  aliceEncryption,
  aliceKey,
  call,
  content,
  keyNamed,
  mebibyte,
  refOf,
  targetOf,
  type VaultWorld,
  vaultWorld,
} from './testing/vault-world.js';

const bobKey = keyNamed('bob');
const bytes = content(5000);

async function put(
  world: VaultWorld,
  key: string,
  change: Parameters<typeof targetOf>[1] = {},
): Promise<void> {
  await using writer = await world.vault.openUpload(call(), targetOf(key, change));
  await writer.write(0, [bytes]);
  await writer.commit(call());
}

describe('the key for an object', () => {
  it('is the one that the ledger names, found with one request among many', async () => {
    await using world = vaultWorld();
    await put(world, 'a', { encryption: { kind: 'sse-c', key: bobKey } });
    const keys = [aliceKey, keyNamed('c'), keyNamed('d'), bobKey];
    expect((await world.vault.describe(call(), refOf('a'), keys))?.info.size).toBe(5000);
    expect(world.store.count('head')).toBe(1);
  });

  it.each<[string, WriteEncryption]>([
    ['SSE-S3', { kind: 'sse-s3' }],
    ['SSE-KMS', { kind: 'sse-kms', keyArn: 'arn:aws:kms:x:1:key/1' }],
    ['the bucket’s default', { kind: 'bucket-default' }],
    ['a customer key', aliceEncryption],
  ])('is found by trying if another client wrote it with %s', async (_name, encryption) => {
    await using world = vaultWorld();
    await put(world, 'a', { encryption });
    world.ledger.rows.clear();
    expect((await world.vault.describe(call(), refOf('a'), [bobKey, aliceKey]))?.info.size).toBe(5000);
  });

  it('is found although the ledger names another because another client replaced the object', async () => {
    await using world = vaultWorld();
    await put(world, 'a', { encryption: { kind: 'sse-c', key: bobKey } });
    const rows = new Map(world.ledger.rows);
    await put(world, 'a');
    world.ledger.rows.clear();
    for (const [id, row] of rows) world.ledger.rows.set(id, row);
    expect((await world.vault.describe(call(), refOf('a'), [bobKey, aliceKey]))?.info.size).toBe(5000);
  });

  it('is named if it is not available', async () => {
    await using world = vaultWorld();
    await put(world, 'a', { encryption: { kind: 'sse-c', key: bobKey } });
    await expect(world.vault.describe(call(), refOf('a'), [aliceKey])).rejects.toMatchObject({
      kind: 'key-mismatch',
      hint: expect.stringContaining(bobKey.fingerprint),
    });
  });
});

describe('the time of a file', () => {
  it('comes from the ledger, else the metadata, else S3', async () => {
    await using world = vaultWorld();
    await put(world, 'a', { mtimeSeconds: 1000 });
    const time = async () => (await world.vault.describe(call(), refOf('a'), [aliceKey]))?.mtimeSeconds;
    expect(await time()).toBe(1000);
    const etag = world.store.infoOf(refOf('a'))?.etag ?? '';
    expect(await world.ledger.recordMtime(refOf('a'), etag, 2000)).toBe(true);
    expect(await time()).toBe(2000);
    world.ledger.rows.clear();
    expect(await time()).toBe(1000);
    await put(world, 'b');
    const info = world.store.infoOf(refOf('b'));
    const description = await world.vault.describe(call(), refOf('b'), [aliceKey]);
    expect(description?.mtimeSeconds).toBe((info?.lastModifiedMs ?? 0) / 1000);
  });

  it('that is set before commit is in the metadata of a small file, and in the ledger of a large one', async () => {
    await using world = vaultWorld();
    for (const [key, size] of [
      ['small', 100],
      ['large', 9 * mebibyte],
    ] as const) {
      await using writer = await world.vault.openUpload(call(), targetOf(key));
      await writer.write(0, [content(size)]);
      writer.setMtime(4711);
      await writer.commit(call());
      expect((await world.vault.describe(call(), refOf(key), [aliceKey]))?.mtimeSeconds).toBe(4711);
    }
    expect(world.store.infoOf(refOf('small'))?.metadata).toEqual({ mtime: '4711' });
  });
});

describe('a conditional removal', () => {
  it.each([
    ['where S3 compares', false],
    ['where it cannot', true],
  ])('leaves another content alone %s', async (_, cannotCompare) => {
    await using world = vaultWorld();
    await put(world, 'a');
    await put(world, 'ab');
    const etag = world.store.infoOf(refOf('a'))?.etag ?? '';
    if (cannotCompare) {
      world.store.hooks.beforeRemoval = ({ ifMatch }) => {
        if (ifMatch !== undefined) throw new Fault('unsupported', 'no conditions here');
      };
    }
    await expect(world.vault.remove(call(), refOf('a'), 'alice', '"another"')).rejects.toMatchObject({
      kind: 'conflict',
    });
    expect(world.store.contentOf(refOf('a'))).toEqual(bytes);
    expect(await world.ledger.candidates(refOf('a'))).toHaveLength(1);
    await world.vault.remove(call(), refOf('a'), 'alice', etag);
    expect(world.store.contentOf(refOf('a'))).toBeNull();
    expect(await world.ledger.candidates(refOf('a'))).toEqual([]);
    // Removing it again is not a fault, and objects whose names begin alike stay.
    await world.vault.remove(call(), refOf('a'), 'alice', etag);
    expect(world.store.contentOf(refOf('ab'))).toEqual(bytes);
  });
});

describe('a move', () => {
  it('keeps content and time, uses the target’s encryption, and removes the source last', async () => {
    await using world = vaultWorld();
    await put(world, 'a', { mtimeSeconds: 1000, encryption: { kind: 'sse-c', key: bobKey } });
    expect(await world.vault.move(call(), refOf('a'), [bobKey], targetOf('b'))).toBe(true);
    expect(world.store.contentOf(refOf('a'))).toBeNull();
    expect(world.store.contentOf(refOf('b'))).toEqual(bytes);
    expect(world.store.encryptionOf(refOf('b'))).toEqual(aliceEncryption);
    expect((await world.vault.describe(call(), refOf('b'), [aliceKey]))?.mtimeSeconds).toBe(1000);
    const [row] = await world.ledger.candidates(refOf('b'));
    expect(row?.confirmation?.checksum).toEqual(world.store.infoOf(refOf('b'))?.checksum);
    expect(await world.ledger.candidates(refOf('a'))).toEqual([]);
  });

  it('of a missing object returns false and leaves no row that names a key', async () => {
    await using world = vaultWorld();
    expect(await world.vault.move(call(), refOf('a'), [aliceKey], targetOf('b'))).toBe(false);
    expect(await world.ledger.candidates(refOf('b'))).toEqual([]);
  });

  it('onto itself changes nothing', async () => {
    await using world = vaultWorld();
    await put(world, 'a');
    expect(await world.vault.move(call(), refOf('a'), [aliceKey], targetOf('a'))).toBe(true);
    expect(world.store.contentOf(refOf('a'))).toEqual(bytes);
  });

  it('fails if the copy has weaker encryption than requested, removes the copy and keeps the source', async () => {
    await using world = vaultWorld();
    await put(world, 'a');
    const copy = world.store.copy.bind(world.store);
    // A server that ignores the target's key, like old Ceph.
    world.store.copy = (one, from, to, options) =>
      copy(one, from, to, { ...options, encryption: { kind: 'sse-s3' } });
    world.store.head = (
      (head) => (one, ref, access, versionId) =>
        head(one, ref, ref.key === 'b' ? { kind: 'no-key' } : access, versionId)
    )(world.store.head.bind(world.store));
    await expect(world.vault.move(call(), refOf('a'), [aliceKey], targetOf('b'))).rejects.toMatchObject({
      kind: 'corrupt',
      hint: expect.stringContaining('the original is unchanged'),
    });
    expect(world.store.contentOf(refOf('a'))).toEqual(bytes);
    expect(world.store.contentOf(refOf('b'))).toBeNull();
  });

  it('records no checksum if neither the ledger nor S3 has one', async () => {
    await using world = vaultWorld({}, { answersChecksum: false });
    await put(world, 'a');
    world.ledger.rows.clear();
    expect(await world.vault.move(call(), refOf('a'), [aliceKey], targetOf('b'))).toBe(true);
    const [row] = await world.ledger.candidates(refOf('b'));
    expect(row).toMatchObject({ state: 'confirmed', confirmation: { size: 5000, checksum: null } });
  });

  it('does not remove an object that is uploaded to its source meanwhile', async () => {
    await using world = vaultWorld();
    await put(world, 'a');
    const newer = content(100, 'newer');
    await using writer = await world.vault.openUpload(call(), targetOf('a'));
    await writer.write(0, [newer]);
    let commit: Promise<unknown> = Promise.resolve();
    world.store.hooks.after = async (operation) => {
      if (operation !== 'copy') return;
      commit = writer.commit(call());
      await new Promise((resolve) => setImmediate(resolve));
    };
    await world.vault.move(call(), refOf('a'), [aliceKey], targetOf('b'));
    await commit;
    expect(world.store.contentOf(refOf('a'))).toEqual(newer);
    expect(world.store.contentOf(refOf('b'))).toEqual(bytes);
  });
});

describe('the result of a write', () => {
  it('is checked with a HEAD if the response has no checksum', async () => {
    await using world = vaultWorld({}, { answersChecksum: false });
    await put(world, 'a');
    expect(world.store.count('head')).toBe(1);
    expect(world.store.contentOf(refOf('a'))).toEqual(bytes);
  });

  it('is checked with a HEAD if the response has a checksum of another algorithm', async () => {
    await using world = vaultWorld();
    const store = world.store.put.bind(world.store);
    world.store.put = async (one, ref, body, options) => ({
      ...(await store(one, ref, body, options)),
      checksum: { algorithm: 'crc32', value: body.checksum.value },
    });
    await put(world, 'a');
    expect(world.store.count('head')).toBe(1);
    expect(world.store.contentOf(refOf('a'))).toEqual(bytes);
  });

  it.each([false, true])('is removed if it is not what was sent (versioned: %s)', async (versioned) => {
    await using world = vaultWorld({}, { versioned });
    await put(world, 'a');
    const store = world.store.put.bind(world.store);
    world.store.put = async (one, ref, body, options) => ({
      ...(await store(one, ref, body, options)),
      checksum: { algorithm: 'crc32c', value: 1 },
    });
    await expect(put(world, 'a')).rejects.toMatchObject({ kind: 'corrupt' });
    // Without versions the previous object is already lost, as on any overwrite.
    expect(world.store.contentOf(refOf('a'))).toEqual(versioned ? bytes : null);
    world.store.put = store;
    const report = await world.restart().settlePending(call(), { keysOf: async () => [aliceKey] });
    expect(report).toMatchObject({ abandoned: 1, confirmed: 0, problems: [] });
  });

  it('keeps its row if the response was lost, until the next start settles it', async () => {
    await using world = vaultWorld();
    world.store.hooks.after = (operation) => {
      if (operation === 'put') throw new Fault('timed-out', 'S3 did not answer');
    };
    await expect(put(world, 'a')).rejects.toMatchObject({ kind: 'timed-out' });
    expect([...world.ledger.rows.values()].map((row) => row.state)).toEqual(['intended']);
    world.store.hooks = {};
    const report = await world.restart().settlePending(call(), { keysOf: async () => [aliceKey] });
    expect(report).toMatchObject({ confirmed: 1 });
  });

  it('is not lost if its row could not be confirmed', async () => {
    await using world = vaultWorld();
    world.ledger.hooks.before = (step) => {
      if (step === 'confirm') throw new Fault('unavailable', 'the disk is full');
    };
    // The next start confirms the row of a new object by the object itself.
    await put(world, 'a');
    await expect(put(world, 'a')).rejects.toMatchObject({ hint: 'the disk is full' });
    expect([...world.ledger.rows.values()].map((row) => row.state)).toEqual(['intended', 'intended']);
    expect((await world.vault.describe(call(), refOf('a'), [aliceKey]))?.info.size).toBe(5000);
    world.ledger.hooks = {};
    const report = await world.restart().settlePending(call(), { keysOf: async () => [aliceKey] });
    expect(report).toMatchObject({ confirmed: 1, abandoned: 1, problems: [] });
  });

  it('of a new small object does not wait for its row, which is confirmed once more if that fails', async () => {
    await using world = vaultWorld();
    let failures = 0;
    world.ledger.hooks.before = (step) => {
      if (step === 'confirm' && failures++ === 0) throw new Fault('unavailable', 'the database is locked');
    };
    await put(world, 'a');
    await eventually('the confirmation', () =>
      [...world.ledger.rows.values()].every((row) => row.state === 'confirmed'),
    );
    expect(failures).toBe(2);
  });
});

describe('the vault', () => {
  it.each([
    [{ uploadMemoryBytes: 1000 }, 'uploadMemoryBytes'],
    [{ parallelParts: 0 }, 'parallelParts'],
    [{ readAheadRanges: 1.5 }, 'readAheadRanges'],
    [{ maxPartBytes: 3 }, 'the largest part'],
  ])('refuses limits that cannot work: %o', (limits, named) => {
    expect(() => vaultWorld(limits)).toThrow(named);
  });

  it('aborts open uploads when it is disposed, and waits for uploads that are being committed', async () => {
    await using world = vaultWorld();
    const open = await world.vault.openUpload(call(), targetOf('open'));
    await open.write(0, [content(9 * mebibyte)]);
    const closing = await world.vault.openUpload(call(), targetOf('closing'));
    await closing.write(0, [bytes]);
    const commit = closing.commit(call());
    await world.vault[Symbol.asyncDispose]();
    await commit;
    expect(world.store.contentOf(refOf('closing'))).toEqual(bytes);
    expect(world.store.uploads.size).toBe(0);
    await expect(open.commit(call())).rejects.toMatchObject({ kind: 'cancelled' });
  });

  it('removes an object and marks its ledger row as removed', async () => {
    await using world = vaultWorld();
    await put(world, 'a');
    await world.vault.remove(call(), refOf('a'), 'alice');
    expect(await world.vault.describe(call(), refOf('a'), [aliceKey])).toBeNull();
    expect(await world.ledger.candidates(refOf('a'))).toEqual([]);
  });
});
