import { describe, expect, it } from 'vitest';
import { Fault } from '../../model/fault.js';
import {
  aliceEncryption,
  call,
  content,
  mebibyte,
  refOf,
  targetOf,
  vaultWorld,
} from '../testing/vault-world.js';

describe('an upload that arrives in order', () => {
  it('becomes one PutObject with the target’s encryption if the file is small', async () => {
    await using world = vaultWorld();
    await using writer = await world.vault.openUpload(call(), targetOf('a', { mtimeSeconds: 1_700_000_000 }));
    const bytes = content(100_000);
    await writer.write(0, [bytes.subarray(0, 30_000), bytes.subarray(30_000, 60_000)]);
    await writer.write(60_000, [bytes.subarray(60_000)]);
    await writer.commit(call());
    expect(world.store.contentOf(refOf('a'))).toEqual(bytes);
    expect(world.store.encryptionOf(refOf('a'))).toEqual(aliceEncryption);
    expect(world.store.infoOf(refOf('a'))?.metadata).toEqual({ mtime: '1700000000' });
    expect(world.store.count('begin')).toBe(0);
    expect(world.ledger.steps).toEqual(['intend', 'confirm']);
  });

  it('becomes an empty object if the file is empty', async () => {
    await using world = vaultWorld();
    await using writer = await world.vault.openUpload(call(), targetOf('empty'));
    await writer.commit(call());
    expect(world.store.contentOf(refOf('empty'))?.byteLength).toBe(0);
  });

  it('becomes one PutObject up to the size of a part, and two parts with one byte more', async () => {
    await using world = vaultWorld();
    for (const [key, size, parts] of [
      ['one', 8 * mebibyte, 0],
      ['two', 8 * mebibyte + 1, 2],
    ] as const) {
      const before = world.store.count('part');
      await using writer = await world.vault.openUpload(call(), targetOf(key));
      const bytes = content(size);
      for (let at = 0; at < size; at += 255 * 1024) {
        await writer.write(at, [bytes.subarray(at, Math.min(size, at + 255 * 1024))]);
      }
      await writer.commit(call());
      expect(world.store.contentOf(refOf(key))?.equals(bytes)).toBe(true);
      expect(world.store.count('part') - before).toBe(parts);
    }
  });

  it('sends parts while bytes arrive, and confirms the result in the ledger', async () => {
    await using world = vaultWorld();
    await using writer = await world.vault.openUpload(call(), targetOf('big'));
    const bytes = content(30 * mebibyte + 77);
    let sentBeforeEnd = 0;
    for (let at = 0; at < bytes.byteLength; at += mebibyte) {
      await writer.write(at, [bytes.subarray(at, at + mebibyte)]);
      sentBeforeEnd = world.store.count('part');
    }
    expect(sentBeforeEnd).toBe(3);
    const written = await writer.commit(call());
    expect(world.store.contentOf(refOf('big'))?.equals(bytes)).toBe(true);
    expect(world.ledger.steps).toEqual(['intend', 'attachUpload', 'confirm']);
    const [row] = await world.ledger.candidates(refOf('big'));
    expect(row?.confirmation).toMatchObject({ size: bytes.byteLength, etag: written.etag });
    expect(world.vault.statistics).toMatchObject({ uploadMemoryBytes: 0 });
  });

  it('leaves nothing at S3 if it is aborted before commit, and abandons its row', async () => {
    await using world = vaultWorld();
    {
      await using writer = await world.vault.openUpload(call(), targetOf('gone'));
      await writer.write(0, [content(20 * mebibyte)]);
    }
    expect(world.store.uploads.size).toBe(0);
    expect(world.store.contentOf(refOf('gone'))).toBeNull();
    expect([...world.ledger.rows.values()].map((row) => row.state)).toEqual(['abandoned']);
    expect(world.vault.statistics).toMatchObject({ uploadMemoryBytes: 0, openUploads: 0 });
  });

  it('fails permanently if a part fails, and every later call throws the same fault', async () => {
    await using world = vaultWorld();
    world.store.hooks.before = (operation) => {
      if (operation === 'part') throw new Fault('unavailable', 'S3 is unavailable');
    };
    await using writer = await world.vault.openUpload(call(), targetOf('x'));
    const attempt = async () => {
      for (let at = 0; at < 64; at += 1) await writer.write(at * mebibyte, [content(mebibyte)]);
    };
    await expect(attempt()).rejects.toThrow('S3 is unavailable');
    await expect(writer.write(0, [content(1)])).rejects.toThrow('S3 is unavailable');
    await expect(writer.commit(call())).rejects.toThrow('S3 is unavailable');
  });
});
