import { describe, expect, it } from 'vitest';
import { checksumOf } from '../../bytes/running-checksum.js';
import type { WriteEncryption } from '../../model/encryption.js';
import { Fault } from '../../model/fault.js';
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

const oldKey = keyNamed('old');
const bytes = content(5000);
const old: WriteEncryption = { kind: 'sse-c', key: oldKey };

async function put(
  world: VaultWorld,
  key: string,
  body = bytes,
  encryption: WriteEncryption = old,
): Promise<string> {
  await using writer = await world.vault.openUpload(
    call(),
    targetOf(key, { encryption, mtimeSeconds: 1000 }),
  );
  await writer.write(0, [body]);
  return (await writer.commit(call())).etag;
}

const sourceOf = (key: string, ifMatch?: string) => ({
  ref: refOf(key),
  keys: [aliceKey, oldKey],
  ...(ifMatch === undefined ? {} : { ifMatch }),
});

async function states(world: VaultWorld, key: string): Promise<readonly string[]> {
  const rows = [...world.ledger.rows.values()].filter((row) => row.ref.key === key);
  return rows.map((row) => row.state);
}

async function keyByLedger(world: VaultWorld, key: string): Promise<string | null> {
  const [row] = await world.ledger.candidates(refOf(key));
  return row?.sealedWith.kind === 'sse-c' ? row.sealedWith.fingerprint : null;
}

describe('a copy', () => {
  it('has the target’s encryption and the file’s time and checksum, and keeps the source', async () => {
    await using world = vaultWorld();
    await put(world, 'a');
    const info = await world.vault.copy(call(), sourceOf('a'), targetOf('b'));
    expect(info).toMatchObject({ size: 5000, metadata: { mtime: '1000' } });
    expect(world.store.contentOf(refOf('b'))).toEqual(bytes);
    expect(await keyByLedger(world, 'b')).toBe(aliceKey.fingerprint);
    expect(await keyByLedger(world, 'a')).toBe(oldKey.fingerprint);
    expect((await world.vault.describe(call(), refOf('b'), [aliceKey]))?.mtimeSeconds).toBe(1000);
  });

  it('can have new metadata and a new content type', async () => {
    await using world = vaultWorld();
    await put(world, 'a');
    const described = { metadata: { b: '2' }, contentType: 'text/plain' };
    const info = await world.vault.copy(call(), sourceOf('a'), { ...targetOf('b'), described });
    expect(info).toMatchObject(described);
  });

  it('to the same key of another bucket is another object, also for a move', async () => {
    await using world = vaultWorld();
    await put(world, 'a');
    const elsewhere = targetOf('a', { ref: { bucket: 'other', key: 'a' } });
    // The test's S3 has one bucket, so nothing is done only if the two are taken for the same object.
    const absent = { kind: 'not-found' };
    await expect(world.vault.copy(call(), sourceOf('a'), elsewhere)).rejects.toMatchObject(absent);
    await expect(world.vault.move(call(), refOf('a'), [oldKey], elsewhere)).rejects.toMatchObject(absent);
    expect(world.store.contentOf(refOf('a'))).toEqual(bytes);
  });

  it('that another client replaces or removes at once is a conflict, with its key in the ledger', async () => {
    for (const isRemoved of [true, false]) {
      await using world = vaultWorld();
      await put(world, 'a');
      world.store.hooks.before = async (operation, { key }) => {
        if (operation !== 'head' || key !== 'b') return;
        world.store.hooks = {};
        if (isRemoved) return await world.store.remove(call(), refOf('b'));
        const body = { chunks: [bytes], byteLength: 5000, checksum: checksumOf('crc32c', bytes) };
        const theirs = { encryption: old, acl: null, metadata: {}, contentType: null };
        await world.store.put(call(), refOf('b'), body, theirs);
      };
      await expect(world.vault.copy(call(), sourceOf('a'), targetOf('b'))).rejects.toMatchObject({
        kind: 'conflict',
      });
      expect(await keyByLedger(world, 'b')).toBe(aliceKey.fingerprint);
      expect(world.store.contentOf(refOf('a'))).toEqual(bytes);
    }
  });

  it('is unavailable if S3 does not answer afterwards, and is settled at the next start', async () => {
    await using world = vaultWorld();
    await put(world, 'a');
    world.store.hooks.before = (operation, { key }) => {
      if (operation === 'head' && key === 'b') throw new Fault('unavailable', 'S3 does not answer');
    };
    await expect(world.vault.copy(call(), sourceOf('a'), targetOf('b'))).rejects.toMatchObject({
      kind: 'unavailable',
    });
    world.store.hooks = {};
    expect(await states(world, 'b')).toEqual(['intended']);
    await world.restart().settlePending(call(), { keysOf: async () => [aliceKey, oldKey] });
    expect(await states(world, 'b')).toEqual(['confirmed']);
    expect(await keyByLedger(world, 'b')).toBe(aliceKey.fingerprint);
  });

  it('of a missing object is null, and leaves no row', async () => {
    await using world = vaultWorld();
    expect(await world.vault.copy(call(), sourceOf('a'), targetOf('b'))).toBeNull();
    expect(await states(world, 'b')).toEqual(['abandoned']);
  });

  it('respects its conditions', async () => {
    await using world = vaultWorld();
    const etag = await put(world, 'a');
    await put(world, 'b', content(10, 'b'));
    const copy = (target: object, ifMatch?: string) =>
      world.vault.copy(call(), sourceOf('a', ifMatch), { ...targetOf('b'), ...target });
    await expect(copy({ onlyIfAbsent: true })).rejects.toMatchObject({ kind: 'exists' });
    await expect(copy({ onlyIfMatches: etag })).rejects.toMatchObject({ kind: 'conflict' });
    await expect(copy({}, '"another"')).rejects.toMatchObject({ kind: 'conflict' });
    expect(world.store.contentOf(refOf('b'))).toEqual(content(10, 'b'));
    expect(await states(world, 'b')).toEqual(['confirmed', 'abandoned', 'abandoned', 'abandoned']);
  });
});

