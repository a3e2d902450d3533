import { describe, expect, it } from 'vitest';
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
  type Workshop,
  workshop,
} from './testing/workshop.js';

const bobKey = keyNamed('bob');
const bytes = content(5000);

async function put(shop: Workshop, key: string, change: Parameters<typeof targetOf>[1] = {}): Promise<void> {
  await using writer = await shop.vault.openUpload(call(), targetOf(key, change));
  await writer.write(0, [bytes]);
  await writer.commit(call());
}

describe('the key for an object', () => {
  it('is the one that the ledger names, found with one request among many', async () => {
    await using shop = workshop();
    await put(shop, 'a', { encryption: { kind: 'sse-c', key: bobKey } });
    const keys = [aliceKey, keyNamed('c'), keyNamed('d'), bobKey];
    expect((await shop.vault.describe(call(), refOf('a'), keys))?.info.size).toBe(5000);
    expect(shop.store.count('head')).toBe(1);
  });

  it.each<[string, WriteEncryption]>([
    ['SSE-S3', { kind: 'sse-s3' }],
    ['SSE-KMS', { kind: 'sse-kms', keyArn: 'arn:aws:kms:x:1:key/1' }],
    ['the bucket’s default', { kind: 'bucket-default' }],
    ['a customer key', aliceEncryption],
  ])('is found by trying if another client wrote it with %s', async (_name, encryption) => {
    await using shop = workshop();
    await put(shop, 'a', { encryption });
    shop.ledger.rows.clear();
    expect((await shop.vault.describe(call(), refOf('a'), [bobKey, aliceKey]))?.info.size).toBe(5000);
  });

  it('is found although the ledger names another because another client replaced the object', async () => {
    await using shop = workshop();
    await put(shop, 'a', { encryption: { kind: 'sse-c', key: bobKey } });
    const rows = new Map(shop.ledger.rows);
    await put(shop, 'a');
    shop.ledger.rows.clear();
    for (const [id, row] of rows) shop.ledger.rows.set(id, row);
    expect((await shop.vault.describe(call(), refOf('a'), [bobKey, aliceKey]))?.info.size).toBe(5000);
  });

  it('is named if it is not available', async () => {
    await using shop = workshop();
    await put(shop, 'a', { encryption: { kind: 'sse-c', key: bobKey } });
    await expect(shop.vault.describe(call(), refOf('a'), [aliceKey])).rejects.toMatchObject({
      kind: 'key-mismatch',
      hint: expect.stringContaining(bobKey.fingerprint),
    });
  });
});

describe('the time of a file', () => {
  it('comes from the ledger, else the metadata, else S3', async () => {
    await using shop = workshop();
    await put(shop, 'a', { mtimeSeconds: 1000 });
    const time = async () => (await shop.vault.describe(call(), refOf('a'), [aliceKey]))?.mtimeSeconds;
    expect(await time()).toBe(1000);
    await shop.ledger.recordMtime(refOf('a'), 2000);
    expect(await time()).toBe(2000);
    shop.ledger.rows.clear();
    expect(await time()).toBe(1000);
    await put(shop, 'b');
    const info = shop.store.infoOf(refOf('b'));
    const description = await shop.vault.describe(call(), refOf('b'), [aliceKey]);
    expect(description?.mtimeSeconds).toBe((info?.lastModifiedMs ?? 0) / 1000);
  });

  it('that is set before commit is in the metadata of a small file, and in the ledger of a large one', async () => {
    await using shop = workshop();
    for (const [key, size] of [
      ['small', 100],
      ['large', 9 * mebibyte],
    ] as const) {
      await using writer = await shop.vault.openUpload(call(), targetOf(key));
      await writer.write(0, [content(size)]);
      writer.setMtime(4711);
      await writer.commit(call());
      expect((await shop.vault.describe(call(), refOf(key), [aliceKey]))?.mtimeSeconds).toBe(4711);
    }
    expect(shop.store.infoOf(refOf('small'))?.metadata).toEqual({ mtime: '4711' });
  });
});

