import { describe, expect, it } from 'vitest';
import type { ObjectFacts } from '../model/call.js';
import { Fault } from '../model/fault.js';
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
import type { EditOptions, ObjectEditor } from './vault.js';

const invalidOffsets = [-1, 0.5, Number.NaN, Number.MAX_SAFE_INTEGER + 1];
const stored = (world: VaultWorld) => world.store.contentOf(refOf('a'));

async function put(world: VaultWorld, bytes: Buffer): Promise<string> {
  await using writer = await world.vault.openUpload(call(), targetOf('a'));
  await writer.write(0, [bytes]);
  return (await writer.commit(call())).etag;
}

function edit(
  world: VaultWorld,
  base: { etag: string; size: number } | null,
  options: Partial<EditOptions> = {},
) {
  const replaced = () => new Fault('conflict', 'another client has changed it');
  return world.vault.openEdit(call(), targetOf('a'), {
    base: base && { ...base, keys: async () => [aliceKey], replaced },
    readable: true,
    ...options,
  });
}

describe('the writer of an upload', () => {
  it('refuses offsets that no file has, and fails from then on', async () => {
    for (const offset of invalidOffsets) {
      await using world = vaultWorld();
      await using writer = await world.vault.openUpload(call(), targetOf('a'));
      await expect(writer.write(offset, [Buffer.from('x')])).rejects.toMatchObject({ kind: 'invalid' });
      await expect(writer.write(0, [Buffer.from('x')])).rejects.toMatchObject({ kind: 'invalid' });
      await expect(writer.truncate(0)).rejects.toMatchObject({ kind: 'invalid' });
      await expect(writer.commit(call())).rejects.toMatchObject({ kind: 'invalid' });
      expect(stored(world)).toBeNull();
    }
  });

  it('has the size behind its furthest byte, or the one that was set', async () => {
    await using world = vaultWorld();
    await using writer = await world.vault.openUpload(call(), targetOf('a'));
    await writer.write(5, [Buffer.from('ab'), Buffer.from('c')]);
    expect(writer.size).toBe(8);
    await writer.write(0, [Buffer.from('01234')]);
    expect(writer.size).toBe(8);
    await writer.truncate(6);
    await writer.truncate(6);
    await writer.truncate(9);
    expect(writer.size).toBe(9);
    await writer.write(3, []);
    await writer.commit(call());
    expect(stored(world)?.toString('latin1')).toBe('01234a\0\0\0');
  });

  it('refuses files that do not fit into the parts, and cannot cut what was sent', async () => {
    await using world = vaultWorld({ uploadMemoryBytes: 32 * mebibyte, scratchLimitBytes: 0 });
    await using large = await world.vault.openUpload(call(), targetOf('a'));
    const capacity = 10_000 * 8 * mebibyte;
    await large.truncate(capacity);
    expect(large.size).toBe(capacity);
    await expect(large.truncate(capacity + 1)).rejects.toMatchObject({ kind: 'too-large' });
    await using writer = await world.vault.openUpload(call(), targetOf('b'));
    await writer.write(0, [content(9 * mebibyte)]);
    await writer.truncate(8 * mebibyte);
    await expect(writer.truncate(8 * mebibyte - 1)).rejects.toMatchObject({ kind: 'unsupported' });
  });

  it('fills up to the limit with zeros', async () => {
    for (const [zeros, isAllowed] of [
      [100, true],
      [101, false],
    ] as const) {
      await using world = vaultWorld({ zeroFillLimitBytes: 100 });
      await using writer = await world.vault.openUpload(call(), targetOf('a'));
      await writer.write(60, [Buffer.from('x')]);
      await writer.truncate(61 + zeros - 60);
      const committing = writer.commit(call());
      if (isAllowed) {
        await committing;
        expect(stored(world)?.byteLength).toBe(101);
      } else await expect(committing).rejects.toMatchObject({ kind: 'too-large' });
    }
  });

  it('ends once: with a commit, a disposal, or the call of its client', async () => {
    await using world = vaultWorld();
    const committed = await world.vault.openUpload(call(), targetOf('a'));
    await committed.commit(call());
    await expect(committed.write(0, [Buffer.from('x')])).rejects.toMatchObject({ kind: 'invalid' });
    await expect(committed.commit(call())).rejects.toMatchObject({ kind: 'invalid' });
    expect(await committed.park()).toBeNull();
    await committed[Symbol.asyncDispose]();
    await committed[Symbol.asyncDispose]();
    const disposed = await world.vault.openUpload(call(), targetOf('b'));
    await disposed[Symbol.asyncDispose]();
    await expect(disposed.write(0, [Buffer.from('x')])).rejects.toMatchObject({ kind: 'cancelled' });
    const client = new AbortController();
    await using cancelled = await world.vault.openUpload(call(client.signal), targetOf('c'));
    await cancelled.write(0, [Buffer.from('x')]);
    client.abort();
    await expect(cancelled.write(1, [Buffer.from('x')])).rejects.toMatchObject({ kind: 'cancelled' });
    await expect(cancelled.commit(call())).rejects.toMatchObject({ kind: 'cancelled' });
    expect(world.store.contentOf(refOf('c'))).toBeNull();
    expect(world.vault.statistics.openUploads).toBe(1);
  });

  it('is not parked unless it is resumable and has parts', async () => {
    await using world = vaultWorld();
    const once = await world.vault.openUpload(call(), targetOf('a'));
    await once.write(0, [content(9 * mebibyte)]);
    expect(await once.park()).toBeNull();
    await once[Symbol.asyncDispose]();
    const short = await world.vault.openUpload(call(), targetOf('b'), { resumable: true });
    await short.write(0, [content(mebibyte)]);
    expect(await short.park()).toBeNull();
    await short[Symbol.asyncDispose]();
    const long = await world.vault.openUpload(call(), targetOf('c'), { resumable: true });
    await long.write(0, [content(9 * mebibyte)]);
    expect((await long.park())?.parts.map(({ size }) => size)).toEqual([8 * mebibyte]);
    await long[Symbol.asyncDispose]();
    expect(await long.park()).toBeNull();
    expect([world.store.uploads.size, world.vault.statistics.openUploads]).toEqual([1, 0]);
    expect(world.vault.statistics.uploadMemoryBytes).toBe(0);
  });

  it('belongs to the session that adopted it last', async () => {
    await using world = vaultWorld();
    const [first, second] = [new AbortController(), new AbortController()];
    await using writer = await world.vault.openUpload(call(first.signal), targetOf('a'));
    writer.adopt(call(second.signal));
    first.abort();
    await writer.write(0, [Buffer.from('x')]);
    second.abort();
    await expect(writer.write(1, [Buffer.from('x')])).rejects.toMatchObject({ kind: 'cancelled' });
  });

  it('stores the time that was set last, in whole seconds in the ledger', async () => {
    await using world = vaultWorld();
    await using writer = await world.vault.openUpload(call(), targetOf('a', { mtimeSeconds: 5 }));
    writer.setMtime(7.9);
    await writer.commit(call());
    expect(world.store.infoOf(refOf('a'))?.metadata).toEqual({ mtime: '7.9' });
    const [row] = await world.ledger.candidates(refOf('a'));
    expect(row?.confirmation?.mtimeSeconds).toBe(7);
  });

  it('tells the audit trail which object and key it is for', async () => {
    await using world = vaultWorld();
    const facts: ObjectFacts[] = [];
    const noting = { ...call(), note: (fact: ObjectFacts) => void facts.push(fact) };
    await using writer = await world.vault.openUpload(noting, targetOf('a'));
    await using plain = await world.vault.openUpload(
      noting,
      targetOf('b', { encryption: { kind: 'sse-s3' } }),
    );
    expect([writer.size, plain.size]).toEqual([0, 0]);
    expect(facts).toMatchObject([
      { bucket: 'bucket', key: 'a', keyId: aliceKey.fingerprint },
      { bucket: 'bucket', key: 'b', keyId: null },
    ]);
  });
});