describe('a copy onto itself', () => {
  it.each([false, true])('gives the object another key (ETag is MD5: %s)', async (etagIsMd5) => {
    await using world = vaultWorld({}, { etagIsMd5 });
    const etag = await put(world, 'a');
    await world.vault.copy(call(), sourceOf('a', etag), { ...targetOf('a'), onlyIfMatches: etag });
    expect(world.store.contentOf(refOf('a'))).toEqual(bytes);
    expect(await keyByLedger(world, 'a')).toBe(aliceKey.fingerprint);
    expect((await world.vault.describe(call(), refOf('a'), [aliceKey]))?.mtimeSeconds).toBe(1000);
  });

  it('is recognised as done if its response was lost and the retry is refused', async () => {
    await using world = vaultWorld();
    const etag = await put(world, 'a');
    const copy = world.store.copy.bind(world.store);
    world.store.copy = async (...given) => {
      await copy(...given);
      throw new Fault('conflict', 'the second attempt finds another ETag');
    };
    const info = await world.vault.copy(call(), sourceOf('a', etag), {
      ...targetOf('a'),
      onlyIfMatches: etag,
    });
    expect(info).toMatchObject({ size: 5000 });
    expect(await keyByLedger(world, 'a')).toBe(aliceKey.fingerprint);
    expect(await states(world, 'a')).toEqual(['confirmed', 'confirmed']);
  });

  it('does not restore a removed object, nor replace a newer one', async () => {
    await using world = vaultWorld();
    const etag = await put(world, 'a');
    const copy = () =>
      world.vault.copy(call(), sourceOf('a', etag), { ...targetOf('a'), onlyIfMatches: etag });
    world.store.hooks.before = async (operation) => {
      if (operation !== 'copy') return;
      world.store.hooks = {};
      await world.store.remove(call(), refOf('a'));
    };
    expect(await copy()).toBeNull();
    expect(world.store.contentOf(refOf('a'))).toBeNull();
    await put(world, 'a', content(7, 'newer'));
    await expect(copy()).rejects.toMatchObject({ kind: 'conflict' });
    expect(world.store.contentOf(refOf('a'))).toEqual(content(7, 'newer'));
    expect(await keyByLedger(world, 'a')).toBe(oldKey.fingerprint);
  });
});

describe('a reader that is open while its object is re-encrypted', () => {
  it.each([false, true])('reads to the end (ETag is MD5: %s)', async (etagIsMd5) => {
    await using world = vaultWorld({}, { etagIsMd5 });
    const large = content(7 * mebibyte, 'large');
    const etag = await put(world, 'a', large);
    await using reader = await world.vault.openReader(call(), refOf('a'), [oldKey]);
    if (reader === null) throw new Error('the object does not exist');
    expect(Buffer.concat((await reader.read(call(), 0, 1000)) ?? [])).toEqual(large.subarray(0, 1000));
    await world.vault.copy(call(), sourceOf('a', etag), { ...targetOf('a'), onlyIfMatches: etag });
    const rest = await reader.read(call(), 5 * mebibyte, 2 * mebibyte);
    expect(Buffer.concat(rest ?? []).equals(large.subarray(5 * mebibyte))).toBe(true);
  });

  it('fails with a conflict if the object is then replaced', async () => {
    await using world = vaultWorld();
    const large = content(7 * mebibyte, 'large');
    const etag = await put(world, 'a', large);
    await using reader = await world.vault.openReader(call(), refOf('a'), [oldKey]);
    await world.vault.copy(call(), sourceOf('a', etag), { ...targetOf('a'), onlyIfMatches: etag });
    await put(world, 'a', content(7 * mebibyte, 'other'));
    await expect(reader?.read(call(), 5 * mebibyte, 1000)).rejects.toMatchObject({ kind: 'conflict' });
  });
});