describe('a conditional removal', () => {
  it.each([
    ['where S3 compares', false],
    ['where it cannot', true],
  ])('leaves another content alone %s', async (_, cannotCompare) => {
    await using shop = workshop();
    await put(shop, 'a');
    await put(shop, 'ab');
    const etag = shop.store.infoOf(refOf('a'))?.etag ?? '';
    if (cannotCompare) {
      shop.store.hooks.beforeRemoval = ({ ifMatch }) => {
        if (ifMatch !== undefined) throw new Fault('unsupported', 'no conditions here');
      };
    }
    await expect(shop.vault.remove(call(), refOf('a'), 'alice', '"another"')).rejects.toMatchObject({
      kind: 'conflict',
    });
    expect(shop.store.contentOf(refOf('a'))).toEqual(bytes);
    expect(await shop.ledger.candidates(refOf('a'))).toHaveLength(1);
    await shop.vault.remove(call(), refOf('a'), 'alice', etag);
    expect(shop.store.contentOf(refOf('a'))).toBeNull();
    expect(await shop.ledger.candidates(refOf('a'))).toEqual([]);
    // That it has gone already is no fault, and what begins like it stays.
    await shop.vault.remove(call(), refOf('a'), 'alice', etag);
    expect(shop.store.contentOf(refOf('ab'))).toEqual(bytes);
  });
});

describe('a move', () => {
  it('keeps content and time, uses the target’s encryption, and removes the source last', async () => {
    await using shop = workshop();
    await put(shop, 'a', { mtimeSeconds: 1000, encryption: { kind: 'sse-c', key: bobKey } });
    expect(await shop.vault.move(call(), refOf('a'), [bobKey], targetOf('b'))).toBe(true);
    expect(shop.store.contentOf(refOf('a'))).toBeNull();
    expect(shop.store.contentOf(refOf('b'))).toEqual(bytes);
    expect(shop.store.encryptionOf(refOf('b'))).toEqual(aliceEncryption);
    expect((await shop.vault.describe(call(), refOf('b'), [aliceKey]))?.mtimeSeconds).toBe(1000);
    const [row] = await shop.ledger.candidates(refOf('b'));
    expect(row?.confirmation?.checksum).toEqual(shop.store.infoOf(refOf('b'))?.checksum);
    expect(await shop.ledger.candidates(refOf('a'))).toEqual([]);
  });

  it('of a missing object returns false and leaves no row that names a key', async () => {
    await using shop = workshop();
    expect(await shop.vault.move(call(), refOf('a'), [aliceKey], targetOf('b'))).toBe(false);
    expect(await shop.ledger.candidates(refOf('b'))).toEqual([]);
  });

  it('onto itself changes nothing', async () => {
    await using shop = workshop();
    await put(shop, 'a');
    expect(await shop.vault.move(call(), refOf('a'), [aliceKey], targetOf('a'))).toBe(true);
    expect(shop.store.contentOf(refOf('a'))).toEqual(bytes);
  });

  it('fails if the copy has weaker encryption than requested, removes the copy and keeps the source', async () => {
    await using shop = workshop();
    await put(shop, 'a');
    const copy = shop.store.copy.bind(shop.store);
    // A server that forgets the target's key, as old Ceph does.
    shop.store.copy = (one, from, to, options) =>
      copy(one, from, to, { ...options, encryption: { kind: 'sse-s3' } });
    shop.store.head = (
      (head) => (one, ref, access, versionId) =>
        head(one, ref, ref.key === 'b' ? { kind: 'no-key' } : access, versionId)
    )(shop.store.head.bind(shop.store));
    await expect(shop.vault.move(call(), refOf('a'), [aliceKey], targetOf('b'))).rejects.toMatchObject({
      kind: 'corrupt',
      hint: expect.stringContaining('the original stays'),
    });
    expect(shop.store.contentOf(refOf('a'))).toEqual(bytes);
    expect(shop.store.contentOf(refOf('b'))).toBeNull();
  });

  it('records no checksum if neither the ledger nor S3 has one', async () => {
    await using shop = workshop({}, { answersChecksum: false });
    await put(shop, 'a');
    shop.ledger.rows.clear();
    expect(await shop.vault.move(call(), refOf('a'), [aliceKey], targetOf('b'))).toBe(true);
    const [row] = await shop.ledger.candidates(refOf('b'));
    expect(row).toMatchObject({ state: 'confirmed', confirmation: { size: 5000, checksum: null } });
  });

  it('does not remove an object that is uploaded to its source meanwhile', async () => {
    await using shop = workshop();
    await put(shop, 'a');
    const newer = content(100, 'newer');
    await using writer = await shop.vault.openUpload(call(), targetOf('a'));
    await writer.write(0, [newer]);
    let commit: Promise<unknown> = Promise.resolve();
    shop.store.hooks.after = async (operation) => {
      if (operation !== 'copy') return;
      commit = writer.commit(call());
      await new Promise((resolve) => setImmediate(resolve));
    };
    await shop.vault.move(call(), refOf('a'), [aliceKey], targetOf('b'));
    await commit;
    expect(shop.store.contentOf(refOf('a'))).toEqual(newer);
    expect(shop.store.contentOf(refOf('b'))).toEqual(bytes);
  });
});

