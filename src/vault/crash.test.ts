import { describe, expect, it } from 'vitest';
import { checksumOf } from '../bytes/running-checksum.js';
import type { CustomerKey } from '../model/customer-key.js';
import { Fault } from '../model/fault.js';
import type { ParkedUpload } from '../model/parked-uploads.js';
import { settleRemovals } from './removals.js';
import type { MemoryStoreOptions } from './testing/memory-store.js';
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
} from './testing/vault-world.js';

const oldKey = keyNamed('the key before');
const keys: readonly CustomerKey[] = [aliceKey, oldKey];
const keysOf = async () => keys;

interface Scenario {
  readonly storeOptions?: MemoryStoreOptions;
  readonly name: string;
  readonly prepare?: (world: VaultWorld) => Promise<void>;
  readonly run: (world: VaultWorld) => Promise<void>;
  /** The contents that a key may have afterwards; it may also be absent. */
  readonly wholes: Readonly<Record<string, readonly Buffer[]>>;
  /** One of these keys has an object, whenever the process dies. */
  readonly neverLost?: readonly string[];
  /** The content and the time of this key, if the run was acknowledged before the process died. */
  readonly acknowledged?: { readonly key: string; readonly bytes: Buffer; readonly mtimeSeconds: number };
}

async function put(world: VaultWorld, key: string, bytes: Buffer, sealing: CustomerKey): Promise<void> {
  const encryption = { kind: 'sse-c', key: sealing } as const;
  await using writer = await world.vault.openUpload(call(), targetOf(key, { encryption }));
  for (let at = 0; at < bytes.byteLength; at += mebibyte) {
    await writer.write(at, [bytes.subarray(at, at + mebibyte)]);
  }
  await writer.commit(call());
}

const small = content(5000, 'new');
const large = content(18 * mebibyte, 'large');
const before = content(4000, 'before');

function edited(bytes: Buffer): Buffer {
  const result = Buffer.from(bytes);
  result.fill('x', 1000, 1010);
  return result;
}

async function edit(world: VaultWorld, size: number): Promise<void> {
  const etag = world.store.infoOf(refOf('a'))?.etag ?? '';
  const replaced = () => new Fault('conflict', 'it was replaced');
  const base = { etag, size, keys: keysOf, replaced };
  await using editor = world.vault.openEdit(call(), targetOf('a'), { base, readable: true });
  await editor.write(1000, [Buffer.alloc(10, 'x')]);
  await editor.commit(call());
}

