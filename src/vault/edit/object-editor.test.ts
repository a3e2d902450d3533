import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checksumOf } from '../../bytes/running-checksum.js';
import { Fault } from '../../model/fault.js';
import type { MemoryBody } from '../../model/object-store.js';
import type { MemoryStoreOptions } from '../testing/memory-store.js';
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
import type { EditOptions, ObjectEditor, UploadTarget } from '../vault.js';

const oldKey = keyNamed('the key before');
const bytes = content(40 * mebibyte);
const replaced = () => new Fault('conflict', 'another client has changed it');

async function put(world: VaultWorld, size: number): Promise<string> {
  const encryption = { kind: 'sse-c', key: oldKey } as const;
  await using writer = await world.vault.openUpload(call(), targetOf('a', { encryption }));
  for (let at = 0; at < size; at += mebibyte)
    await writer.write(at, [bytes.subarray(at, Math.min(size, at + mebibyte))]);
  return (await writer.commit(call())).etag;
}

function edit(
  world: VaultWorld,
  base: { readonly etag: string; readonly size: number } | null,
  options: Partial<EditOptions> = {},
  change: Partial<UploadTarget> = {},
): ObjectEditor {
  const keys = async () => [aliceKey, oldKey];
  return world.vault.openEdit(call(), targetOf('a', change), {
    base: base && { ...base, keys, replaced },
    readable: true,
    ...options,
  });
}

async function readWhole(editor: ObjectEditor): Promise<Buffer> {
  const views: Uint8Array[] = [];
  for (let at = 0; ; ) {
    const next = await editor.read(call(), at, 3 * mebibyte);
    if (next === null) return Buffer.concat(views);
    views.push(...next);
    at += next.reduce((sum, view) => sum + view.byteLength, 0);
  }
}

const theirs = {
  encryption: { kind: 'sse-c', key: oldKey },
  acl: null,
  metadata: {},
  contentType: null,
} as const;

function bodyOf(length: number): MemoryBody {
  const chunks = [bytes.subarray(0, length)];
  return { chunks, byteLength: length, checksum: checksumOf('crc32c', ...chunks) };
}

const stored = (world: VaultWorld) => world.store.contentOf(refOf('a'));

type Step = { readonly at: number; readonly length: number } | { readonly size: number };

function apply(model: Buffer, step: Step): Buffer {
  if ('size' in step) return Buffer.concat([model.subarray(0, step.size)], step.size);
  const end = step.at + step.length;
  const grown = Buffer.concat([model], Math.max(model.byteLength, end));
  bytes.copy(grown, step.at, step.at + 1, end + 1);
  return grown;
}

const sizes = fc.oneof(
  fc.integer({ min: 0, max: 25 * mebibyte }),
  fc.constantFrom(0, 1, 5 * mebibyte - 1, 5 * mebibyte, 8 * mebibyte, 10 * mebibyte, 15 * mebibyte + 1),
);
const steps: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ at: sizes, length: fc.integer({ min: 1, max: 100_000 }) }) },
  { weight: 1, arbitrary: fc.record({ at: sizes, length: fc.integer({ min: 1, max: 6 * mebibyte }) }) },
  { weight: 1, arbitrary: fc.record({ size: sizes }) },
);

const stores: readonly MemoryStoreOptions[] = [
  {},
  { answersChecksum: false },
  { versioned: true },
  { permitsTags: false },
];

