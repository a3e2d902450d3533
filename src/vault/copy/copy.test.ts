import { describe, expect, it } from 'vitest';
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
