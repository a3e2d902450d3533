import { describe, expect, it } from 'vitest';
import { checksumOf } from '../../bytes/running-checksum.js';
import { Fault } from '../../model/fault.js';
import { type ParkedUpload, parkedBytes } from '../../model/parked-uploads.js';
import {
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

const bytes = content(40 * mebibyte + 77);
const keysOf = async () => [aliceKey];
const held = { shownKey: 'a.filepart' };

async function holdFile(world: VaultWorld, end: number, resume: ParkedUpload | null = null) {
  await using writer = await world.vault.openUpload(call(), targetOf('a', held), { resumable: true, resume });
  for (let at = writer.size; at < end; at += mebibyte)
    await writer.write(at, [bytes.subarray(at, Math.min(end, at + mebibyte))]);
  return await writer.hold();
}

describe('a complete upload that is held', () => {
  it.each([0, 1, 100, mebibyte * 5, mebibyte * 8, 9 * mebibyte + 3, 40 * mebibyte, bytes.byteLength])(
    'becomes an object when it is completed, also by another process: %d bytes',
    async (size) => {
      await using world = vaultWorld();
      const upload = await holdFile(world, size);
      expect(upload).toMatchObject({ shownKey: 'a.filepart', isComplete: true, ref: refOf('a') });
      expect(parkedBytes(upload)).toBe(size);
      expect(world.store.contentOf(refOf('a'))).toBeNull();
      const next = world.restart();
      expect(await next.settlePending(call(), { keysOf })).toMatchObject({ abandoned: 0, abortedUploads: 0 });
      await next.completeParked(call(), upload, targetOf('a'));
      expect(world.store.contentOf(refOf('a'))?.equals(bytes.subarray(0, size))).toBe(true);
      expect(world.store.uploads.size).toBe(0);
      expect(await world.ledger.parked()).toEqual([]);
      const [row] = await world.ledger.candidates(refOf('a'));
      expect(row).toMatchObject({
        state: 'confirmed',
        confirmation: { size, checksum: checksumOf('crc32c', bytes.subarray(0, size)) },
      });
    },
  );

  it('is continued at any size while its last bytes are known', async () => {
    await using world = vaultWorld();
    let upload: ParkedUpload | null = null;
    for (const size of [0, 7, mebibyte, 6 * mebibyte + 1, 14 * mebibyte, 33 * mebibyte + 5, bytes.byteLength])
      upload = await holdFile(world, size, upload);
    if (upload === null) throw new Error('nothing is held');
    await world.vault.completeParked(call(), upload, targetOf('a'));
    expect(world.store.contentOf(refOf('a'))?.equals(bytes)).toBe(true);
    expect(world.vault.statistics).toMatchObject({ openUploads: 0, uploadMemoryBytes: 0 });
  });

  it('after a restart is continued only if others can follow its last part, and stays complete', async () => {
    await using world = vaultWorld();
    const upload = await holdFile(world, 9 * mebibyte + 3);
    const next = world.restart();
    await expect(
      next.openUpload(call(), targetOf('a', held), { resumable: true, resume: upload }),
    ).rejects.toMatchObject({ kind: 'unsupported' });
    await next.completeParked(call(), upload, targetOf('a'));
    expect(world.store.contentOf(refOf('a'))?.byteLength).toBe(9 * mebibyte + 3);
  });

  it('forgets the oldest last bytes when many uploads are held', async () => {
    await using world = vaultWorld();
    const uploads: ParkedUpload[] = [];
    const size = 4 * mebibyte + 1;
    for (let i = 0; i < 17; i += 1) uploads.push(await holdFile(world, size));
    const resumes = uploads.map(async (resume) => {
      const options = { resumable: true, resume };
      await using writer = await world.vault.openUpload(call(), targetOf('a', held), options);
      return writer.size;
    });
    const kinds = await Promise.all(
      resumes.map((one) => one.catch((error: unknown) => Fault.from(error).kind)),
    );
    expect(kinds.filter((kind) => kind === size)).toHaveLength(15);
    expect(kinds.slice(0, 2)).toEqual(['unsupported', 'unsupported']);
  });

  it('has zeros for bytes that were never received', async () => {
    await using world = vaultWorld();
    const writer = await world.vault.openUpload(call(), targetOf('a', held));
    await writer.write(10, [Buffer.from('x')]);
    await world.vault.completeParked(call(), await writer.hold(), targetOf('a'));
    expect(world.store.contentOf(refOf('a'))).toEqual(Buffer.concat([Buffer.alloc(10), Buffer.from('x')]));
  });

  it('stays parked if it cannot be completed now', async () => {
    await using world = vaultWorld();
    const upload = await holdFile(world, 9 * mebibyte);
    const otherKey = targetOf('a', { encryption: { kind: 'sse-c', key: keyNamed('another') } });
    await expect(world.vault.completeParked(call(), upload, otherKey)).rejects.toMatchObject({
      kind: 'unsupported',
    });
    world.store.hooks.before = (operation) => {
      if (operation === 'complete') throw new Fault('unavailable', 'S3 does not answer');
    };
    await expect(world.vault.completeParked(call(), upload, targetOf('a'))).rejects.toMatchObject({
      kind: 'unavailable',
    });
    world.store.hooks = {};
    expect(await world.ledger.parked()).toHaveLength(1);
    await world.vault.completeParked(call(), upload, targetOf('a'));
    expect(world.store.contentOf(refOf('a'))?.byteLength).toBe(9 * mebibyte);
  });

  it('is completed again after a crash at any step of its completion', async () => {
    for (const step of ['confirm', 'unpark'] as const) {
      await using world = vaultWorld();
      const upload = await holdFile(world, 9 * mebibyte);
      world.ledger.hooks.before = (each) => {
        if (each === step) throw new Error('crash');
      };
      await expect(world.vault.completeParked(call(), upload, targetOf('a'))).rejects.toThrow();
      world.ledger.hooks = {};
      const next = world.restart();
      await next.settlePending(call(), { keysOf });
      expect(world.store.contentOf(refOf('a'))?.byteLength).toBe(9 * mebibyte);
      const [kept] = await world.ledger.parked();
      if (step === 'unpark') expect(kept).toBeUndefined();
      else if (kept !== undefined) await next.completeParked(call(), kept, targetOf('a'));
      const rows = await world.ledger.candidates(refOf('a'));
      expect(rows.map(({ state }) => state)).toEqual(['confirmed']);
    }
  });
});
