import fc from 'fast-check';
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
import type { UploadWriter } from '../vault.js';

const bytes = content(40 * mebibyte + 77);
const keysOf = async () => [aliceKey];

async function send(writer: UploadWriter, end: number, step = mebibyte): Promise<void> {
  for (let at = writer.size; at < end; at += step)
    await writer.write(at, [bytes.subarray(at, Math.min(end, at + step))]);
}

/** Parks an upload after `end` bytes, as if its client had disconnected. */
async function broken(world: VaultWorld, end: number, key = 'a'): Promise<ParkedUpload | null> {
  const client = new AbortController();
  await using writer = await world.vault.openUpload(call(client.signal), targetOf(key), { resumable: true });
  await send(writer, end);
  client.abort();
  return await writer.park();
}

function sizeOf(upload: ParkedUpload | null): number {
  return upload === null ? 0 : parkedBytes(upload);
}

describe('an upload that is interrupted', () => {
  it('keeps its whole parts in S3, and is finished later, by another process too', async () => {
    await using world = vaultWorld();
    const parked = await broken(world, 29 * mebibyte + 5);
    expect(sizeOf(parked)).toBe(29 * mebibyte);
    // A rename must not make an object of it.
    expect(parked?.isComplete).toBe(false);
    expect(world.store.contentOf(refOf('a'))).toBeNull();
    const next = world.restart();
    expect(await next.settlePending(call(), { keysOf })).toMatchObject({ abandoned: 0, abortedUploads: 0 });
    const [kept = null] = await world.ledger.parked();
    expect(kept).toEqual({ ...parked, parkedMs: kept?.parkedMs });
    await using writer = await next.openUpload(call(), targetOf('a'), { resume: kept });
    expect(writer.size).toBe(29 * mebibyte);
    await send(writer, bytes.byteLength);
    await writer.commit(call());
    expect(world.store.contentOf(refOf('a'))?.equals(bytes)).toBe(true);
    expect(world.store.uploads.size).toBe(0);
    const [row] = await world.ledger.candidates(refOf('a'));
    expect(row).toMatchObject({
      state: 'confirmed',
      confirmation: { size: bytes.byteLength, checksum: checksumOf('crc32c', bytes) },
    });
    expect(await world.ledger.parked()).toEqual([]);
  });

  it('is complete after any number of interruptions', async () => {
    const cut = fc.integer({ min: 1, max: bytes.byteLength });
    await fc.assert(
      fc.asyncProperty(
        fc.array(cut, { maxLength: 4 }),
        fc.integer({ min: 100_000, max: 3 * mebibyte }),
        async (cuts, step) => {
          await using world = vaultWorld({ uploadMemoryBytes: 32 * mebibyte });
          let parked: ParkedUpload | null = null;
          for (const end of [...cuts].sort((one, other) => one - other)) {
            const options = { resumable: true, resume: parked };
            await using writer = await world.vault.openUpload(call(), targetOf('a'), options);
            const from = writer.size;
            await send(writer, end, step);
            parked = await writer.park();
            expect(sizeOf(parked)).toBeGreaterThanOrEqual(from);
            expect(sizeOf(parked)).toBeGreaterThan(Math.max(from, end) - 6 * mebibyte);
          }
          await using writer = await world.vault.openUpload(call(), targetOf('a'), { resume: parked });
          await send(writer, bytes.byteLength, step);
          await writer.commit(call());
          expect(world.store.contentOf(refOf('a'))?.equals(bytes)).toBe(true);
          expect(world.vault.statistics).toMatchObject({ uploadMemoryBytes: 0, scratchBytes: 0 });
        },
      ),
      { numRuns: 25 },
    );
  });

  it('keeps nothing if it has less than a part', async () => {
    await using world = vaultWorld();
    expect(await broken(world, 5 * mebibyte - 1)).toBeNull();
    expect(world.store.uploads.size).toBe(0);
    expect([...world.ledger.rows.values()].map(({ state }) => state)).toEqual(['abandoned']);
  });

  it('keeps the parts that arrived before S3 became unavailable', async () => {
    await using world = vaultWorld();
    let parts = 0;
    world.store.hooks.before = (operation) => {
      if (operation === 'part' && ++parts > 2) throw new Fault('unavailable', 'S3 is unavailable');
    };
    await using writer = await world.vault.openUpload(call(), targetOf('a'), { resumable: true });
    await expect(send(writer, bytes.byteLength)).rejects.toMatchObject({ kind: 'unavailable' });
    expect(sizeOf(await writer.park())).toBe(16 * mebibyte);
  });

  it('keeps nothing if it may be an object already, because the answer to its end was lost', async () => {
    await using world = vaultWorld();
    await using writer = await world.vault.openUpload(call(), targetOf('a'), { resumable: true });
    await send(writer, 20 * mebibyte);
    world.store.hooks.after = (operation) => {
      if (operation === 'complete') throw new Fault('timed-out', 'no answer');
    };
    await expect(writer.commit(call())).rejects.toMatchObject({ kind: 'timed-out' });
    world.store.hooks = {};
    expect(await writer.park()).toBeNull();
    expect(await world.ledger.parked()).toEqual([]);
    expect(world.store.contentOf(refOf('a'))?.byteLength).toBe(20 * mebibyte);
    await writer[Symbol.asyncDispose]();
    expect(await world.restart().settlePending(call(), { keysOf })).toMatchObject({
      confirmed: 1,
      abandoned: 0,
    });
  });

  it('keeps nothing if its parts cannot be trusted, or if it is not resumable', async () => {
    await using world = vaultWorld();
    let parts = 0;
    world.store.hooks.after = (operation) => {
      if (operation === 'part' && ++parts > 2) throw new Fault('corrupt', 'other bytes than were sent');
    };
    await using writer = await world.vault.openUpload(call(), targetOf('a'), { resumable: true });
    await expect(send(writer, bytes.byteLength)).rejects.toMatchObject({ kind: 'corrupt' });
    expect(await writer.park()).toBeNull();
    world.store.hooks = {};
    await using other = await world.vault.openUpload(call(), targetOf('b'));
    await send(other, 20 * mebibyte);
    expect(await other.park()).toBeNull();
    await other.commit(call());
  });

  it('ends a write that is waiting for memory', async () => {
    await using world = vaultWorld({ uploadMemoryBytes: 32 * mebibyte });
    const client = new AbortController();
    let release: () => void = () => undefined;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    world.store.hooks.before = (operation) => (operation === 'part' ? held : undefined);
    await using writer = await world.vault.openUpload(call(client.signal), targetOf('a'), {
      resumable: true,
    });
    // A client sends on without waiting for the answers, which S3's pace delays.
    const starts = Array.from({ length: 40 }, (_, index) => index * mebibyte);
    const sending = Promise.all(
      starts.map((at) => writer.write(at, [bytes.subarray(at, at + mebibyte)])),
    ).catch((error: unknown) => Fault.from(error).kind);
    await expect.poll(() => world.vault.statistics.waitingUploads).toBe(1);
    client.abort();
    expect(await sending).toBe('cancelled');
    release();
    expect(sizeOf(await writer.park())).toBeGreaterThanOrEqual(16 * mebibyte);
    expect(world.vault.statistics.uploadMemoryBytes).toBe(0);
  });
});

