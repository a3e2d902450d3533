import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BufferPool, holdersOf } from '../../bytes/buffer-pool.js';
import { call, content, refOf } from '../testing/vault-world.js';
import type { UploadWriter } from '../vault.js';
import { ChangedBytes } from './changed-bytes.js';
import { EditMemory } from './edit-memory.js';
import { EditedFile, type ReadBase } from './edited-file.js';
import { OwnWrites } from './own-writes.js';
import { StreamedEdit } from './streamed-edit.js';

const mebibyte = 1024 * 1024;
const memory = () => new EditMemory(8 * mebibyte);
const noScratch = () => {
  throw new Error('no scratch file is needed');
};

/** Reads the object, at most `most` bytes at a time. */
function readerOf(object: Buffer, most = 1_000): ReadBase {
  return async (_, offset, length) =>
    offset >= object.byteLength ? null : [object.subarray(offset, offset + Math.min(length, most))];
}

function fileOf(object: Buffer, readBase: ReadBase = readerOf(object)): EditedFile {
  const blocks = memory();
  return new EditedFile(object.byteLength, readBase, () => new ChangedBytes(blocks, noScratch));
}

async function contentOf(file: EditedFile): Promise<Buffer> {
  return Buffer.concat((await file.read(call(), 0, file.size + 1)) ?? []);
}

const text = (value: string) => [Buffer.from(value)];

describe('the content of an edited file', () => {
  it('has the changes over the object, and zeros where neither is', async () => {
    const file = fileOf(Buffer.from('0123456789'));
    expect([file.isUnchanged, file.isWritten, file.isSized, file.keptEnd]).toEqual([true, false, false, 10]);
    await file.write(2, [Buffer.from('a'), Buffer.from('bc')]);
    expect([file.isUnchanged, file.isWritten, file.size]).toEqual([false, true, 10]);
    await file.write(12, text('xy'));
    expect((await contentOf(file)).toString('latin1')).toBe('01abc56789\0\0xy');
    expect([...file.unchanged]).toEqual([
      { start: 0, end: 2 },
      { start: 5, end: 10 },
    ]);
    expect(file.zeroBytes).toBe(2);
    file.resize(4);
    expect((await contentOf(file)).toString('latin1')).toBe('01ab');
    file.resize(12);
    // The cut bytes do not return.
    expect((await contentOf(file)).toString('latin1')).toBe('01ab\0\0\0\0\0\0\0\0');
    expect([file.keptEnd, file.zeroBytes, file.isSized]).toEqual([4, 8, true]);
    await file.write(0, []);
    await file.write(0, [Buffer.alloc(0)]);
    expect(file.size).toBe(12);
  });

  it('is unchanged only with the size of the object and all its bytes', () => {
    const same = fileOf(Buffer.alloc(10));
    same.resize(10);
    expect(same.isUnchanged).toBe(true);
    same.resize(11);
    expect(same.isUnchanged).toBe(false);
    same.resize(10);
    expect(same.isUnchanged).toBe(true);
    same.resize(9);
    same.resize(10);
    expect(same.isUnchanged).toBe(false);
  });

  it.each<[string, (file: EditedFile) => Promise<void>, readonly [number, number] | null]>([
    ['nothing', async () => undefined, null],
    ['a write from the start', (file) => file.write(0, text('ab')), [0, 2]],
    ['a write in the middle', (file) => file.write(1, text('ab')), null],
    ['a write behind the object', (file) => file.write(10, text('ab')), [10, 12]],
    ['a write behind a hole', (file) => file.write(11, text('ab')), null],
    [
      'two writes that adjoin',
      async (file) => {
        await file.write(0, text('ab'));
        await file.write(2, text('cd'));
      },
      [0, 4],
    ],
    [
      'two writes with a gap',
      async (file) => {
        await file.write(0, text('ab'));
        await file.write(3, text('cd'));
      },
      null,
    ],
    [
      'a write behind an object that was cut',
      async (file) => {
        file.resize(9);
        await file.write(10, text('ab'));
      },
      null,
    ],
  ])('is a sequence after %s', async (_, change, expected) => {
    const file = fileOf(Buffer.alloc(10));
    await change(file);
    const { sequence } = file;
    expect(sequence === null ? null : [sequence.start, sequence.end]).toEqual(expected);
  });

  it('is read like the object: up to the end, null behind it, and no invalid range', async () => {
    const file = fileOf(Buffer.from('0123456789'));
    const read = async (offset: number, length: number) => {
      const views = await file.read(call(), offset, length);
      return views === null ? null : Buffer.concat(views).toString();
    };
    expect([await read(8, 5), await read(9, 1), await read(10, 1), await read(3, 0)]).toEqual([
      '89',
      '9',
      null,
      '',
    ]);
    for (const [offset, length] of [
      [-1, 1],
      [0.5, 1],
      [0, -1],
    ] as const)
      await expect(read(offset, length)).rejects.toMatchObject({ kind: 'invalid' });
  });

  it('is corrupt if the object ends before its size', async () => {
    for (const readBase of [async () => null, async () => []]) {
      const file = fileOf(Buffer.alloc(10), readBase);
      await expect(file.read(call(), 0, 5)).rejects.toMatchObject({ kind: 'corrupt' });
    }
  });

  it('releases the memory of the object after each step, and after a fault', async () => {
    const pool = new BufferPool(4, 10);
    const lent: Buffer[] = [];
    let reads = 0;
    const file = fileOf(Buffer.alloc(10), async (_call, _offset, length) => {
      reads += 1;
      if (reads === 3) throw new Error('broken');
      const buffer = pool.lend();
      lent.push(buffer);
      return [buffer.subarray(0, Math.min(4, length))];
    });
    await expect(file.read(call(), 0, 10)).rejects.toThrow('broken');
    expect(lent.map(holdersOf)).toEqual([0, 0]);
    reads = 10;
    const seen: number[] = [];
    for await (const view of file.stream(call(), 0, 8, 4)) {
      seen.push(view.byteLength);
      if (seen.length === 2) break;
    }
    expect(seen).toEqual([4, 4]);
    expect(lent.map(holdersOf)).toEqual([0, 0, 0, 0]);
  });

  it('is streamed from any position to any other', async () => {
    const object = content(5_000);
    const file = fileOf(object);
    await file.write(6_000, text('end'));
    const expected = Buffer.concat([object, Buffer.alloc(1_000), Buffer.from('end')]);
    for (const [start, end, step] of [
      [0, 6_003, 100],
      [4_990, 5_010, 7],
      [10, 20, 1],
      [5, 5, 1],
    ] as const) {
      const views: Uint8Array[] = [];
      for await (const view of file.stream(call(), start, end, step)) views.push(Buffer.from(view));
      expect(Buffer.concat(views).equals(expected.subarray(start, end))).toBe(true);
    }
    const beyond = async () => {
      for await (const _ of file.stream(call(), 6_000, 6_004));
    };
    await expect(beyond()).rejects.toThrow('ends at 6003');
  });
});

