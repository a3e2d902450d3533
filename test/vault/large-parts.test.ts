import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock, systemEntropy } from '../../src/assembly/system.js';
import { Fault } from '../../src/model/fault.js';
import type { KeyLedger } from '../../src/model/ledger.js';
import { createS3ObjectStore } from '../../src/s3/object-store.js';
import { withRetries } from '../../src/s3/retry.js';
import { createVault, type RunningVault, type VaultOptions } from '../../src/vault/create-vault.js';
import type { VaultLimits } from '../../src/vault/limits.js';
import { MemoryLedger } from '../../src/vault/testing/memory-ledger.js';
import { MemoryStore } from '../../src/vault/testing/memory-store.js';
import { aliceEncryption, aliceKey, call, content, mebibyte } from '../../src/vault/testing/vault-world.js';
import { FaultProxy } from '../support/fault-proxy.js';
import { s3Targets } from '../support/s3-targets.js';

/** Four parts of 8 MiB in memory, then parts of 24 MiB on disk. */
const scaledDown: Partial<VaultLimits> = {
  uploadMemoryBytes: 32 * mebibyte,
  memoryPartBytes: 8 * mebibyte,
  maxPartBytes: 24 * mebibyte,
  maxFileBytes: 10_000 * 24 * mebibyte - 72 * mebibyte,
  scratchLimitBytes: 72 * mebibyte,
  reorderWindowBytes: 2 * mebibyte,
};
const inMemory = 4 * 8 * mebibyte;
const requestBytes = 255 * 1024;
const bytes = content(inMemory + 2 * 24 * mebibyte + 9 * mebibyte + 12_345);

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'large-parts-'));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

function vaultOver(
  store: VaultOptions['store'],
  change: Partial<VaultLimits> = {},
): RunningVault & { readonly ledger: KeyLedger } {
  const ledger = new MemoryLedger();
  const vault = createVault({
    store,
    ledger,
    parked: ledger,
    clock: systemClock,
    entropy: systemEntropy,
    scratchDirectory: join(directory, 'scratch'),
    limits: { ...scaledDown, ...change },
  });
  return Object.assign(vault, { ledger });
}

/** Writes a file like a client; `seen` receives the vault's statistics meanwhile. */
async function upload(
  vault: RunningVault,
  bucket: string,
  key: string,
  whole: Buffer,
  seen: () => void = () => undefined,
): Promise<void> {
  const target = {
    ref: { bucket, key },
    encryption: aliceEncryption,
    acl: null,
    actor: 'alice',
    mtimeSeconds: null,
  };
  await using writer = await vault.openUpload(call(), target);
  for (let at = 0; at < whole.byteLength; at += requestBytes) {
    await writer.write(at, [whole.subarray(at, at + requestBytes)]);
    seen();
  }
  await writer.commit(call());
}

async function stored(store: VaultOptions['store'], bucket: string, key: string): Promise<Buffer> {
  const body = await store.read(call(), { bucket, key }, { kind: 'sse-c', key: aliceKey }, null);
  const pieces: Uint8Array[] = [];
  for await (const piece of body?.bytes ?? []) pieces.push(piece);
  return Buffer.concat(pieces);
}

/** Records the sizes of the parts that arrived, by number, and how often each was begun. */
function watchParts(store: MemoryStore): { readonly sizes: number[]; readonly attempts: number[] } {
  const sizes: number[] = [];
  const attempts: number[] = [];
  const send = store.uploadPart.bind(store);
  store.uploadPart = async (one, id, number, body) => {
    attempts[number] = (attempts[number] ?? 0) + 1;
    const receipt = await send(one, id, number, body);
    sizes[number] = receipt.size;
    return receipt;
  };
  return { sizes, attempts };
}

const planned = [8, 8, 8, 8, 24, 24].map((size) => size * mebibyte);

