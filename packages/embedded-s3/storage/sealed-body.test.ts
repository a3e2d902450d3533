import { randomBytes } from 'node:crypto';
import { mkdtemp, open, readdir, rm, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BodyFiles } from './body-files.js';
import { readSegments } from './body-reader.js';
import { BodyTooLarge, writeBody } from './body-writer.js';
import { ServerKeys } from './key-wrap.js';
import type { Segment } from './records.js';
import { chunkBytes, SealBroken, sealedChunkBytes, sealedLength, tagBytes } from './sealed-body.js';

let directory: string;
let files: BodyFiles;
const keys = new ServerKeys(randomBytes(32));
const content = randomBytes(3 * 1024 * 1024);

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sealed-'));
  files = new BodyFiles(directory, () => undefined);
  await files.prepare();
});
afterAll(async () => await rm(directory, { recursive: true, force: true }));

async function seal(
  plain: Uint8Array,
  customerKey: Uint8Array | null,
  pieceBytes = 70_001,
): Promise<Segment> {
  async function* source() {
    for (let at = 0; at < plain.byteLength; at += pieceBytes) yield plain.subarray(at, at + pieceBytes);
  }
  const body = await writeBody(files, keys, source(), { customerKey, maxBytes: plain.byteLength, taps: [] });
  return { ...body, partNumber: 0, checksum: null };
}

async function read(
  segments: readonly Segment[],
  customerKey: Uint8Array | null,
  start: number,
  end: number,
): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of readSegments(files, keys, segments, customerKey, start, end)) pieces.push(piece);
  return Buffer.concat(pieces);
}

const pathOf = (segment: Segment) => join(directory, 'bodies', segment.bodyId.slice(-2), segment.bodyId);

/** Sizes around the boundaries of chunks and of write batches. */
const size = fc.oneof(
  fc.nat(3 * chunkBytes),
  fc.tuple(fc.nat(34), fc.integer({ min: -1, max: 1 })).map(([n, d]) => Math.max(0, n * chunkBytes + d)),
);