describe('a file whose object is replaced by one of the same user', () => {
  it.each([
    { size: 4, append: false, expected: 'abXYef' },
    { size: 8, append: false, expected: 'abXYef\0\0' },
    { size: 4, append: true, expected: 'abcdXYef' },
    { size: 1, append: true, expected: 'aXYef' },
  ])('keeps its changes over $size bytes (append: $append)', async ({ size, append, expected }) => {
    let object = Buffer.from('ab');
    const file = fileOf(object, (_call, offset, length) => readerOf(object)(_call, offset, length));
    await file.write(2, text('XYef'));
    object = Buffer.from('abcd\0\0\0\0').subarray(0, size);
    if (size === 8) object = Buffer.from('abcd\0\0\0\0');
    await file.rebase(size, append);
    expect(file.size).toBe(expected.length);
    expect((await contentOf(file)).toString('latin1')).toBe(expected);
  });

  it('keeps the size that was set', async () => {
    const object = Buffer.from('abcd');
    const file = fileOf(object, readerOf(Buffer.from('vwxyz')));
    await file.write(4, text('XY'));
    file.resize(3);
    await file.rebase(5, true);
    expect([file.size, (await contentOf(file)).toString()]).toEqual([3, 'vwx']);
  });

  it('has the size of the object if nothing was written', async () => {
    const file = fileOf(Buffer.from('abcd'), readerOf(Buffer.from('vw')));
    await file.rebase(2, true);
    expect([file.size, file.isUnchanged, (await contentOf(file)).toString()]).toEqual([2, true, 'vw']);
  });
});