describe('an upload whose parts do not fit into memory, over a store in memory', () => {
  it('continues on disk, stays within both limits, and does not use the disk earlier', async () => {
    const store = new MemoryStore();
    const { sizes } = watchParts(store);
    const vault = vaultOver(store);
    let position = 0;
    await upload(vault, 'bucket', 'a', bytes, () => {
      position += requestBytes;
      const { uploadMemoryBytes, scratchBytes } = vault.statistics;
      expect(uploadMemoryBytes).toBeLessThanOrEqual(32 * mebibyte);
      expect(scratchBytes).toBeLessThanOrEqual(72 * mebibyte);
      if (position <= inMemory) expect(scratchBytes).toBe(0);
      else if (position > inMemory + 5 * mebibyte) expect(scratchBytes).toBeGreaterThan(0);
    });
    expect(sizes.slice(1)).toEqual([...planned, 9 * mebibyte + 12_345]);
    expect((await stored(store, 'bucket', 'a')).equals(bytes)).toBe(true);
    expect(vault.statistics).toMatchObject({ uploadMemoryBytes: 0, scratchBytes: 0, openUploads: 0 });
    const [row] = await vault.ledger.candidates({ bucket: 'bucket', key: 'a' });
    expect(row?.confirmation?.checksum).toEqual(store.infoOf({ bucket: 'bucket', key: 'a' })?.checksum);
  });

  it('sends a part from the disk again if it fails', async () => {
    const store = new MemoryStore();
    const { sizes, attempts } = watchParts(store);
    let begun = 0;
    store.hooks.after = (operation) => {
      if (operation !== 'part') return;
      begun += 1;
      if ([2, 6, 8].includes(begun)) throw new Fault('unavailable', 'the connection broke');
    };
    const retrying = withRetries(store, {
      clock: systemClock,
      entropy: systemEntropy,
      retry: { firstDelayMs: 1 },
    });
    await upload(vaultOver(retrying), 'bucket', 'a', bytes);
    expect(sizes.slice(1)).toEqual([...planned, 9 * mebibyte + 12_345]);
    expect(attempts.reduce((sum, count) => sum + count, 0)).toBe(7 + 3);
    expect(attempts.slice(5).some((count) => count > 1)).toBe(true);
    expect((await stored(store, 'bucket', 'a')).equals(bytes)).toBe(true);
  });

  it('releases memory and disk if a part fails permanently or the upload is aborted', async () => {
    const store = new MemoryStore();
    const vault = vaultOver(store);
    let begun = 0;
    store.hooks.before = (operation) => {
      if (operation !== 'part') return;
      begun += 1;
      if (begun === 5) throw new Fault('denied', 'no more');
    };
    await expect(upload(vault, 'bucket', 'a', bytes)).rejects.toMatchObject({ kind: 'denied' });
    store.hooks = {};
    const target = { ref: { bucket: 'bucket', key: 'b' }, encryption: aliceEncryption, acl: null };
    {
      await using writer = await vault.openUpload(call(), { ...target, actor: 'alice', mtimeSeconds: null });
      await writer.write(0, [bytes.subarray(0, inMemory + 10 * mebibyte)]);
      expect(vault.statistics.scratchBytes).toBeGreaterThan(0);
    }
    expect(vault.statistics).toMatchObject({ uploadMemoryBytes: 0, scratchBytes: 0, openUploads: 0 });
    expect(store.uploads.size).toBe(0);
  });

  it('accepts bytes out of order on both sides of the boundary, and fills unwritten ranges with zeros', async () => {
    const store = new MemoryStore();
    const vault = vaultOver(store);
    const whole = Buffer.from(bytes);
    const unwritten = { start: 57 * mebibyte, end: 63 * mebibyte };
    whole.fill(0, unwritten.start, unwritten.end);
    const target = { ref: { bucket: 'bucket', key: 'a' }, encryption: aliceEncryption, acl: null };
    await using writer = await vault.openUpload(call(), { ...target, actor: 'alice', mtimeSeconds: null });
    await writer.truncate(whole.byteLength);
    const swapped = 3 * mebibyte;
    for (let at = 0; at < whole.byteLength; at += 2 * swapped) {
      for (const start of [at + swapped, at]) {
        if (start >= unwritten.start && start < unwritten.end) continue;
        await writer.write(start, [whole.subarray(start, start + swapped)]);
      }
    }
    await writer.commit(call());
    expect((await stored(store, 'bucket', 'a')).equals(whole)).toBe(true);
    expect(vault.statistics.scratchBytes).toBe(0);
  });
});

