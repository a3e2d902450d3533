import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BufferPool, releaseBytes } from '../../bytes/buffer-pool.js';
import { Fault } from '../../model/fault.js';
import {
  aliceKey,
  call,
  content,
  keyNamed,
  mebibyte,
  readAll,
  refOf,
  targetOf,
  type VaultWorld,
  vaultWorld,
} from '../testing/vault-world.js';

async function stored(world: VaultWorld, key: string, bytes: Buffer, target = targetOf(key)): Promise<void> {
  await using writer = await world.vault.openUpload(call(), target);
  await writer.write(0, [bytes]);
  await writer.commit(call());
}

async function opened(world: VaultWorld, key: string, keys = [aliceKey]) {
  const reader = await world.vault.openReader(call(), refOf(key), keys);
  if (reader === null) throw new Error(`${key} is not there`);
  return reader;
}

/** Lends pieces, overwrites those that are returned, and counts both. */
class SpoilingPool extends BufferPool {
  lentCount = 0;
  backCount = 0;

  async *pieces(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const piece of bytes) {
      const lent = this.lend();
      this.lentCount += 1;
      lent.set(piece);
      yield lent.subarray(0, piece.byteLength);
    }
  }

  override takeBack(bytes: Buffer): void {
    this.backCount += 1;
    bytes.fill(0xee);
    super.takeBack(bytes);
  }
}

/** Returns the bytes with one bit changed, if the byte is among them. `position` is that of the first byte. */
async function* flipping(
  bytes: AsyncIterable<Uint8Array>,
  flipped: number,
  position: number,
): AsyncGenerator<Uint8Array> {
  let at = position;
  for await (const piece of bytes) {
    const copy = Buffer.from(piece);
    if (at <= flipped && flipped < at + copy.byteLength)
      copy.writeUInt8(copy.readUInt8(flipped - at) ^ 4, flipped - at);
    at += copy.byteLength;
    yield copy;
  }
}