describe('an object that is edited', () => {
  it('has every change and keeps the other bytes, whatever the sizes and the order', async () => {
    const plan = fc.record({
      size: sizes,
      steps: fc.array(steps, { minLength: 1, maxLength: 6 }),
      editMemoryBytes: fc.constantFrom(0, mebibyte, 32 * mebibyte),
      store: fc.constantFrom(...stores),
      copies: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(plan, async ({ size, steps, editMemoryBytes, store, copies }) => {
        await using world = vaultWorld({ editMemoryBytes }, store);
        const etag = await put(world, size);
        world.store.hooks.before = (operation) => {
          if (operation === 'copyRange' && !copies) throw new Fault('unsupported', 'no copies');
        };
        let model: Buffer = Buffer.from(bytes.subarray(0, size));
        await using editor = edit(world, { etag, size });
        for (const step of steps) {
          if ('size' in step) await editor.truncate(step.size);
          else await editor.write(step.at, [bytes.subarray(step.at + 1, step.at + 1 + step.length)]);
          model = apply(model, step);
          expect(editor.size).toBe(model.byteLength);
        }
        expect((await readWhole(editor)).equals(model)).toBe(true);
        expect(stored(world)?.equals(bytes.subarray(0, size))).toBe(true);
        const written = await editor.commit(call());
        expect(stored(world)?.equals(model)).toBe(true);
        expect(world.store.encryptionOf(refOf('a'))).toEqual(aliceEncryption);
        expect(world.store.uploads.size).toBe(0);
        const [row] = await world.ledger.candidates(refOf('a'));
        expect(row?.confirmation).toMatchObject({ size: model.byteLength, etag: written.etag });
        const checksum = row?.confirmation?.checksum ?? null;
        if (store.answersChecksum !== false) expect(checksum).not.toBeNull();
        if (checksum !== null) expect(checksum).toEqual(checksumOf('crc32c', model));
        await editor[Symbol.asyncDispose]();
        expect(world.vault.statistics).toMatchObject({ openUploads: 0, openReaders: 0, scratchBytes: 0 });
        expect(world.vault.statistics.uploadMemoryBytes).toBe(0);
      }),
      { numRuns: 30 },
    );
  }, 120_000);

  it('is copied by S3 except for the part with the change', async () => {
    await using world = vaultWorld();
    const etag = await put(world, 40 * mebibyte);
    const before = world.store.bytesRead;
    await using editor = edit(world, { etag, size: 40 * mebibyte });
    await editor.write(20 * mebibyte, [Buffer.from('changed')]);
    world.store.counts.clear();
    await editor.commit(call());
    expect(Object.fromEntries(world.store.counts)).toMatchObject({ copyRange: 2, part: 1, complete: 1 });
    // The part, the first range of a reader, and what it reads ahead.
    expect(world.store.bytesRead - before).toBeLessThan(10 * mebibyte);
  });

  it('keeps its metadata, content type and tags, with the time that was set', async () => {
    for (const size of [3, 12 * mebibyte]) {
      await using world = vaultWorld();
      await put(world, size);
      const { etag } = await world.store.put(call(), refOf('a'), bodyOf(size), {
        encryption: { kind: 'sse-c', key: oldKey },
        acl: null,
        metadata: { mtime: '5', purpose: 'test' },
        contentType: 'text/plain',
      });
      const own = { team: 'blue' };
      await world.store.putTags(call(), refOf('a'), { ...own, 'sftpgw-key': 'of another key' });
      await using editor = edit(world, { etag, size });
      await editor.write(1, [Buffer.from('x')]);
      editor.setMtime(77);
      await editor.commit(call());
      expect(world.store.infoOf(refOf('a'))).toMatchObject({
        metadata: { mtime: '77', purpose: 'test' },
        contentType: 'text/plain',
      });
      const tags = await world.store.getTags(call(), refOf('a'));
      expect(tags).toEqual({ ...own, 'sftpgw-key': aliceKey.fingerprint });
    }
  });

  it.each([3, 12 * mebibyte])(
    'of %i bytes is not changed if it was replaced, before or meanwhile',
    async (size) => {
      for (const operation of ['head', 'put', 'complete'] as const) {
        await using world = vaultWorld();
        const etag = await put(world, size);
        await using editor = edit(world, { etag, size });
        await editor.write(1, [Buffer.from('x')]);
        world.store.hooks.before = async (before) => {
          if (before !== operation) return;
          world.store.hooks = {};
          await world.store.put(call(), refOf('a'), bodyOf(7), theirs);
        };
        const outcome = editor.commit(call()).then(
          () => 'stored',
          (error: unknown) => Fault.from(error).hint,
        );
        const isUsed = operation !== (size > 8 * mebibyte ? 'put' : 'complete');
        expect(await outcome).toBe(isUsed ? 'another client has changed it' : 'stored');
        if (isUsed) expect(stored(world)?.byteLength).toBe(7);
        expect(world.store.uploads.size).toBe(0);
      }
    },
  );

  it.each([true, false])(
    'is not read if it was replaced, also by one of the same size (before the first read: %j)',
    async (isFirst) => {
      const size = 30 * mebibyte;
      await using world = vaultWorld();
      const etag = await put(world, size);
      await using editor = edit(world, { etag, size });
      if (!isFirst)
        expect(Buffer.concat((await editor.read(call(), 0, 10)) ?? [])).toEqual(bytes.subarray(0, 10));
      await world.store.put(call(), refOf('a'), bodyOf(size), theirs);
      const replacedFault = { hint: 'another client has changed it' };
      await expect(editor.read(call(), 25 * mebibyte, 10)).rejects.toMatchObject(replacedFault);
      await expect(editor.read(call(), 25 * mebibyte, 10)).rejects.toMatchObject(replacedFault);
    },
  );

  it('is not read if it was removed', async () => {
    await using world = vaultWorld();
    const etag = await put(world, 100);
    await using editor = edit(world, { etag, size: 100 });
    await world.store.remove(call(), refOf('a'));
    await expect(editor.read(call(), 0, 10)).rejects.toMatchObject({ hint: 'another client has changed it' });
  });

  it('is stored over its successor if a rotation has given it another key meanwhile', async () => {
    const size = 12 * mebibyte;
    await using world = vaultWorld();
    const etag = await put(world, size);
    await using editor = edit(world, { etag, size });
    await editor.write(1, [Buffer.from('x')]);
    const source = { ref: refOf('a'), keys: [aliceKey, oldKey], ifMatch: etag };
    await world.vault.copy(call(), source, { ...targetOf('a'), onlyIfMatches: etag });
    expect(world.store.infoOf(refOf('a'))?.etag).not.toBe(etag);
    await editor.commit(call());
    expect(stored(world)?.subarray(0, 3)).toEqual(Buffer.from([bytes[0] ?? 0, 120, bytes[2] ?? 0]));
  });

  it('is replaced whatever was there if it is written as a whole, unread', async () => {
    await using world = vaultWorld();
    const etag = await put(world, 3);
    await using editor = edit(world, { etag, size: 3 });
    await editor.write(0, [Buffer.from('abcd')]);
    await world.store.put(call(), refOf('a'), bodyOf(7), theirs);
    await editor.commit(call());
    expect(`${stored(world)}`).toBe('abcd');
  });

  it('is refused if too many bytes of it were never written', async () => {
    await using world = vaultWorld({ zeroFillLimitBytes: mebibyte });
    await using editor = edit(world, null);
    await editor.write(2 * mebibyte, [Buffer.from('x')]);
    await expect(editor.commit(call())).rejects.toMatchObject({ kind: 'too-large' });
    await expect(editor.read(call(), 0, 1)).rejects.toMatchObject({ kind: 'too-large' });
  });
});

describe('two edits of one object by one user', () => {
  const textOf = ({ at, length }: { readonly at: number; readonly length: number }) =>
    bytes.subarray(at + 1, at + 1 + length);
  const plan = fc.record({
    size: fc.constantFrom(0, 1, 10, 100, 6 * mebibyte),
    steps: fc.array(
      fc.record({
        editor: fc.constantFrom(0, 1),
        step: fc.oneof(
          fc.record({ at: fc.integer({ min: 0, max: 120 }), length: fc.integer({ min: 1, max: 60 }) }),
          fc.record({ size: fc.constantFrom(0, 5, 10, 50, 100, 150) }),
          fc.constant(null),
        ),
      }),
      { minLength: 2, maxLength: 10 },
    ),
    append: fc.tuple(fc.boolean(), fc.boolean()),
  });

  it('leave the changes of both in the order of their CLOSEs, in any order of changes and CLOSEs', async () => {
    await fc.assert(
      fc.asyncProperty(plan, async ({ size, steps, append }) => {
        await using world = vaultWorld();
        let model: Buffer = Buffer.from(bytes.subarray(0, size));
        const begin = await put(world, size);
        const open = append.map((isAppend) => ({
          editor: edit(world, { etag: begin, size }, { append: isAppend }),
          isAppend,
          steps: [] as Step[],
          isOpen: true,
        }));
        const close = async (one: (typeof open)[number]) => {
          if (!one.isOpen) return;
          one.isOpen = false;
          // As in the handle, which stores nothing if nothing is changed.
          if (one.steps.length > 0) {
            for (const step of one.steps)
              model =
                'at' in step && one.isAppend ? Buffer.concat([model, textOf(step)]) : apply(model, step);
            await one.editor.commit(call());
            expect(stored(world)?.equals(model)).toBe(true);
          }
          await one.editor[Symbol.asyncDispose]();
        };
        for (const { editor: index, step } of steps) {
          const one = open[index];
          if (one === undefined || !one.isOpen) continue;
          if (step === null) {
            await close(one);
            continue;
          }
          // The size of a file that is open to append is not set here: its position depends on the order.
          if ('size' in step && one.isAppend) continue;
          one.steps.push(step);
          if ('size' in step) await one.editor.truncate(step.size);
          else await one.editor.write(step.at, [textOf(step)]);
        }
        for (const one of open) await close(one);
        expect(stored(world)?.equals(model)).toBe(true);
        expect(world.vault.statistics).toMatchObject({ openUploads: 0, openReaders: 0, scratchBytes: 0 });
      }),
      { numRuns: 60 },
    );
  }, 180_000);

  it('are both stored if they are closed at the same time', async () => {
    for (const size of [100, 12 * mebibyte]) {
      await using world = vaultWorld();
      const etag = await put(world, size);
      const editors = [0, 1, 2, 3].map(() => edit(world, { etag, size }));
      for (const [index, editor] of editors.entries()) await editor.write(index, [Buffer.from(`${index}`)]);
      await Promise.all(editors.map((editor) => editor.commit(call())));
      expect(`${stored(world)?.subarray(0, 4)}`).toBe('0123');
      for (const editor of editors) await editor[Symbol.asyncDispose]();
    }
  });

  it('follow the object through a rotation, but not one of another user or client', async () => {
    for (const by of ['rotation', 'bob', 'another client'] as const) {
      await using world = vaultWorld();
      const etag = await put(world, 100);
      await using first = edit(world, { etag, size: 100 }, {}, by === 'bob' ? { actor: 'bob' } : {});
      await using second = edit(world, { etag, size: 100 });
      await first.write(0, [Buffer.from('A')]);
      await second.write(1, [Buffer.from('B')]);
      const own = await first.commit(call());
      if (by === 'rotation')
        await world.vault.copy(
          call(),
          { ref: refOf('a'), keys: [aliceKey], ifMatch: own.etag },
          { ...targetOf('a'), onlyIfMatches: own.etag },
        );
      if (by === 'another client') await world.store.put(call(), refOf('a'), bodyOf(7), theirs);
      if (by === 'rotation') {
        await second.commit(call());
        expect(`${stored(world)?.subarray(0, 2)}`).toBe('AB');
      } else await expect(second.commit(call())).rejects.toMatchObject({ kind: 'conflict' });
    }
  });
});

describe('an edit that is a long sequence of writes', () => {
  const size = 12 * mebibyte;
  const sequence = async (editor: ObjectEditor, start: number, end: number) => {
    for (let at = start; at < end; at += mebibyte)
      await editor.write(at, [bytes.subarray(at, at + mebibyte)]);
  };

  it.each([
    { from: 'the start of a new file', base: 0, start: 0 },
    { from: 'the start of an object', base: size, start: 0 },
    { from: 'the end of an object', base: size, start: size },
  ])('is sent while it is received, from $from', async ({ base, start }) => {
    await using world = vaultWorld();
    const found = base === 0 ? null : { etag: await put(world, base), size: base };
    await using editor = edit(world, found, { readable: base === 0 });
    await sequence(editor, start, start + 20 * mebibyte);
    expect(world.store.uploads.size).toBe(1);
    await expect(editor.read(call(), 0, 1)).rejects.toMatchObject({ kind: 'unsupported' });
    await editor.truncate(start + 20 * mebibyte);
    await editor.commit(call());
    expect(stored(world)?.equals(bytes.subarray(0, start + 20 * mebibyte))).toBe(true);
  });

  it('keeps what the client does not write: the rest of the object, holes and zeros', async () => {
    await using world = vaultWorld();
    const etag = await put(world, size);
    await using editor = edit(world, { etag, size }, { readable: false });
    await sequence(editor, 0, 9 * mebibyte);
    await editor.write(10 * mebibyte, [Buffer.from('changed')]);
    await editor.truncate(11 * mebibyte);
    await editor.truncate(size);
    await editor.commit(call());
    const expected = Buffer.concat([bytes.subarray(0, 11 * mebibyte)], size);
    expected.set(Buffer.from('changed'), 10 * mebibyte);
    expect(stored(world)?.equals(expected)).toBe(true);
  });

  it('is not sent before the end if the client may read the object, or does read the file', async () => {
    await using world = vaultWorld();
    const etag = await put(world, size);
    await using editor = edit(world, { etag, size });
    await sequence(editor, 0, 9 * mebibyte);
    await using other = edit(world, null);
    await other.read(call(), 0, 1);
    await sequence(other, 0, 9 * mebibyte);
    expect(world.store.uploads.size).toBe(0);
    expect((await readWhole(other)).equals(bytes.subarray(0, 9 * mebibyte))).toBe(true);
  });

  it('can be parked if it is a new file', async () => {
    await using world = vaultWorld();
    const editor = edit(world, null, { resumable: true });
    await sequence(editor, 0, 20 * mebibyte);
    const parked = await editor.park();
    expect(parked?.parts.length).toBeGreaterThan(0);
    expect(world.vault.statistics.openUploads).toBe(0);
  });
});
