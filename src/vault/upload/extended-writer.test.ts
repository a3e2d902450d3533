import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checksumOf } from '../../bytes/running-checksum.js';
import { Fault } from '../../model/fault.js';
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
} from '../testing/vault-world.js';
import type { UploadWriter } from '../vault.js';

const oldKey = keyNamed('the key before');
const bytes = content(30 * mebibyte);
const keys = [aliceKey, oldKey];

async function put(world: VaultWorld, size: number): Promise<string> {
  const encryption = { kind: 'sse-c', key: oldKey } as const;
  await using writer = await world.vault.openUpload(call(), targetOf('a', { encryption }));
  for (let at = 0; at < size; at += mebibyte)
    await writer.write(at, [bytes.subarray(at, Math.min(size, at + mebibyte))]);
  return (await writer.commit(call())).etag;
}

const extend = (world: VaultWorld, etag: string): Promise<UploadWriter> =>
  world.vault.openUpload(call(), targetOf('a'), { extend: { keys, etag } });

async function append(writer: UploadWriter, end: number): Promise<void> {
  for (let at = writer.size; at < end; at += 700_000)
    await writer.write(at, [bytes.subarray(at, Math.min(end, at + 700_000))]);
}

describe('an object that is extended', () => {
  it('has the old and the new bytes with the current encryption, whatever the sizes', async () => {
    const size = fc.oneof(
      fc.integer({ min: 0, max: 15 * mebibyte }),
      fc.constantFrom(0, 1, 5 * mebibyte - 1, 5 * mebibyte, 8 * mebibyte, 8 * mebibyte + 1),
    );
    await fc.assert(
      fc.asyncProperty(size, size, async (first, more) => {
        await using world = vaultWorld();
        const etag = await put(world, first);
        const before = world.store.bytesRead;
        await using writer = await extend(world, etag);
        expect(writer.size).toBe(first);
        expect(world.store.bytesRead - before).toBe(first < 5 * mebibyte ? first : 0);
        await append(writer, first + more);
        expect(writer.size).toBe(first + more);
        await writer.commit(call());
        const expected = bytes.subarray(0, first + more);
        expect(world.store.contentOf(refOf('a'))?.equals(expected)).toBe(true);
        expect(world.store.encryptionOf(refOf('a'))).toEqual(aliceEncryption);
        const [row] = await world.ledger.candidates(refOf('a'));
        expect(row?.confirmation).toMatchObject({
          size: first + more,
          checksum: checksumOf('crc32c', expected),
        });
        expect(world.store.uploads.size).toBe(0);
      }),
      { numRuns: 25 },
    );
  });

  it('keeps its first bytes', async () => {
    await using world = vaultWorld();
    await using writer = await extend(world, await put(world, 6 * mebibyte));
    const refused = { kind: 'unsupported', hint: expect.stringContaining('the first 6291456 bytes') };
    await expect(writer.write(0, [bytes.subarray(0, 10)])).rejects.toMatchObject(refused);
    await expect(writer.truncate(5)).rejects.toMatchObject(refused);
    await writer.truncate(6 * mebibyte + 3);
    await writer.commit(call());
    expect(world.store.contentOf(refOf('a'))?.subarray(6 * mebibyte)).toEqual(Buffer.alloc(3));
  });

  it('is unchanged if the upload is aborted or S3 becomes unavailable', async () => {
    await using world = vaultWorld();
    const etag = await put(world, 6 * mebibyte);
    const writer = await extend(world, etag);
    await append(writer, 20 * mebibyte);
    expect(await writer.park()).toBeNull();
    await writer[Symbol.asyncDispose]();
    world.store.hooks.before = (operation) => {
      if (operation === 'part') throw new Fault('unavailable', 'S3 is unavailable');
    };
    await expect(extend(world, etag)).rejects.toMatchObject({ kind: 'unavailable' });
    expect(world.store.uploads.size).toBe(0);
    expect(world.store.contentOf(refOf('a'))?.equals(bytes.subarray(0, 6 * mebibyte))).toBe(true);
  });

  it('must still be the object that was found at the open', async () => {
    await using world = vaultWorld();
    const etag = await put(world, 6 * mebibyte);
    await expect(extend(world, '"another"')).rejects.toMatchObject({ kind: 'conflict' });
    world.store.hooks.before = async (operation) => {
      if (operation !== 'begin') return;
      world.store.hooks = {};
      await put(world, 7 * mebibyte);
    };
    await expect(extend(world, etag)).rejects.toMatchObject({ kind: 'conflict' });
    await world.store.remove(call(), refOf('a'));
    await expect(extend(world, etag)).rejects.toMatchObject({ kind: 'conflict' });
    expect(world.store.uploads.size).toBe(0);
  });

  it.each([0, 100])(
    'of %i bytes is not mixed with another one that replaces it while it is read',
    async (size) => {
      await using world = vaultWorld();
      const etag = await put(world, size);
      world.store.hooks.before = async (operation) => {
        if (operation !== (size === 0 ? 'head' : 'read')) return;
        world.store.hooks = {};
        await put(world, size + (size === 0 ? 1 : 0));
      };
      await expect(extend(world, etag)).rejects.toMatchObject({ kind: 'conflict' });
      expect(world.store.uploads.size).toBe(0);
    },
  );

  it('is read if its checksum is unknown, and refused if it is too large for that or for one part', async () => {
    await using world = vaultWorld({}, { answersChecksum: false });
    const etag = await put(world, 6 * mebibyte);
    world.ledger.rows.clear();
    const head = world.store.head.bind(world.store);
    const seen = (size: number) => {
      world.store.head = async (...given) => {
        const info = await head(...given);
        return info && { ...info, size };
      };
    };
    seen(65 * mebibyte);
    await expect(extend(world, etag)).rejects.toMatchObject({ kind: 'unsupported' });
    seen(6 * mebibyte);
    {
      await using writer = await extend(world, etag);
      world.store.head = head;
      await append(writer, 7 * mebibyte);
      await writer.commit(call());
    }
    expect(world.store.contentOf(refOf('a'))?.equals(bytes.subarray(0, 7 * mebibyte))).toBe(true);
    seen(5 * 1024 * mebibyte + 1);
    const now = world.store.infoOf(refOf('a'))?.etag ?? '';
    await expect(extend(world, now)).rejects.toMatchObject({ kind: 'unsupported' });
  });
});