const scenarios: readonly Scenario[] = [
  { name: 'a small upload', run: (world) => put(world, 'a', small, aliceKey), wholes: { a: [small] } },
  ...[null, before].map(
    (first): Scenario => ({
      name: `a small upload with a time, ${first === null ? 'of a new file' : 'over another one'}`,
      ...(first === null ? {} : { prepare: (world) => put(world, 'a', first, aliceKey) }),
      run: async (world) => {
        await using writer = await world.vault.openUpload(call(), targetOf('a'));
        await writer.write(0, [small]);
        writer.setMtime(1_700_000_000);
        await writer.commit(call());
      },
      wholes: { a: [before, small] },
      acknowledged: { key: 'a', bytes: small, mtimeSeconds: 1_700_000_000 },
    }),
  ),
  { name: 'an upload in parts', run: (world) => put(world, 'a', large, aliceKey), wholes: { a: [large] } },
  {
    name: 'an upload that is interrupted twice and resumed',
    run: async (world) => {
      let parked: ParkedUpload | null = null;
      for (const end of [9 * mebibyte, 15 * mebibyte, large.byteLength]) {
        const options = { resumable: true, resume: parked };
        await using writer = await world.vault.openUpload(call(), targetOf('a'), options);
        await writer.write(writer.size, [large.subarray(writer.size, end)]);
        if (end === large.byteLength) await writer.commit(call());
        else parked = await writer.park();
      }
    },
    wholes: { a: [large] },
  },
  {
    name: 'an object that is extended with a new key',
    prepare: (world) => put(world, 'a', large.subarray(0, 6 * mebibyte), oldKey),
    run: async (world) => {
      const etag = world.store.infoOf(refOf('a'))?.etag ?? '';
      await using writer = await world.vault.openUpload(call(), targetOf('a'), { extend: { keys, etag } });
      await writer.write(6 * mebibyte, [large.subarray(6 * mebibyte)]);
      await writer.commit(call());
    },
    wholes: { a: [large.subarray(0, 6 * mebibyte), large] },
  },
  {
    name: 'a change in the middle of a small object, with a new key',
    prepare: (world) => put(world, 'a', before, oldKey),
    run: (world) => edit(world, before.byteLength),
    wholes: { a: [before, edited(before)] },
    neverLost: ['a'],
  },
  {
    name: 'a change in the middle of a large object, whose other parts S3 copies',
    prepare: (world) => put(world, 'a', large, oldKey),
    run: (world) => edit(world, large.byteLength),
    wholes: { a: [large, edited(large)] },
  },
  {
    name: 'an overwrite with a new key',
    prepare: (world) => put(world, 'a', before, oldKey),
    run: (world) => put(world, 'a', small, aliceKey),
    wholes: { a: [before, small] },
    neverLost: ['a'],
  },
  {
    name: 'an overwrite in parts with the same key',
    prepare: (world) => put(world, 'a', before, aliceKey),
    run: (world) => put(world, 'a', large, aliceKey),
    wholes: { a: [before, large] },
    neverLost: ['a'],
  },
  {
    name: 'a move to a new key over another object',
    prepare: async (world) => {
      await put(world, 'a', before, oldKey);
      await put(world, 'b', small, oldKey);
    },
    run: async (world) => {
      await world.vault.move(call(), refOf('a'), keys, targetOf('b'));
    },
    wholes: { a: [before], b: [before, small] },
    neverLost: ['a', 'b'],
  },
  ...[false, true].map(
    (etagIsMd5): Scenario => ({
      name: `a copy onto itself under a new key, where the ETag ${etagIsMd5 ? 'stays' : 'changes'}`,
      storeOptions: { etagIsMd5 },
      prepare: (world) => put(world, 'a', before, oldKey),
      run: async (world) => {
        const ifMatch = world.store.infoOf(refOf('a'))?.etag ?? '';
        await world.vault.copy(
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
    prepare: (world) => put(world, 'a', before, oldKey),
    run: async (world) => {
      await world.vault.remove(call(), refOf('a'), 'alice');
      await put(world, 'a', small, aliceKey);
    },
    wholes: { a: [before, small] },
  },
];

/** Lets the process die before or after the n-th step: later operations have no effect. */
function dieAt(world: VaultWorld, step: number): { readonly steps: number; readonly died: boolean } {
  const state = { steps: 0, died: false };
  const hook = () => {
    if (state.steps === step) state.died = true;
    state.steps += 1;
    if (state.died) throw new Fault('bug', 'the process has died');
  };
  world.store.hooks = { before: hook, after: hook };
  world.ledger.hooks = { before: hook, after: hook };
  return state;
}

/**
 * Runs the scenario until it dies at the step, then restarts. Returns false if the run ended before that
 * step.
 */
async function dieAndRestart(scenario: Scenario, step: number): Promise<boolean> {
  await using world = vaultWorld({}, scenario.storeOptions);
  await scenario.prepare?.(world);
  const state = dieAt(world, step);
  const isAcknowledged = await scenario.run(world).then(
    () => true,
    () => false,
  );
  await world.vault[Symbol.asyncDispose]();
  world.store.hooks = {};
  world.ledger.hooks = {};
  const at = `${scenario.name}, step ${step}`;
  const next = world.restart();
  const report = await next.settlePending(call(), { keysOf });
  expect(report.problems, at).toEqual([]);
  await settleRemovals(world, call(), Infinity);
  expect(world.ledger.removals.size, at).toBe(0);
  for (const parked of await world.ledger.parked()) {
    const kept = world.store.uploads.get(parked.uploadId);
    for (const part of parked.parts) expect(kept?.parts.get(part.partNumber)?.receipt, at).toEqual(part);
    await next.abortParked(call(), parked);
  }
  expect(world.store.uploads.size, at).toBe(0);
  const rows = [...world.ledger.rows.values()];
  expect(
    rows.filter((row) => row.state === 'intended'),
    at,
  ).toEqual([]);
  const confirmed = rows.filter((row) => row.state === 'confirmed');
  expect(
    confirmed.filter(({ ref }) => world.store.contentOf(ref) === null),
    `${at}: rows of objects that are gone`,
  ).toEqual([]);
  for (const [key, wholes] of Object.entries(scenario.wholes)) {
    const found = world.store.contentOf(refOf(key));
    if (found === null) continue;
    expect(
      wholes.some((whole) => whole.equals(found)),
      at,
    ).toBe(true);
    const [likeliest] = await world.ledger.candidates(refOf(key));
    const sealing = world.store.encryptionOf(refOf(key));
    const named = likeliest?.sealedWith.kind === 'sse-c' ? likeliest.sealedWith.fingerprint : null;
    expect(named, at).toBe(sealing?.kind === 'sse-c' ? sealing.key.fingerprint : undefined);
    expect(likeliest?.confirmation, at).toMatchObject({
      size: found.byteLength,
      etag: world.store.infoOf(refOf(key))?.etag,
      checksum: world.store.infoOf(refOf(key))?.checksum,
    });
  }
  if (scenario.acknowledged && isAcknowledged) {
    const { key, bytes, mtimeSeconds } = scenario.acknowledged;
    expect(world.store.contentOf(refOf(key))?.equals(bytes), at).toBe(true);
    const [row] = await world.ledger.candidates(refOf(key));
    expect(row, at).toMatchObject({ state: 'confirmed', confirmation: { mtimeSeconds } });
  }
  if (scenario.neverLost) {
    const kept = scenario.neverLost.filter((key) => world.store.contentOf(refOf(key)) !== null);
    expect(kept.length, at).toBeGreaterThan(0);
    const originalIsThere = [...world.store.objects.values()].some((versions) =>
      versions.some((version) => version.bytes.equals(before)),
    );
    const replaced = scenario.wholes['a']?.some((whole) => world.store.contentOf(refOf('a'))?.equals(whole));
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
    await using world = vaultWorld();
    const state = dieAt(world, 3);
    await put(world, 'a', small, aliceKey).catch(() => undefined);
    expect(state.died).toBe(true);
    world.ledger.hooks = {};
    world.store.hooks = {
      before: () => {
        throw new Fault('unavailable', 'S3 is unavailable');
      },
    };
    const next = world.restart();
    const report = await next.settlePending(call(), { keysOf });
    expect(report).toMatchObject({ confirmed: 0, abandoned: 0 });
    expect(report.problems).toEqual([expect.stringContaining('S3 is unavailable')]);
    world.store.hooks = {};
    expect(await next.settlePending(call(), { keysOf })).toMatchObject({ problems: [] });
  });

  it('leaves a row pending if its key is not available, and names the key', async () => {
    await using world = vaultWorld();
    await world.ledger.intend({
      ref: refOf('a'),
      sealedWith: { kind: 'sse-c', fingerprint: oldKey.fingerprint, keyMd5Base64: oldKey.md5Base64 },
      actor: 'alice',
      requestId: 'r',
    });
    const report = await world.restart().settlePending(call(), { keysOf: async () => [aliceKey] });
    expect(report.problems).toEqual([expect.stringContaining(oldKey.fingerprint)]);
    expect(report.abandoned).toBe(0);
  });

  it('does not read a large object to compute a checksum that S3 does not keep', async () => {
    await using world = vaultWorld({}, { answersChecksum: false });
    world.ledger.hooks.before = (step) => {
      if (step === 'confirm') throw new Fault('bug', 'the process has died');
    };
    await put(world, 'a', small, aliceKey).catch(() => undefined);
    await put(world, 'b', small, aliceKey).catch(() => undefined);
    world.ledger.hooks = {};
    const head = world.store.head.bind(world.store);
    world.store.head = async (one, ref, access) => {
      const info = await head(one, ref, access);
      return info !== null && ref.key === 'b' ? { ...info, size: 300 * mebibyte } : info;
    };
    expect(await world.restart().settlePending(call(), { keysOf })).toMatchObject({
      confirmed: 2,
      problems: [],
    });
    expect((await world.ledger.candidates(refOf('a')))[0]?.confirmation?.checksum).toEqual(
      checksumOf('crc32c', small),
    );
    expect((await world.ledger.candidates(refOf('b')))[0]?.confirmation?.checksum).toBeNull();
    expect(world.store.bytesRead).toBe(small.byteLength);
  });

  it('keeps the uploads of this run', async () => {
    await using world = vaultWorld();
    await using writer = await world.vault.openUpload(call(), targetOf('a'));
    await writer.write(0, [large]);
    expect(await world.vault.settlePending(call(), { keysOf })).toMatchObject({
      abandoned: 0,
      abortedUploads: 0,
    });
    await writer.commit(call());
    expect(world.store.contentOf(refOf('a'))?.equals(large)).toBe(true);
  });

  it('keeps the writes of another process, and an upload that it may not have recorded yet', async () => {
    await using world = vaultWorld();
    // A row from a crash at the same name, without an upload.
    await world.ledger.intend({
      ref: refOf('a'),
      sealedWith: { kind: 'sse-s3' },
      actor: 'alice',
      requestId: 'crashed',
    });
    await using writer = await world.vault.openUpload(call(), targetOf('a'));
    await writer.write(0, [large]);
    const report = await world.restart().settlePending(call(), {
      keysOf,
      isUnderWay: async ({ requestId }) => requestId === 'test',
    });
    expect(report).toMatchObject({ confirmed: 0, abandoned: 1, abortedUploads: 0, problems: [] });
    await writer.commit(call());
    expect(world.store.contentOf(refOf('a'))?.equals(large)).toBe(true);
    expect((await world.ledger.candidates(refOf('a')))[0]?.state).toBe('confirmed');
  });

  it('does not attribute a much older object to the row', async () => {
    let now = 1_000_000_000;
    await using world = vaultWorld({}, { nowMs: () => now });
    await put(world, 'a', before, aliceKey);
    world.ledger.rows.clear();
    now = Date.now();
    const encryption = {
      kind: 'sse-c',
      fingerprint: aliceKey.fingerprint,
      keyMd5Base64: aliceKey.md5Base64,
    } as const;
    await world.ledger.intend({ ref: refOf('a'), sealedWith: encryption, actor: 'alice', requestId: 'r' });
    expect(await world.restart().settlePending(call(), { keysOf })).toMatchObject({
      confirmed: 0,
      abandoned: 1,
    });
  });
});