/** Makes S3 copy without the target's key, as if the request had not sent it. */
function forgetKeys(world: VaultWorld, isEchoChecked: boolean): void {
  const copy = world.store.copy.bind(world.store);
  world.store.copy = async (one, from, to, options) => {
    const made = await copy(one, from, to, { ...options, encryption: { kind: 'sse-s3' } });
    if (isEchoChecked) throw new Fault('corrupt', 'the answer does not confirm the customer key (SSE-C)');
    return made;
  };
}

describe('a copy that would have weaker encryption than requested', () => {
  it.each([
    [true, true],
    [true, false],
    [false, true],
    [false, false],
  ])('is refused and removed (versioned: %s, seen by the echo: %s)', async (versioned, isEchoChecked) => {
    await using world = vaultWorld({}, { versioned });
    await put(world, 'a');
    forgetKeys(world, isEchoChecked);
    await expect(world.vault.copy(call(), sourceOf('a'), targetOf('b'))).rejects.toMatchObject({
      kind: 'corrupt',
    });
    expect(world.store.contentOf(refOf('b'))).toBeNull();
    expect(await world.vault.move(call(), refOf('a'), [oldKey], targetOf('b')).catch(() => 'refused')).toBe(
      'refused',
    );
    expect(world.store.contentOf(refOf('a'))).toEqual(bytes);
    expect(world.store.encryptionOf(refOf('a'))).toEqual(old);
  });

  it.each([true, false])(
    'is undone onto itself: the version with the key is current again (by the echo: %s)',
    async (echo) => {
      await using world = vaultWorld({}, { versioned: true });
      const etag = await put(world, 'a');
      forgetKeys(world, echo);
      await expect(
        world.vault.copy(call(), sourceOf('a', etag), { ...targetOf('a'), onlyIfMatches: etag }),
      ).rejects.toMatchObject({ kind: 'corrupt' });
      expect(world.store.encryptionOf(refOf('a'))).toEqual(old);
      expect(world.store.contentOf(refOf('a'))).toEqual(bytes);
    },
  );

  it('is never removed onto itself without versions, because it is the only copy', async () => {
    await using world = vaultWorld();
    const etag = await put(world, 'a');
    forgetKeys(world, true);
    await expect(
      world.vault.copy(call(), sourceOf('a', etag), { ...targetOf('a'), onlyIfMatches: etag }),
    ).rejects.toMatchObject({ kind: 'corrupt' });
    expect(world.store.contentOf(refOf('a'))).toEqual(bytes);
  });
});

describe('a copy whose target is not encrypted as requested', () => {
  const arn = 'arn:aws:kms:eu-west-1:111122223333:key/1234';
  const plain: WriteEncryption = { kind: 'sse-s3' };
  const kms: WriteEncryption = { kind: 'sse-kms', keyArn: arn };
  const sealed: WriteEncryption = { kind: 'sse-c', key: aliceKey };
  const cases: readonly (readonly [string, WriteEncryption, WriteEncryption])[] = [
    ['a customer key, and got none', sealed, plain],
    ['a customer key, and got KMS', sealed, kms],
    ['KMS, and got SSE-S3', kms, plain],
    ['KMS, and got another KMS key', kms, { kind: 'sse-kms', keyArn: `${arn}5` }],
    ['SSE-S3, and got KMS', plain, kms],
  ];

  it.each(cases)('asked for %s: it is corrupt, and removed', async (_, asked, stored) => {
    await using world = vaultWorld();
    await put(world, 'a');
    const copy = world.store.copy.bind(world.store);
    world.store.copy = (given, from, to, options) =>
      copy(given, from, to, { ...options, encryption: stored });
    const copied = world.vault.copy(call(), sourceOf('a'), targetOf('b', { encryption: asked }));
    await expect(copied).rejects.toMatchObject({ kind: 'corrupt' });
    expect(world.store.contentOf(refOf('b'))).toBeNull();
    expect(world.store.contentOf(refOf('a'))).toEqual(bytes);
    expect(await states(world, 'b')).toEqual(['abandoned']);
  });
});