describe('the editor of a file', () => {
  it('refuses offsets that no file has, and fails from then on', async () => {
    await using world = vaultWorld();
    const etag = await put(world, content(10));
    for (const offset of invalidOffsets) {
      await using editor = edit(world, { etag, size: 10 });
      await expect(editor.write(offset, [Buffer.from('x')])).rejects.toMatchObject({ kind: 'invalid' });
      await expect(editor.commit(call())).rejects.toMatchObject({ kind: 'invalid' });
      await expect(editor.read(call(), 0, 1)).rejects.toMatchObject({ kind: 'invalid' });
    }
    await using reading = edit(world, { etag, size: 10 });
    await expect(reading.read(call(), -1, 1)).rejects.toMatchObject({ kind: 'invalid' });
    // A read that fails does not end the edit.
    await reading.write(0, [Buffer.from('x')]);
    await reading.commit(call());
  });

  it('knows whether it would store what is there, and of which object', async () => {
    await using world = vaultWorld();
    const etag = await put(world, content(10));
    await using editor = edit(world, { etag, size: 10 });
    expect([editor.isUnchanged, editor.baseEtag, editor.size]).toEqual([true, etag, 10]);
    await editor.truncate(10);
    expect(editor.isUnchanged).toBe(true);
    await editor.write(0, [content(1)]);
    expect(editor.isUnchanged).toBe(false);
    await using fresh = edit(world, null);
    expect([fresh.isUnchanged, fresh.baseEtag, fresh.size]).toEqual([true, null, 0]);
  });

  it('appends at the end of the file, whatever the offset', async () => {
    await using world = vaultWorld();
    const etag = await put(world, Buffer.from('0123'));
    await using editor = edit(world, { etag, size: 4 }, { append: true });
    await editor.write(0, [Buffer.from('ab')]);
    await editor.write(1, [Buffer.from('c')]);
    expect(editor.size).toBe(7);
    await editor.commit(call());
    expect(stored(world)?.toString()).toBe('0123abc');
  });

  it('refuses files that do not fit into the parts', async () => {
    await using world = vaultWorld({ uploadMemoryBytes: 32 * mebibyte, scratchLimitBytes: 0 });
    const capacity = 10_000 * 8 * mebibyte;
    const tooLarge = { kind: 'too-large' };
    const attempts: readonly ((editor: ObjectEditor) => Promise<void>)[] = [
      (editor) => editor.truncate(capacity + 1),
      (editor) => editor.write(capacity, [Buffer.from('x')]),
      (editor) => editor.write(capacity - 1, [Buffer.from('xy')]),
    ];
    for (const attempt of attempts) {
      await using editor = edit(world, null);
      await expect(attempt(editor)).rejects.toMatchObject(tooLarge);
    }
    await using editor = edit(world, null);
    await editor.truncate(capacity);
    expect(editor.size).toBe(capacity);
  });

  it('ends once, and leaves nothing', async () => {
    await using world = vaultWorld();
    const etag = await put(world, content(10));
    const editor = edit(world, { etag, size: 10 });
    await editor.write(2, [Buffer.from('x')]);
    await editor.commit(call());
    for (const late of [
      () => editor.write(0, [Buffer.from('x')]),
      () => editor.truncate(0),
      () => editor.commit(call()),
      () => editor.read(call(), 0, 1),
      () => editor.follow(call()),
    ])
      await expect(late()).rejects.toMatchObject({ kind: 'invalid' });
    expect(await editor.park()).toBeNull();
    await editor[Symbol.asyncDispose]();
    await editor[Symbol.asyncDispose]();
    const abandoned = edit(world, { etag, size: 10 });
    await abandoned.write(2, [Buffer.from('y')]);
    await abandoned[Symbol.asyncDispose]();
    expect(stored(world)?.toString('latin1')[2]).toBe('x');
    expect(world.vault.statistics).toMatchObject({ openUploads: 0, openReaders: 0 });
  });

  it('stores the time that was set, also of a file that is sent while it is received', async () => {
    await using world = vaultWorld();
    for (const size of [10, 9 * mebibyte]) {
      await using editor = edit(world, null, { readable: false });
      for (let at = 0; at < size; at += mebibyte)
        await editor.write(at, [content(Math.min(mebibyte, size - at))]);
      editor.setMtime(77);
      await editor.commit(call());
      const [row] = await world.ledger.candidates(refOf('a'));
      expect(row?.confirmation).toMatchObject({ size, mtimeSeconds: 77 });
    }
  });

  it('reads the object only with one of its keys', async () => {
    await using world = vaultWorld();
    const etag = await put(world, content(10));
    const replaced = () => new Fault('conflict', 'another client has changed it');
    const keys = async () => [keyNamed('other')];
    await using editor = world.vault.openEdit(call(), targetOf('a'), {
      base: { etag, size: 10, keys, replaced },
      readable: true,
    });
    await expect(editor.read(call(), 0, 1)).rejects.toMatchObject({ kind: 'key-mismatch' });
    await editor.write(0, [Buffer.from('x')]);
    await expect(editor.commit(call())).rejects.toMatchObject({ kind: 'key-mismatch' });
  });
});

describe('the statistics of a vault', () => {
  it('count what is open', async () => {
    await using world = vaultWorld();
    await put(world, content(10));
    expect(world.vault.statistics).toEqual({
      openUploads: 0,
      openReaders: 0,
      uploadMemoryBytes: 0,
      waitingUploads: 0,
      readMemoryBytes: 0,
      scratchBytes: 0,
    });
    const writer = await world.vault.openUpload(call(), targetOf('b'));
    await writer.write(0, [content(10)]);
    const reader = await world.vault.openReader(call(), refOf('a'), [aliceKey]);
    const editor = edit(world, null);
    expect(world.vault.statistics).toMatchObject({
      openUploads: 2,
      openReaders: 1,
      uploadMemoryBytes: 262_144,
    });
    await reader?.[Symbol.asyncDispose]();
    await reader?.[Symbol.asyncDispose]();
    await writer[Symbol.asyncDispose]();
    await editor[Symbol.asyncDispose]();
    expect(world.vault.statistics).toMatchObject({ openUploads: 0, openReaders: 0, uploadMemoryBytes: 0 });
  });
});