describe('a sealed body', () => {
  it('returns any range of any body, and has the computed length on the disk', async () => {
    await fc.assert(
      fc.asyncProperty(size, fc.nat(), fc.nat(), fc.boolean(), async (length, a, b, isCustomers) => {
        const plain = content.subarray(0, length);
        const customerKey = isCustomers ? randomBytes(32) : null;
        const segment = await seal(plain, customerKey, 1 + (a % 200_000));
        const [start = 0, end = 0] = [a % (length + 1), b % (length + 1)].sort((x, y) => x - y);
        expect((await read([segment], customerKey, start, end)).equals(plain.subarray(start, end))).toBe(
          true,
        );
        const handle = await open(pathOf(segment));
        expect((await handle.stat()).size).toBe(sealedLength(length));
        await handle.close();
      }),
      { numRuns: 60 },
    );
  });

  it('returns any range over several bodies', async () => {
    const sizes = [chunkBytes, 5, 0, 2 * chunkBytes + 17, 1];
    const total = sizes.reduce((sum, n) => sum + n, 0);
    const segments: Segment[] = [];
    let at = 0;
    for (const n of sizes) {
      segments.push(await seal(content.subarray(at, at + n), null));
      at += n;
    }
    await fc.assert(
      fc.asyncProperty(fc.nat(total), fc.nat(total), async (a, b) => {
        const [start, end] = a < b ? [a, b] : [b, a];
        expect((await read(segments, null, start, end)).equals(content.subarray(start, end))).toBe(true);
      }),
      { numRuns: 100 },
    );
  });

  it('is encrypted on the disk', async () => {
    const plain = Buffer.from('plaintext canary '.repeat(1000));
    const segment = await seal(plain, null);
    const handle = await open(pathOf(segment));
    expect((await handle.readFile()).includes('canary')).toBe(false);
    await handle.close();
  });

  it('opens only with its own key', async () => {
    const segment = await seal(content.subarray(0, 100), randomBytes(32));
    await expect(read([segment], randomBytes(32), 0, 100)).rejects.toThrow(SealBroken);
    await expect(read([segment], null, 0, 100)).rejects.toThrow(SealBroken);
  });

  it('does not open with the wrapped key of another body', async () => {
    const one = await seal(content.subarray(0, 100), null);
    const two = await seal(content.subarray(0, 100), null);
    await expect(read([{ ...one, wrappedKey: two.wrappedKey }], null, 0, 100)).rejects.toThrow(SealBroken);
  });

  it('detects any changed byte', async () => {
    const length = 2 * chunkBytes + 1000;
    const segment = await seal(content.subarray(0, length), null);
    await fc.assert(
      fc.asyncProperty(
        fc.nat(sealedLength(length) - 1),
        fc.integer({ min: 1, max: 255 }),
        async (at, flip) => {
          const handle = await open(pathOf(segment), 'r+');
          const byte = Buffer.alloc(1);
          await handle.read(byte, 0, 1, at);
          await handle.write(Buffer.from([(byte[0] ?? 0) ^ flip]), 0, 1, at);
          await expect(read([segment], null, 0, length)).rejects.toThrow(SealBroken);
          await handle.write(byte, 0, 1, at);
          await handle.close();
        },
      ),
      { numRuns: 40 },
    );
    expect((await read([segment], null, 0, length)).length).toBe(length);
  });

  it('detects a cut end, also at the boundary of a chunk and in the row', async () => {
    const length = 3 * chunkBytes;
    const segment = await seal(content.subarray(0, length), null);
    await expect(read([{ ...segment, size: 2 * chunkBytes }], null, 0, 2 * chunkBytes)).rejects.toThrow(
      SealBroken,
    );
    await truncate(pathOf(segment), 2 * sealedChunkBytes);
    await expect(read([segment], null, 0, length)).rejects.toThrow(SealBroken);
    await truncate(pathOf(segment), 2 * sealedChunkBytes - tagBytes);
    await expect(read([segment], null, chunkBytes, 2 * chunkBytes)).rejects.toThrow(SealBroken);
  });

  it('detects exchanged chunks', async () => {
    const segment = await seal(content.subarray(0, 3 * chunkBytes), null);
    const handle = await open(pathOf(segment), 'r+');
    const whole = await handle.readFile();
    await handle.write(whole, 0, sealedChunkBytes, sealedChunkBytes);
    await handle.write(whole, sealedChunkBytes, sealedChunkBytes, 0);
    await handle.close();
    await expect(read([segment], null, 0, 10)).rejects.toThrow(SealBroken);
  });
});

describe('writing a body', () => {
  it('leaves nothing if the source fails or is too long', async () => {
    const before = await countFiles();
    async function* failing() {
      yield content.subarray(0, 3 * chunkBytes);
      throw new Error('the client went away');
    }
    const options = { customerKey: null, maxBytes: 10 * chunkBytes, taps: [] };
    await expect(writeBody(files, keys, failing(), options)).rejects.toThrow('the client went away');
    async function* long() {
      yield content.subarray(0, 11 * chunkBytes);
    }
    await expect(writeBody(files, keys, long(), options)).rejects.toThrow(BodyTooLarge);
    expect(await countFiles()).toBe(before);
  });
});

describe('the files of bodies', () => {
  it('stay while they are read, and are removed after the last reader', async () => {
    const segment = await seal(content.subarray(0, chunkBytes), null);
    const first = files.pin([segment.bodyId]);
    const second = files.pin([segment.bodyId]);
    files.discard([segment.bodyId]);
    first();
    first();
    await files.settle();
    expect((await read([segment], null, 0, 10)).length).toBe(10);
    second();
    await files.settle();
    await expect(read([segment], null, 0, 10)).rejects.toThrow('ENOENT');
  });

  it('without a row are swept by a later run, but not those of this run', async () => {
    const segment = await seal(content.subarray(0, 10), null);
    const signal = new AbortController().signal;
    expect(await files.sweep(() => false, signal)).toBe(0);
    const later = new BodyFiles(directory, () => undefined);
    expect(await later.sweep((id) => id !== segment.bodyId, signal)).toBe(1);
    await expect(read([segment], null, 0, 10)).rejects.toThrow('ENOENT');
  });
});

async function countFiles(): Promise<number> {
  return (await readdir(directory, { recursive: true })).length;
}