describe('the result of a write', () => {
  it('is checked with a HEAD if the response has no checksum', async () => {
    await using shop = workshop({}, { answersChecksum: false });
    await put(shop, 'a');
    expect(shop.store.count('head')).toBe(1);
    expect(shop.store.contentOf(refOf('a'))).toEqual(bytes);
  });

  it('is checked with a HEAD if the response has a checksum of another algorithm', async () => {
    await using shop = workshop();
    const store = shop.store.put.bind(shop.store);
    shop.store.put = async (one, ref, body, options) => ({
      ...(await store(one, ref, body, options)),
      checksum: { algorithm: 'crc32', value: body.checksum.value },
    });
    await put(shop, 'a');
    expect(shop.store.count('head')).toBe(1);
    expect(shop.store.contentOf(refOf('a'))).toEqual(bytes);
  });

  it.each([false, true])('is removed if it is not what was sent (versioned: %s)', async (versioned) => {
    await using shop = workshop({}, { versioned });
    await put(shop, 'a');
    const store = shop.store.put.bind(shop.store);
    shop.store.put = async (one, ref, body, options) => ({
      ...(await store(one, ref, body, options)),
      checksum: { algorithm: 'crc32c', value: 1 },
    });
    await expect(put(shop, 'a')).rejects.toMatchObject({ kind: 'corrupt' });
    // Without versions the former object is gone already, as on any overwrite.
    expect(shop.store.contentOf(refOf('a'))).toEqual(versioned ? bytes : null);
    shop.store.put = store;
    const report = await shop.restart().settlePending(call(), { keysOf: async () => [aliceKey] });
    expect(report).toMatchObject({ abandoned: 1, confirmed: 0, problems: [] });
  });

  it('keeps its row if the response was lost, until the next start settles it', async () => {
    await using shop = workshop();
    shop.store.hooks.after = (operation) => {
      if (operation === 'put') throw new Fault('timed-out', 'S3 did not answer');
    };
    await expect(put(shop, 'a')).rejects.toMatchObject({ kind: 'timed-out' });
    expect([...shop.ledger.rows.values()].map((row) => row.state)).toEqual(['intended']);
    shop.store.hooks = {};
    const report = await shop.restart().settlePending(call(), { keysOf: async () => [aliceKey] });
    expect(report).toMatchObject({ confirmed: 1 });
  });

  it('is not lost if its row could not be confirmed', async () => {
    await using shop = workshop();
    shop.ledger.hooks.before = (step) => {
      if (step === 'confirm') throw new Fault('unavailable', 'the disk is full');
    };
    await expect(put(shop, 'a')).rejects.toMatchObject({ hint: 'the disk is full' });
    expect([...shop.ledger.rows.values()].map((row) => row.state)).toEqual(['intended']);
    expect((await shop.vault.describe(call(), refOf('a'), [aliceKey]))?.info.size).toBe(5000);
  });
});

describe('the vault', () => {
  it.each([
    [{ uploadMemoryBytes: 1000 }, 'uploadMemoryBytes'],
    [{ parallelParts: 0 }, 'parallelParts'],
    [{ readAheadRanges: 1.5 }, 'readAheadRanges'],
    [{ maxPartBytes: 3 }, 'the largest part'],
  ])('refuses limits that cannot work: %o', (limits, named) => {
    expect(() => workshop(limits)).toThrow(named);
  });

  it('aborts open uploads when it is disposed, and waits for uploads that are being committed', async () => {
    await using shop = workshop();
    const open = await shop.vault.openUpload(call(), targetOf('open'));
    await open.write(0, [content(9 * mebibyte)]);
    const closing = await shop.vault.openUpload(call(), targetOf('closing'));
    await closing.write(0, [bytes]);
    const commit = closing.commit(call());
    await shop.vault[Symbol.asyncDispose]();
    await commit;
    expect(shop.store.contentOf(refOf('closing'))).toEqual(bytes);
    expect(shop.store.uploads.size).toBe(0);
    await expect(open.commit(call())).rejects.toMatchObject({ kind: 'cancelled' });
  });

  it('removes an object and marks its ledger row as removed', async () => {
    await using shop = workshop();
    await put(shop, 'a');
    await shop.vault.remove(call(), refOf('a'), 'alice');
    expect(await shop.vault.describe(call(), refOf('a'), [aliceKey])).toBeNull();
    expect(await shop.ledger.candidates(refOf('a'))).toEqual([]);
  });
});
