import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AlignedBlocks, alignedBlockBytes } from './aligned-blocks.js';
import { DirectFile } from './direct-file.js';

const blockCount = 4;
let directory: string;
let blocks: AlignedBlocks;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'direct-'));
  blocks = new AlignedBlocks(blockCount);
});
afterEach(() => rm(directory, { recursive: true }));

const pattern = randomBytes(3 * alignedBlockBytes);

/** Returns the pieces that the cuts make of `size` bytes. */
function piecesOf(size: number, cuts: readonly number[]): readonly { start: number; end: number }[] {
  const edges = [...new Set([0, ...cuts.map((cut) => cut % size), size])].sort((one, other) => one - other);
  return edges.slice(1).map((end, index) => ({ start: edges[index] ?? 0, end }));
}

/** Takes all blocks. Resolves only if all were released. */
async function takeAll(): Promise<void> {
  for (let count = 0; count < blockCount; count += 1) await blocks.take();
}

async function written(
  name: string,
  size: number,
  pieces: readonly { start: number; end: number }[],
): Promise<DirectFile> {
  const file = await DirectFile.create(join(directory, name), 0o600, size, blocks);
  for (const { start, end } of pieces) await file.write(start, pattern.subarray(start, end));
  await file.finish();
  await file[Symbol.asyncDispose]();
  return file;
}

describe('a file that bypasses the page cache', () => {
  it('has the written bytes, whatever its size, pieces and their order', async () => {
    let count = 0;
    const size = fc.oneof(
      fc.integer({ min: 1, max: 2 * alignedBlockBytes }),
      fc.constantFrom(1, 4095, 4096, 4097, alignedBlockBytes, alignedBlockBytes + 1, 3 * alignedBlockBytes),
    );
    const cuts = fc.array(fc.nat(3 * alignedBlockBytes), { maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(size, cuts, fc.boolean(), async (bytes, at, isBackwards) => {
        count += 1;
        const pieces = piecesOf(bytes, at);
        const { path } = await written(`f${count}`, bytes, isBackwards ? [...pieces].reverse() : pieces);
        expect(pattern.subarray(0, bytes).equals(await readFile(path))).toBe(true);
        expect((await stat(path)).mode & 0o777).toBe(0o600);
      }),
      { numRuns: 40 },
    );
    await takeAll();
  });

  it('uses the page cache if the disk requires a larger alignment', async () => {
    // Not aligned, like memory without WebAssembly. The file system of a disk refuses it; one in
    // memory may accept it.
    class Crooked extends AlignedBlocks {
      override async take(): Promise<Uint8Array> {
        return new Uint8Array(new ArrayBuffer(alignedBlockBytes + 1), 1);
      }
      override release(): void {}
    }
    blocks = new Crooked(blockCount);
    const size = 3 * alignedBlockBytes - 7;
    const { path } = await written('f', size, piecesOf(size, [100, 2_000_000]));
    expect(pattern.subarray(0, size).equals(await readFile(path))).toBe(true);
  });

  it('does not replace an existing file', async () => {
    await written('f', 1, piecesOf(1, []));
    await expect(DirectFile.create(join(directory, 'f'), 0o600, 1, blocks)).rejects.toMatchObject({
      code: 'EEXIST',
    });
  });

  it('throws the error of any write at the end, and releases its memory', async () => {
    const size = 3 * alignedBlockBytes;
    const file = await DirectFile.create(join(directory, 'f'), 0o600, size, blocks);
    await file.handle.close();
    const work = async () => {
      await file.write(0, pattern.subarray(0, size - 1));
      await file.finish();
    };
    await expect(work()).rejects.toMatchObject({ code: 'EBADF' });
    await file[Symbol.asyncDispose]().catch(() => undefined);
    await takeAll();
  });

  it('waits for memory that another file uses', async () => {
    const large = await DirectFile.create(join(directory, 'large'), 0o600, 3 * alignedBlockBytes, blocks);
    // Only a part of each block, so none is written to the disk yet.
    for (let index = 0; index < 3; index += 1)
      await large.write(index * alignedBlockBytes, pattern.subarray(0, 1));
    const taken = await blocks.take();
    const other = written('other', 5, [{ start: 0, end: 5 }]);
    blocks.release(taken);
    const { path } = await other;
    expect((await readFile(path)).equals(pattern.subarray(0, 5))).toBe(true);
    await large[Symbol.asyncDispose]();
    await takeAll();
  });
});