describe('an upload that another session takes over', () => {
  it('ends with the signal of the new session, not of the first one', async () => {
    await using world = vaultWorld();
    const [first, second] = [new AbortController(), new AbortController()];
    const options = { resumable: true };
    await using writer = await world.vault.openUpload(call(first.signal), targetOf('a'), options);
    await send(writer, 9 * mebibyte + 1);
    writer.adopt(call(second.signal));
    first.abort();
    await send(writer, 20 * mebibyte);
    second.abort();
    await expect(writer.write(20 * mebibyte, [bytes])).rejects.toMatchObject({ kind: 'cancelled' });
    expect(sizeOf(await writer.park())).toBeGreaterThanOrEqual(16 * mebibyte);
  });

  it('ends immediately if the new session has already ended', async () => {
    await using world = vaultWorld();
    await using writer = await world.vault.openUpload(call(), targetOf('a'));
    writer.adopt(call(AbortSignal.abort()));
    await expect(writer.write(0, [bytes])).rejects.toMatchObject({ kind: 'cancelled' });
  });
});

describe('a parked upload', () => {
  it('is resumed only once, and only with its own encryption', async () => {
    await using world = vaultWorld();
    const parked = await broken(world, 20 * mebibyte);
    const otherKey = targetOf('a', { encryption: { kind: 'sse-c', key: keyNamed('another') } });
    await expect(world.vault.openUpload(call(), otherKey, { resume: parked })).rejects.toMatchObject({
      kind: 'unsupported',
    });
    expect(await world.ledger.parked()).toHaveLength(1);
    await using writer = await world.vault.openUpload(call(), targetOf('a'), { resume: parked });
    await expect(world.vault.openUpload(call(), targetOf('a'), { resume: parked })).rejects.toMatchObject({
      kind: 'conflict',
    });
    await send(writer, 21 * mebibyte);
    await writer.commit(call());
    expect(world.store.contentOf(refOf('a'))?.equals(bytes.subarray(0, 21 * mebibyte))).toBe(true);
  });

  it('leaves nothing at S3 once it is aborted', async () => {
    await using world = vaultWorld();
    const parked = await broken(world, 20 * mebibyte);
    if (parked === null) throw new Error('the upload was not parked');
    await world.vault.abortParked(call(), parked);
    await world.vault.abortParked(call(), parked);
    expect(world.store.uploads.size).toBe(0);
    expect([...world.ledger.rows.values()].map(({ state }) => state)).toEqual(['abandoned']);
  });

  it('is kept when a restart cleans up after another upload to its name', async () => {
    await using world = vaultWorld();
    const parked = await broken(world, 21 * mebibyte);
    // A crash before the upload was recorded.
    const { sealedWith } = parked ?? { sealedWith: { kind: 'sse-s3' } };
    await world.ledger.intend({ ref: refOf('a'), sealedWith, actor: 'alice', requestId: 'crashed' });
    const next = world.restart();
    expect(await next.settlePending(call(), { keysOf })).toMatchObject({ abandoned: 1, abortedUploads: 0 });
    await using writer = await next.openUpload(call(), targetOf('a'), { resume: parked });
    await writer.commit(call());
    expect(world.store.contentOf(refOf('a'))?.byteLength).toBe(21 * mebibyte);
  });
});
