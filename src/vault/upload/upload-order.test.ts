import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  call,
  content,
  mebibyte,
  refOf,
  targetOf,
  type VaultWorld,
  vaultWorld,
} from '../testing/vault-world.js';
import type { UploadWriter } from '../vault.js';

const kibibyte = 1024;

/** A file as on a disk: bytes that were never written are zeros. */
class ReferenceFile {
  bytes = Buffer.alloc(0);

  write(offset: number, bytes: Uint8Array): void {
    if (bytes.byteLength === 0) return;
    const end = offset + bytes.byteLength;
    if (end > this.bytes.byteLength) this.#resize(end);
    this.bytes.set(bytes, offset);
  }

  truncate(size: number): void {
    this.#resize(size);
  }

  #resize(size: number): void {
    this.bytes = Buffer.concat([this.bytes.subarray(0, size)], size);
  }
}

async function outcome(world: VaultWorld, writer: UploadWriter, key: string): Promise<Buffer> {
  await writer.commit(call());
  return world.store.contentOf(refOf(key)) ?? Buffer.alloc(0);
}

describe('bytes that arrive in any order', () => {
  it('make the same file as on a disk, with any rewrites, order, truncation and extension', async () => {
    const write = fc.record({
      do: fc.constant('write' as const),
      offset: fc.nat(2 * mebibyte),
      length: fc.nat(700 * kibibyte),
    });
    const truncate = fc.record({ do: fc.constant('truncate' as const), size: fc.nat(3 * mebibyte) });
    await using world = vaultWorld({ reorderWindowBytes: 600 * kibibyte });
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof({ weight: 4, arbitrary: write }, { weight: 1, arbitrary: truncate }), {
          maxLength: 10,
        }),
        fc.boolean(),
        async (steps, together) => {
          await using writer = await world.vault.openUpload(call(), targetOf('a'));
          const reference = new ReferenceFile();
          const done: Promise<void>[] = [];
          for (const [index, step] of steps.entries()) {
            if (step.do === 'write') {
              const bytes = Buffer.alloc(step.length, index + 1);
              reference.write(step.offset, bytes);
              const half = Math.floor(step.length / 2);
              done.push(writer.write(step.offset, [bytes.subarray(0, half), bytes.subarray(half)]));
            } else {
              reference.truncate(step.size);
              done.push(writer.truncate(step.size));
            }
            if (!together) await done.at(-1);
          }
          await Promise.all(done);
          expect(writer.size).toBe(reference.bytes.byteLength);
          const result = await outcome(world, writer, 'a');
          expect(result.equals(reference.bytes)).toBe(true);
        },
      ),
      { numRuns: 60 },
    );
    expect(world.vault.statistics).toMatchObject({ uploadMemoryBytes: 0, scratchBytes: 0, openUploads: 0 });
  });

  it('make a file of several parts, inside the reorder window and beyond it', async () => {
    const bytes = content(21 * mebibyte + 12_345);
    await using world = vaultWorld({ uploadMemoryBytes: 24 * mebibyte, parallelParts: 2 });
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 2 * mebibyte }),
        fc.array(fc.integer({ min: 1, max: mebibyte }), { minLength: 30, maxLength: 60 }),
        fc.array(fc.nat(40), { minLength: 60, maxLength: 60 }),
        async (reorderWindowBytes, lengths, delays) => {
          const vault = world.restart({ reorderWindowBytes });
          await using writer = await vault.openUpload(call(), targetOf('b'));
          const pieces: { offset: number; at: number }[] = [];
          for (let offset = 0, index = 0; offset < bytes.byteLength; index += 1) {
            pieces.push({ offset, at: index + (delays[index % delays.length] ?? 0) });
            offset += lengths[index % lengths.length] ?? 1;
          }
          const ends = new Map(pieces.map(({ offset }, index) => [offset, pieces[index + 1]?.offset]));
          pieces.sort((a, b) => a.at - b.at);
          await Promise.all(
            pieces.map(({ offset }) => writer.write(offset, [bytes.subarray(offset, ends.get(offset))])),
          );
          const result = await outcome(world, writer, 'b');
          expect(result.equals(bytes)).toBe(true);
        },
      ),
      { numRuns: 6 },
    );
  });

  it('go to the scratch file beyond the reorder window, and are read back from it', async () => {
    await using world = vaultWorld({ reorderWindowBytes: mebibyte });
    await using writer = await world.vault.openUpload(call(), targetOf('c'));
    const bytes = content(20 * mebibyte);
    for (let at = 19; at >= 0; at -= 1) {
      await writer.write(at * mebibyte, [bytes.subarray(at * mebibyte, (at + 1) * mebibyte)]);
      if (at === 1) expect(world.vault.statistics.scratchBytes).toBe(19 * mebibyte);
    }
    expect(world.vault.statistics.scratchBytes).toBe(0);
    await writer.commit(call());
    expect(world.store.contentOf(refOf('c'))?.equals(bytes)).toBe(true);
  });

  it('cannot rewrite or cut bytes that were already sent to S3', async () => {
    for (const act of [
      (writer: UploadWriter) => writer.write(100, [content(10)]),
      (writer: UploadWriter) => writer.truncate(mebibyte),
    ]) {
      await using world = vaultWorld();
      await using writer = await world.vault.openUpload(call(), targetOf('d'));
      await writer.write(0, [content(9 * mebibyte)]);
      await expect(act(writer)).rejects.toMatchObject({ kind: 'unsupported' });
      await expect(writer.commit(call())).rejects.toMatchObject({ kind: 'unsupported' });
    }
  });

  it('are completed with zeros where nothing was written, up to a limit', async () => {
    await using world = vaultWorld({ zeroFillLimitBytes: 9 * mebibyte });
    await using writer = await world.vault.openUpload(call(), targetOf('f'));
    await writer.truncate(9 * mebibyte);
    await writer.write(8 * mebibyte, [content(1000)]);
    await writer.commit(call());
    const expected = Buffer.alloc(9 * mebibyte);
    expected.set(content(1000), 8 * mebibyte);
    expect(world.store.contentOf(refOf('f'))?.equals(expected)).toBe(true);
    await using other = await world.vault.openUpload(call(), targetOf('g'));
    await other.truncate(10 * mebibyte);
    await expect(other.commit(call())).rejects.toMatchObject({ kind: 'too-large' });
    await using hole = await world.vault.openUpload(call(), targetOf('g'));
    await hole.write(10 * mebibyte, [content(1)]);
    await expect(hole.commit(call())).rejects.toMatchObject({ kind: 'too-large' });
  });
});