describe('a full scratch space', () => {
  it('makes uploads wait while parts are being sent', async () => {
    const store = new MemoryStore();
    const { sizes } = watchParts(store);
    const vault = vaultOver(store, { scratchLimitBytes: 32 * mebibyte });
    let peakBytes = 0;
    let waited = false;
    let release = () => {};
    store.hooks.before = async (operation) => {
      peakBytes = Math.max(peakBytes, vault.statistics.scratchBytes);
      if (operation !== 'part' || vault.statistics.scratchBytes < 24 * mebibyte) return;
      // The part that is being sent is released only after the writer has filled the rest and stalled.
      await new Promise<void>((resolve) => {
        release = resolve;
      });
    };
    const done = upload(vault, 'bucket', 'a', bytes);
    const filled = () => vault.statistics.scratchBytes > 28 * mebibyte;
    for (let turn = 0; turn < 100_000 && !waited; turn += 1) {
      await new Promise((resolve) => setImmediate(resolve));
      waited = filled();
    }
    expect(waited).toBe(true);
    store.hooks = {};
    release();
    await done;
    expect(peakBytes).toBeLessThanOrEqual(32 * mebibyte);
    expect(sizes.slice(1, 7)).toEqual(planned);
    expect((await stored(store, 'bucket', 'a')).equals(bytes)).toBe(true);
  });

  it('makes uploads send smaller parts than planned instead of waiting for each other', async () => {
    const store = new MemoryStore();
    const { sizes } = watchParts(store);
    const vault = vaultOver(store, { scratchLimitBytes: 32 * mebibyte });
    let peakBytes = 0;
    await Promise.all(
      ['a', 'b', 'c', 'd'].map((key) =>
        upload(vault, 'bucket', key, bytes, () => {
          peakBytes = Math.max(peakBytes, vault.statistics.scratchBytes);
        }),
      ),
    );
    expect(peakBytes).toBeLessThanOrEqual(32 * mebibyte);
    expect(sizes.some((size) => size > 8 * mebibyte && size < 24 * mebibyte)).toBe(true);
    for (const key of ['a', 'b', 'c', 'd']) {
      expect((await stored(store, 'bucket', key)).equals(bytes)).toBe(true);
    }
    expect(vault.statistics).toMatchObject({ uploadMemoryBytes: 0, scratchBytes: 0 });
  });

  it('is not blocked by a stalled client', async () => {
    const store = new MemoryStore();
    const vault = vaultOver(store, { scratchLimitBytes: 24 * mebibyte });
    const target = { ref: { bucket: 'bucket', key: 'still' }, encryption: aliceEncryption, acl: null };
    await using still = await vault.openUpload(call(), { ...target, actor: 'alice', mtimeSeconds: null });
    const half = bytes.subarray(0, inMemory + 21 * mebibyte);
    await still.write(0, [half]);
    expect(vault.statistics.scratchBytes).toBeGreaterThan(16 * mebibyte);
    await upload(vault, 'bucket', 'moving', bytes);
    expect((await stored(store, 'bucket', 'moving')).equals(bytes)).toBe(true);
    await still.commit(call());
    expect((await stored(store, 'bucket', 'still')).equals(half)).toBe(true);
  });

  it('makes uploads fail with a reason if no space can be freed', async () => {
    const store = new MemoryStore();
    const vault = vaultOver(store, { scratchLimitBytes: 3 * mebibyte, uploadAdmissionTimeoutMs: 20 });
    await expect(upload(vault, 'bucket', 'a', bytes)).rejects.toMatchObject({
      kind: 'over-quota',
      hint: expect.stringContaining('upload.scratch.limit'),
    });
    expect(vault.statistics).toMatchObject({ uploadMemoryBytes: 0, scratchBytes: 0 });
  });
});

for (const target of await s3Targets()) {
  const title = target.skip === null ? target.name : `${target.name} (skipped: ${target.skip})`;
  describe.skipIf(target.skip !== null)(`an upload whose parts do not fit into memory, over ${title}`, () => {
    it('arrives complete although connections break in the middle of its parts', async () => {
      const bucket = await target.makeBucket();
      await using proxy = await FaultProxy.start(target.endpoint, target.caFile);
      const isPart = (number: number) => new RegExp(`partNumber=${number}(&|$)`);
      const broken = new Map([
        [3, 2],
        [5, 2],
        [6, 1],
      ]);
      proxy.decide = ({ method, url }) => {
        for (const [number, left] of broken) {
          if (method !== 'PUT' || !isPart(number).test(url) || left === 0) continue;
          broken.set(number, left - 1);
          if (number === 6)
            return { do: 'answer', status: 503, body: '<Error><Code>SlowDown</Code></Error>' };
          return { do: 'reset', afterBodyBytes: 5 * mebibyte };
        }
        return { do: 'pass' };
      };
      const { region, credentials } = target;
      const direct = { caFile: target.caFile, region, credentials };
      const store = createS3ObjectStore({
        ...direct,
        endpoint: proxy.endpoint,
        clock: systemClock,
        entropy: systemEntropy,
        retry: { firstDelayMs: 1 },
      });
      const vault = vaultOver(store);
      await upload(vault, bucket, 'a', bytes);
      expect([...broken.values()]).toEqual([0, 0, 0]);
      const sent = (number: number) => proxy.seen.filter(({ url }) => isPart(number).test(url));
      expect([3, 5, 6, 7].map((number) => sent(number).length)).toEqual([3, 3, 2, 1]);
      expect(sent(5).map(({ headers }) => headers['content-length'])).toEqual(
        Array.from({ length: 3 }, () => String(24 * mebibyte)),
      );
      expect((await stored(store, bucket, 'a')).equals(bytes)).toBe(true);
      expect(vault.statistics).toMatchObject({ uploadMemoryBytes: 0, scratchBytes: 0 });
      await vault[Symbol.asyncDispose]();
      await store[Symbol.asyncDispose]();
      await target.close();
    });
  });
}
