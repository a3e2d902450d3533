import { describe, expect, it } from 'vitest';
import { checksumOf } from '../bytes/running-checksum.js';
import type { CustomerKey } from '../model/customer-key.js';
import { Fault } from '../model/fault.js';
import type { ParkedUpload } from '../model/parked-uploads.js';
import type { MemoryStoreOptions } from './testing/memory-store.js';
import {
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

const oldKey = keyNamed('the key before');
const keys: readonly CustomerKey[] = [aliceKey, oldKey];
const keysOf = async () => keys;

interface Scenario {
  readonly storeOptions?: MemoryStoreOptions;
  readonly name: string;
  readonly prepare?: (shop: Workshop) => Promise<void>;
  readonly run: (shop: Workshop) => Promise<void>;
  /** What a key may hold afterwards, besides nothing. */
  readonly wholes: Readonly<Record<string, readonly Buffer[]>>;
  /** One of these keys holds something, whenever the process dies. */
  readonly neverLost?: readonly string[];
}

async function put(shop: Workshop, key: string, bytes: Buffer, sealing: CustomerKey): Promise<void> {
  const encryption = { kind: 'sse-c', key: sealing } as const;
  await using writer = await shop.vault.openUpload(call(), targetOf(key, { encryption }));
  for (let at = 0; at < bytes.byteLength; at += mebibyte) {
    await writer.write(at, [bytes.subarray(at, at + mebibyte)]);
  }
  await writer.commit(call());
}

const small = content(5000, 'new');
const large = content(18 * mebibyte, 'large');
const before = content(4000, 'before');

const scenarios: readonly Scenario[] = [
  { name: 'a small upload', run: (shop) => put(shop, 'a', small, aliceKey), wholes: { a: [small] } },
  { name: 'an upload in parts', run: (shop) => put(shop, 'a', large, aliceKey), wholes: { a: [large] } },
  {
    name: 'an upload that is interrupted twice and resumed',
    run: async (shop) => {
      let broken: ParkedUpload | null = null;
      for (const end of [9 * mebibyte, 15 * mebibyte, large.byteLength]) {
        const options = { resumable: true, resume: broken };
        await using writer = await shop.vault.openUpload(call(), targetOf('a'), options);
        await writer.write(writer.size, [large.subarray(writer.size, end)]);
        if (end === large.byteLength) await writer.commit(call());
        else broken = await writer.park();
      }
    },
    wholes: { a: [large] },
  },
  {
    name: 'an object that is extended with a new key',
    prepare: (shop) => put(shop, 'a', large.subarray(0, 6 * mebibyte), oldKey),
    run: async (shop) => {
      const etag = shop.store.infoOf(refOf('a'))?.etag ?? '';
      await using writer = await shop.vault.openUpload(call(), targetOf('a'), { extend: { keys, etag } });
      await writer.write(6 * mebibyte, [large.subarray(6 * mebibyte)]);
      await writer.commit(call());
    },
    wholes: { a: [large.subarray(0, 6 * mebibyte), large] },
  },
  {
    name: 'an overwrite with a new key',
    prepare: (shop) => put(shop, 'a', before, oldKey),
    run: (shop) => put(shop, 'a', small, aliceKey),
    wholes: { a: [before, small] },
    neverLost: ['a'],
  },
  {
    name: 'an overwrite in parts with the same key',
    prepare: (shop) => put(shop, 'a', before, aliceKey),
    run: (shop) => put(shop, 'a', large, aliceKey),
    wholes: { a: [before, large] },
    neverLost: ['a'],
  },
  {
    name: 'a move to a new key over another object',
    prepare: async (shop) => {
      await put(shop, 'a', before, oldKey);
      await put(shop, 'b', small, oldKey);
    },
    run: async (shop) => {
      await shop.vault.move(call(), refOf('a'), keys, targetOf('b'));
    },
    wholes: { a: [before], b: [before, small] },
    neverLost: ['a', 'b'],
  },
  ...[false, true].map(
    (etagIsMd5): Scenario => ({
      name: `a copy onto itself under a new key, where the ETag ${etagIsMd5 ? 'stays' : 'changes'}`,
      storeOptions: { etagIsMd5 },
      prepare: (shop) => put(shop, 'a', before, oldKey),
      run: async (shop) => {
        const ifMatch = shop.store.infoOf(refOf('a'))?.etag ?? '';
        await shop.vault.copy(
          call(),
          { ref: refOf('a'), keys, ifMatch },
          { ...targetOf('a'), onlyIfMatches: ifMatch },
        );
      },
      wholes: { a: [before] },
      neverLost: ['a'],
    }),
  ),
  {
    name: 'a removal and a new upload',
    prepare: (shop) => put(shop, 'a', before, oldKey),
    run: async (shop) => {
      await shop.vault.remove(call(), refOf('a'), 'alice');
      await put(shop, 'a', small, aliceKey);
    },
    wholes: { a: [before, small] },
  },
];

/** The process dies at the n-th step, before or after it: nothing that it tries afterwards happens. */
function dieAt(shop: Workshop, step: number): { readonly steps: number; readonly died: boolean } {
  const state = { steps: 0, died: false };
  const hook = () => {
    if (state.steps === step) state.died = true;
    state.steps += 1;
    if (state.died) throw new Fault('bug', 'the process has died');
  };
  shop.store.hooks = { before: hook, after: hook };
  shop.ledger.hooks = { before: hook, after: hook };
  return state;
}

/** One run that dies at the step, and the next start. False when the run was over before. */
async function dieAndRestart(scenario: Scenario, step: number): Promise<boolean> {
  await using shop = workshop({}, scenario.storeOptions);
  await scenario.prepare?.(shop);
  const state = dieAt(shop, step);
  await scenario.run(shop).catch(() => undefined);
  await shop.vault[Symbol.asyncDispose]();
  shop.store.hooks = {};
  shop.ledger.hooks = {};
  const at = `${scenario.name}, step ${step}`;
  const next = shop.restart();
  const report = await next.settlePending(call(), { keysOf });
  expect(report.problems, at).toEqual([]);
  for (const broken of await shop.ledger.parked()) {
    const kept = shop.store.uploads.get(broken.uploadId);
    for (const part of broken.parts) expect(kept?.parts.get(part.partNumber)?.receipt, at).toEqual(part);
    await next.abortParked(call(), broken);
  }
  expect(shop.store.uploads.size, at).toBe(0);
  const rows = [...shop.ledger.rows.values()];
  expect(
    rows.filter((row) => row.state === 'intended'),
    at,
  ).toEqual([]);
  for (const [key, wholes] of Object.entries(scenario.wholes)) {
    const found = shop.store.contentOf(refOf(key));
    if (found === null) continue;
    expect(
      wholes.some((whole) => whole.equals(found)),
      at,
    ).toBe(true);
    const [likeliest] = await shop.ledger.candidates(refOf(key));
    const sealing = shop.store.encryptionOf(refOf(key));
    const named = likeliest?.sealedWith.kind === 'sse-c' ? likeliest.sealedWith.fingerprint : null;
    expect(named, at).toBe(sealing?.kind === 'sse-c' ? sealing.key.fingerprint : undefined);
    expect(likeliest?.confirmation, at).toMatchObject({
      size: found.byteLength,
      etag: shop.store.infoOf(refOf(key))?.etag,
      checksum: shop.store.infoOf(refOf(key))?.checksum,
    });
  }
  if (scenario.neverLost) {
    const kept = scenario.neverLost.filter((key) => shop.store.contentOf(refOf(key)) !== null);
    expect(kept.length, at).toBeGreaterThan(0);
    const originalIsThere = [...shop.store.objects.values()].some((versions) =>
      versions.some((version) => version.bytes.equals(before)),
    );
    const replaced = scenario.wholes['a']?.some((whole) => shop.store.contentOf(refOf('a'))?.equals(whole));
    expect(originalIsThere || replaced, at).toBe(true);
  }
  return state.died;
}

describe('when the process dies at any step, the next start opens every object with the key that the ledger names', () => {
  for (const scenario of scenarios) {
    it(`in ${scenario.name}`, async () => {
      let step = 0;
      while (await dieAndRestart(scenario, step)) step += 1;
      expect(step).toBeGreaterThanOrEqual(4);
    });
  }
});

describe('settling', () => {
  it('leaves rows pending while S3 is unavailable, and reports it', async () => {
    await using shop = workshop();
    const state = dieAt(shop, 3);
    await put(shop, 'a', small, aliceKey).catch(() => undefined);
    expect(state.died).toBe(true);
    shop.ledger.hooks = {};
    shop.store.hooks = {
      before: () => {
        throw new Fault('unavailable', 'S3 is unavailable');
      },
    };
    const next = shop.restart();
    const report = await next.settlePending(call(), { keysOf });
    expect(report).toMatchObject({ confirmed: 0, abandoned: 0 });
    expect(report.problems).toEqual([expect.stringContaining('S3 is unavailable')]);
    shop.store.hooks = {};
    expect(await next.settlePending(call(), { keysOf })).toMatchObject({ problems: [] });
  });

  it('leaves a row pending if its key is not available, and names the key', async () => {
    await using shop = workshop();
    await shop.ledger.intend({
      ref: refOf('a'),
      sealedWith: { kind: 'sse-c', fingerprint: oldKey.fingerprint, keyMd5Base64: oldKey.md5Base64 },
      actor: 'alice',
      requestId: 'r',
    });
    const report = await shop.restart().settlePending(call(), { keysOf: async () => [aliceKey] });
    expect(report.problems).toEqual([expect.stringContaining(oldKey.fingerprint)]);
    expect(report.abandoned).toBe(0);
  });

  it('does not read a large object to compute a checksum that S3 does not keep', async () => {
    await using shop = workshop({}, { answersChecksum: false });
    shop.ledger.hooks.before = (step) => {
      if (step === 'confirm') throw new Fault('bug', 'the process has died');
    };
    await put(shop, 'a', small, aliceKey).catch(() => undefined);
    await put(shop, 'b', small, aliceKey).catch(() => undefined);
    shop.ledger.hooks = {};
    const head = shop.store.head.bind(shop.store);
    shop.store.head = async (one, ref, access) => {
      const info = await head(one, ref, access);
      return info !== null && ref.key === 'b' ? { ...info, size: 300 * mebibyte } : info;
    };
    expect(await shop.restart().settlePending(call(), { keysOf })).toMatchObject({
      confirmed: 2,
      problems: [],
    });
    expect((await shop.ledger.candidates(refOf('a')))[0]?.confirmation?.checksum).toEqual(
      checksumOf('crc32c', small),
    );
    expect((await shop.ledger.candidates(refOf('b')))[0]?.confirmation?.checksum).toBeNull();
    expect(shop.store.bytesRead).toBe(small.byteLength);
  });

  it('keeps the uploads of this run', async () => {
    await using shop = workshop();
    await using writer = await shop.vault.openUpload(call(), targetOf('a'));
    await writer.write(0, [large]);
    expect(await shop.vault.settlePending(call(), { keysOf })).toMatchObject({
      abandoned: 0,
      abortedUploads: 0,
    });
    await writer.commit(call());
    expect(shop.store.contentOf(refOf('a'))?.equals(large)).toBe(true);
  });

  it('keeps the writes of another process, and an upload that it may not have recorded yet', async () => {
    await using shop = workshop();
    // A row of a crash at the same name, without an upload of its own.
    await shop.ledger.intend({
      ref: refOf('a'),
      sealedWith: { kind: 'sse-s3' },
      actor: 'alice',
      requestId: 'crashed',
    });
    await using writer = await shop.vault.openUpload(call(), targetOf('a'));
    await writer.write(0, [large]);
    const report = await shop.restart().settlePending(call(), {
      keysOf,
      isUnderWay: async ({ requestId }) => requestId === 'test',
    });
    expect(report).toMatchObject({ confirmed: 0, abandoned: 1, abortedUploads: 0, problems: [] });
    await writer.commit(call());
    expect(shop.store.contentOf(refOf('a'))?.equals(large)).toBe(true);
    expect((await shop.ledger.candidates(refOf('a')))[0]?.state).toBe('confirmed');
  });

  it('does not attribute a much older object to the row', async () => {
    let now = 1_000_000_000;
    await using shop = workshop({}, { nowMs: () => now });
    await put(shop, 'a', before, aliceKey);
    shop.ledger.rows.clear();
    now = Date.now();
    const encryption = {
      kind: 'sse-c',
      fingerprint: aliceKey.fingerprint,
      keyMd5Base64: aliceKey.md5Base64,
    } as const;
    await shop.ledger.intend({ ref: refOf('a'), sealedWith: encryption, actor: 'alice', requestId: 'r' });
    expect(await shop.restart().settlePending(call(), { keysOf })).toMatchObject({
      confirmed: 0,
      abandoned: 1,
    });
  });
});