describe('many uploads with little memory', () => {
  it('all finish, and never use more than the memory', async () => {
    const limit = 16 * mebibyte;
    await using world = vaultWorld({ uploadMemoryBytes: limit });
    let peakBytes = 0;
    world.store.hooks.before = async () => {
      peakBytes = Math.max(peakBytes, world.vault.statistics.uploadMemoryBytes);
      await new Promise((resolve) => setImmediate(resolve));
    };
    const bytes = content(17 * mebibyte + 5);
    const upload = async (index: number, size: number) => {
      await using writer = await world.vault.openUpload(call(), targetOf(`many/${index}`));
      for (let at = 0; at < size; at += 100_000) {
        await writer.write(at, [bytes.subarray(at, Math.min(size, at + 100_000))]);
      }
      await writer.commit(call());
      expect(world.store.contentOf(refOf(`many/${index}`))?.equals(bytes.subarray(0, size))).toBe(true);
    };
    const sizes = [17 * mebibyte + 5, 100, 6 * mebibyte, 300_000, 9 * mebibyte, 17 * mebibyte, 1, 255_000];
    await Promise.all(sizes.map((size, index) => upload(index, size)));
    expect(peakBytes).toBeLessThanOrEqual(limit);
    expect(world.vault.statistics).toMatchObject({ uploadMemoryBytes: 0, waitingUploads: 0, openUploads: 0 });
  });

  it('are refused with a reason if they wait too long for stalled uploads', async () => {
    await using world = vaultWorld({ uploadMemoryBytes: 13 * mebibyte, uploadAdmissionTimeoutMs: 10 });
    const idle = await Promise.all(
      [0, 1].map(async (index) => {
        const writer = await world.vault.openUpload(call(), targetOf(`idle/${index}`));
        await writer.write(0, [content(mebibyte)]);
        return writer;
      }),
    );
    await using late = await world.vault.openUpload(call(), targetOf('late'));
    await expect(late.write(0, [content(4 * mebibyte)])).rejects.toMatchObject({ kind: 'over-quota' });
    for (const writer of idle) await writer.commit(call());
    for (const writer of idle) await writer[Symbol.asyncDispose]();
  });

  it('stop waiting for memory when the client disconnects', async () => {
    await using world = vaultWorld({ uploadMemoryBytes: 13 * mebibyte });
    const holders = await Promise.all(
      [0, 1].map(async (index) => {
        const writer = await world.vault.openUpload(call(), targetOf(`holder/${index}`));
        await writer.write(0, [content(mebibyte)]);
        return writer;
      }),
    );
    const client = new AbortController();
    await using waiting = await world.vault.openUpload(call(client.signal), targetOf('waiting'));
    const write = waiting.write(0, [content(4 * mebibyte)]);
    client.abort();
    await expect(write).rejects.toMatchObject({ kind: 'cancelled' });
    for (const writer of holders) await writer[Symbol.asyncDispose]();
  });
});