describe('a reader', () => {
  it('does not change lent memory until its views are released, then returns all of it', async () => {
    const bytes = content(5 * mebibyte + 123);
    await using world = vaultWorld({ rangeBytes: 256 * 1024, readMemoryBytes: mebibyte });
    await stored(world, 'a', bytes);
    const pool = new SpoilingPool(64 * 1024, 1000);
    const { store } = world;
    const read = store.read.bind(store);
    store.read = async (...asked) => {
      const body = await read(...asked);
      return body === null ? null : { info: body.info, bytes: pool.pieces(body.bytes) };
    };
    const reads = fc.array(fc.tuple(fc.nat(bytes.byteLength), fc.nat(300_000), fc.nat(3), fc.boolean()), {
      minLength: 1,
      maxLength: 20,
    });
    await fc.assert(
      fc.asyncProperty(reads, fc.boolean(), async (plan, inARow) => {
        {
          await using reader = await opened(world, 'a');
          let next = 0;
          const readings = plan.map(async ([at, length, turns, isAwaited]) => {
            const offset = inARow ? next : at;
            next += length;
            const controller = new AbortController();
            const reading = reader.read({ ...call(), signal: controller.signal }, offset, length);
            if (!isAwaited) controller.abort();
            const views = await reading.catch(() => null);
            for (let turn = 0; turn < turns; turn += 1) await new Promise(setImmediate);
            if (views === null) return;
            expect((await readAll(views)).equals(bytes.subarray(offset, offset + length))).toBe(true);
            for (const view of views) releaseBytes(view);
          });
          await Promise.all(readings);
        }
        expect(pool.backCount).toBe(pool.lentCount);
      }),
      { numRuns: 60 },
    );
    expect(pool.backCount).toBeGreaterThan(100);
  });

  it('returns any range of any object as it was written, and null behind its end', async () => {
    const bytes = content(9 * mebibyte + 123);
    await using world = vaultWorld({ rangeBytes: 512 * 1024, readMemoryBytes: 2 * mebibyte });
    await stored(world, 'a', bytes);
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(bytes.byteLength + 1000), fc.nat(700_000)), { minLength: 1, maxLength: 12 }),
        fc.boolean(),
        async (reads, together) => {
          await using reader = await opened(world, 'a');
          const check = async ([offset, length]: [number, number]) => {
            const answer = await reader.read(call(), offset, length);
            if (offset >= bytes.byteLength) expect(answer).toBeNull();
            else {
              const same = (await readAll(answer)).equals(bytes.subarray(offset, offset + length));
              expect(same).toBe(true);
            }
          };
          if (together) await Promise.all(reads.map(check));
          else for (const read of reads) await check(read);
        },
      ),
      { numRuns: 60 },
    );
    expect(world.vault.statistics).toMatchObject({ openReaders: 0, readMemoryBytes: 0 });
  });

  it('resumes interrupted bodies at the byte where they ended', async () => {
    const bytes = content(5 * mebibyte);
    await using world = vaultWorld();
    await stored(world, 'a', bytes);
    let pieces = 0;
    world.store.hooks.beforeBytes = () => {
      pieces += 1;
      if (pieces % 3 === 0) throw new Fault('unavailable', 'the connection broke');
    };
    await using reader = await opened(world, 'a');
    for (let at = 0; at < bytes.byteLength; at += 200_000) {
      const answer = await readAll(await reader.read(call(), at, 200_000));
      expect(answer.equals(bytes.subarray(at, at + 200_000))).toBe(true);
    }
    expect(world.store.bytesRead).toBe(bytes.byteLength);
  });

  it('fails with corrupt when a bit of a file was flipped that is read from first to last byte', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 2 * mebibyte }),
        fc.nat(),
        fc.integer({ min: 1000, max: 300_000 }),
        fc.boolean(),
        async (size, flipped, length, together) => {
          const bytes = content(size);
          await using world = vaultWorld({ rangeBytes: 256 * 1024 });
          await stored(world, 'a', bytes);
          const { store } = world;
          const read = store.read.bind(store);
          store.read = async (...asked) => {
            const body = await read(...asked);
            return body && { ...body, bytes: flipping(body.bytes, flipped % size, asked[3]?.start ?? 0) };
          };
          await using reader = await opened(world, 'a');
          const starts = Array.from({ length: Math.ceil(size / length) }, (_, index) => index * length);
          const results: PromiseSettledResult<unknown>[] = [];
          if (together) {
            results.push(...(await Promise.allSettled(starts.map((at) => reader.read(call(), at, length)))));
          } else {
            for (const at of starts)
              results.push(...(await Promise.allSettled([reader.read(call(), at, length)])));
          }
          const failed = results.filter(({ status }) => status === 'rejected');
          expect(failed.length).toBeGreaterThan(0);
          expect(failed[0]).toMatchObject({ reason: { kind: 'corrupt' } });
          await expect(reader.read(call(), size, 100)).rejects.toMatchObject({ kind: 'corrupt' });
        },
      ),
      { numRuns: 30 },
    );
  });

  it('fails after repeated interruptions without progress', async () => {
    await using world = vaultWorld();
    await stored(world, 'a', content(mebibyte));
    world.store.hooks.beforeBytes = () => {
      throw new Fault('unavailable', 'the connection broke');
    };
    await using reader = await opened(world, 'a');
    await expect(reader.read(call(), 0, 100)).rejects.toThrow('the connection broke');
  });

  it('resumes an interrupted body for the time that requests are retried', async () => {
    const attempts: number[] = [];
    for (const resumeTimeMs of [0, 5_000, 90_000]) {
      await using world = vaultWorld({ resumeTimeMs });
      await stored(world, 'a', content(mebibyte));
      let tried = 0;
      world.store.hooks.beforeBytes = () => {
        tried += 1;
        throw new Fault('unavailable', 'the connection broke');
      };
      await using reader = await opened(world, 'a');
      await expect(reader.read(call(), 0, 100)).rejects.toThrow('the connection broke');
      attempts.push(tried);
    }
    const [none = 0, some = 0, many = 0] = attempts;
    expect(some).toBeGreaterThan(none);
    expect(many).toBeGreaterThan(some);
  });

  it('fetches each byte of a sequential read once, although 64 requests run in parallel', async () => {
    const bytes = content(40 * mebibyte);
    await using world = vaultWorld();
    await stored(world, 'a', bytes);
    await using reader = await opened(world, 'a');
    const length = 255 * 1024;
    const offsets = Array.from(
      { length: Math.ceil(bytes.byteLength / length) },
      (_, index) => index * length,
    );
    const swapped = offsets.map(
      (_, index) => offsets[index % 2 === 0 ? index + 1 : index - 1] ?? offsets[index] ?? 0,
    );
    for (let batch = 0; batch < swapped.length; batch += 64) {
      await Promise.all(
        swapped.slice(batch, batch + 64).map(async (offset) => {
          const answer = await readAll(await reader.read(call(), offset, length));
          expect(answer.equals(bytes.subarray(offset, offset + length))).toBe(true);
        }),
      );
    }
    expect(world.store.bytesRead).toBe(bytes.byteLength);
  });

  it('opens a small file with one request, and an empty one too', async () => {
    await using world = vaultWorld();
    await stored(world, 'small', content(1000));
    await stored(world, 'empty', content(0));
    await using small = await opened(world, 'small');
    expect((await readAll(await small.read(call(), 0, 5000))).equals(content(1000))).toBe(true);
    expect([world.store.count('read'), world.store.count('head')]).toEqual([1, 0]);
    await using empty = await opened(world, 'empty');
    expect(empty.info.size).toBe(0);
    expect(await empty.read(call(), 0, 10)).toBeNull();
  });

  it('is read without a check if the ledger has no checksum, and not at all if it has another size', async () => {
    const bytes = content(2 * mebibyte);
    await using world = vaultWorld();
    await stored(world, 'a', bytes);
    const [row] = world.ledger.rows.values();
    const known = row?.confirmation;
    if (row === undefined || known === null || known === undefined) throw new Error('no row');
    world.ledger.rows.set(row.id, { ...row, confirmation: { ...known, checksum: null } });
    {
      await using reader = await opened(world, 'a');
      for (let at = 0; at < bytes.byteLength; at += mebibyte / 2) {
        const answer = await readAll(await reader.read(call(), at, mebibyte / 2));
        expect(answer.equals(bytes.subarray(at, at + mebibyte / 2))).toBe(true);
      }
    }
    world.ledger.rows.set(row.id, { ...row, confirmation: { ...known, size: known.size + 1 } });
    await expect(world.vault.openReader(call(), refOf('a'), [aliceKey])).rejects.toMatchObject({
      kind: 'corrupt',
    });
    expect(world.vault.statistics.readMemoryBytes).toBe(0);
  });

  it('is not opened as an empty one if S3 refuses its first range', async () => {
    await using world = vaultWorld();
    await stored(world, 'a', content(10));
    world.store.hooks.before = (operation) => {
      if (operation === 'read') throw new Fault('invalid', 'InvalidRange');
    };
    await expect(world.vault.openReader(call(), refOf('a'), [aliceKey])).rejects.toMatchObject({
      kind: 'invalid',
    });
  });

  it('stays with the version that was opened: another content is a conflict', async () => {
    await using world = vaultWorld();
    await stored(world, 'a', content(3 * mebibyte, 'first'));
    await using reader = await opened(world, 'a');
    await stored(world, 'a', content(3 * mebibyte, 'second'));
    await expect(reader.read(call(), 2 * mebibyte, 100)).rejects.toMatchObject({ kind: 'conflict' });
    await expect(reader.read(call(), 2 * mebibyte, 100)).rejects.toMatchObject({ kind: 'conflict' });
  });

  it('continues if many readers share little memory', async () => {
    const bytes = content(4 * mebibyte);
    await using world = vaultWorld({ readMemoryBytes: mebibyte });
    await stored(world, 'a', bytes);
    await Promise.all(
      Array.from({ length: 8 }, async () => {
        await using reader = await opened(world, 'a');
        for (let at = 0; at < bytes.byteLength; at += 100_000) {
          const answer = await readAll(await reader.read(call(), at, 100_000));
          expect(answer.equals(bytes.subarray(at, at + 100_000))).toBe(true);
        }
      }),
    );
    expect(world.vault.statistics.readMemoryBytes).toBe(0);
  });

  it('reports the keys that it tried if none opens the object', async () => {
    await using world = vaultWorld();
    await stored(world, 'a', content(10));
    const other = keyNamed('other');
    await expect(world.vault.openReader(call(), refOf('a'), [other])).rejects.toMatchObject({
      kind: 'key-mismatch',
      hint: expect.stringContaining(other.fingerprint),
    });
    await expect(world.vault.openReader(call(), refOf('a'), [])).rejects.toMatchObject({
      kind: 'key-missing',
    });
    expect(await world.vault.openReader(call(), refOf('nothing'), [aliceKey])).toBeNull();
  });
});