describe('an edit that is sent while it is received', () => {
  /** A writer in memory that remembers what was written. */
  function writerOf(begun: Buffer) {
    let bytes = begun;
    const written: (readonly [number, number])[] = [];
    const writer = {
      get size() {
        return bytes.byteLength;
      },
      async write(offset: number, chunks: readonly Uint8Array[]) {
        const chunk = Buffer.concat(chunks);
        if (chunk.byteLength === 0) return;
        written.push([offset, chunk.byteLength]);
        bytes = Buffer.concat([bytes], Math.max(bytes.byteLength, offset + chunk.byteLength));
        bytes.set(chunk, offset);
      },
      async truncate(size: number) {
        bytes = bytes.subarray(0, size);
      },
    } as unknown as UploadWriter;
    return { writer, written, bytes: () => bytes };
  }

  it('is completed from the object and with zeros, whatever the client wrote and cut', async () => {
    const step = fc.oneof(
      fc.record({ at: fc.integer({ min: 4, max: 30 }), length: fc.integer({ min: 1, max: 8 }) }),
      fc.record({ size: fc.integer({ min: 4, max: 40 }) }),
    );
    const object = content(20, 'object');
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 6 }), async (steps) => {
        const { writer, bytes } = writerOf(content(4, 'begun'));
        const edit = new StreamedEdit(writer, readerOf(object, 3), { end: 4, keptEnd: 20, size: 20 });
        let model = Buffer.concat([content(4, 'begun'), object.subarray(4)]);
        for (const one of steps) {
          if ('size' in one) {
            await edit.resize(one.size);
            model = Buffer.concat([model.subarray(0, one.size)], one.size);
          } else {
            await edit.write(one.at, [content(one.length, 'written')]);
            model = Buffer.concat([model], Math.max(model.byteLength, one.at + one.length));
            model.set(content(one.length, 'written'), one.at);
          }
          expect(edit.size).toBe(model.byteLength);
        }
        await edit.fill(call(), 100);
        // Zeros behind the last byte may not have been sent.
        expect(Buffer.concat([bytes()], edit.size).equals(model)).toBe(true);
        expect(bytes().byteLength).toBe(model.byteLength);
      }),
    );
  });

  it('needs the object only for bytes that it keeps', async () => {
    const { writer } = writerOf(Buffer.alloc(4));
    const edit = new StreamedEdit(writer, readerOf(Buffer.alloc(20)), { end: 4, keptEnd: 20, size: 20 });
    expect(edit.needsBase).toBe(true);
    await edit.resize(4);
    expect(edit.needsBase).toBe(false);
    await edit.resize(10);
    expect(edit.needsBase).toBe(false);
  });

  it('is refused with more zeros than permitted', async () => {
    const fill = async (zeros: number) => {
      const { writer, written } = writerOf(Buffer.alloc(4));
      const edit = new StreamedEdit(writer, readerOf(Buffer.alloc(0)), { end: 4, keptEnd: 4, size: 4 });
      await edit.write(10, text('x'));
      await edit.resize(11 + zeros - 6);
      await edit.fill(call(), 10);
      return written;
    };
    expect(await fill(10)).toEqual([
      [10, 1],
      [4, 6],
      [11, 4],
    ]);
    await expect(fill(11)).rejects.toMatchObject({ kind: 'too-large' });
  });

  it('is corrupt if the object ends before its size', async () => {
    const { writer } = writerOf(Buffer.alloc(4));
    for (const readBase of [async () => null, async () => []]) {
      const edit = new StreamedEdit(writer, readBase, { end: 4, keptEnd: 20, size: 20 });
      await expect(edit.fill(call(), 0)).rejects.toMatchObject({ kind: 'corrupt' });
    }
  });

  it('releases the memory of the object', async () => {
    const pool = new BufferPool(8, 10);
    const lent: Buffer[] = [];
    const { writer } = writerOf(Buffer.alloc(4));
    const edit = new StreamedEdit(
      writer,
      async (_call, _offset, length) => {
        const buffer = pool.lend();
        lent.push(buffer);
        return [buffer.subarray(0, Math.min(8, length))];
      },
      { end: 4, keptEnd: 20, size: 20 },
    );
    await edit.fill(call(), 0);
    expect(lent.map(holdersOf)).toEqual([0, 0]);
  });
});

describe('the memory for changed bytes', () => {
  it('has whole blocks, up to its total', () => {
    const blocks = new EditMemory(2 * 65_536 + 65_535);
    expect([blocks.take()?.byteLength, blocks.take()?.byteLength, blocks.take()]).toEqual([
      65_536,
      65_536,
      null,
    ]);
    expect(blocks.usedBytes).toBe(2 * 65_536);
    blocks.giveBack(2);
    expect([blocks.usedBytes, blocks.take() === null]).toEqual([0, false]);
  });
});

describe('the last write of this process to an object', () => {
  const write = (key: string, actor: string, etag = '"e"') => ({ ref: refOf(key), actor, etag });

  it('is remembered for its actor alone', () => {
    const writes = new OwnWrites();
    writes.note(write('a', 'alice', '"1"'));
    expect(writes.latest(refOf('a'), 'alice')).toEqual(write('a', 'alice', '"1"'));
    expect(writes.latest(refOf('a'), 'bob')).toBeNull();
    expect(writes.latest(refOf('b'), 'alice')).toBeNull();
    expect(writes.latest({ bucket: 'other', key: 'a' }, 'alice')).toBeNull();
    writes.note(write('a', 'bob', '"2"'));
    expect(writes.latest(refOf('a'), 'alice')).toBeNull();
    expect(writes.latest(refOf('a'), 'bob')?.etag).toBe('"2"');
  });

  it('is forgotten for the objects that were not written for the longest time, above 10,000', () => {
    const writes = new OwnWrites();
    for (let at = 0; at < 10_000; at += 1) writes.note(write(`${at}`, 'alice'));
    writes.note(write('0', 'alice', '"again"'));
    expect(writes.latest(refOf('1'), 'alice')).not.toBeNull();
    writes.note(write('new', 'alice'));
    expect(writes.latest(refOf('0'), 'alice')?.etag).toBe('"again"');
    expect(writes.latest(refOf('1'), 'alice')).toBeNull();
    expect(writes.latest(refOf('2'), 'alice')).not.toBeNull();
    expect(writes.latest(refOf('new'), 'alice')).not.toBeNull();
  });
});
