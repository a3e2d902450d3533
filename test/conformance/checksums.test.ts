import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock, systemEntropy } from '../../src/assembly/system.js';
import { checksumOf } from '../../src/bytes/running-checksum.js';
import { type ChecksumAlgorithm, checksumAlgorithms } from '../../src/model/checksum.js';
import { accessFor, type WriteEncryption } from '../../src/model/encryption.js';
import type { CopyOptions, MemoryBody, ObjectRef } from '../../src/model/object-store.js';
import { createS3ObjectStore, type S3ObjectStore } from '../../src/s3/object-store.js';
import { type S3Target, s3Targets } from '../support/s3-targets.js';
import { faultOf, newCall, newKey, sseC, writeOptions } from './fixtures.js';

const MiB = 1024 * 1024;
const other: Readonly<Record<ChecksumAlgorithm, ChecksumAlgorithm>> = { crc32: 'crc32c', crc32c: 'crc32' };

for (const target of await s3Targets()) {
  describe.skipIf(target.skip !== null)(`checksums at ${target.name}`, () => describeChecksums(target));
}

function bodyWith(algorithm: ChecksumAlgorithm, bytes: Uint8Array): MemoryBody {
  return { chunks: [bytes], byteLength: bytes.byteLength, checksum: checksumOf(algorithm, bytes) };
}

function describeChecksums(target: S3Target): void {
  let bucket: string;
  const stores = new Map<ChecksumAlgorithm, S3ObjectStore>();
  let names = 0;

  const storeOf = (algorithm: ChecksumAlgorithm): S3ObjectStore => {
    const store = stores.get(algorithm);
    if (store === undefined) throw new Error(`no store of ${algorithm}`);
    return store;
  };
  const newRef = (): ObjectRef => {
    names += 1;
    return { bucket, key: `checksums/${names}` };
  };

  beforeAll(async () => {
    bucket = await target.makeBucket();
    for (const checksums of checksumAlgorithms) {
      const { endpoint, caFile, region, credentials } = target;
      const shared = { clock: systemClock, entropy: systemEntropy, checksums };
      const limits = { singleCopyLimitBytes: 6 * MiB, copyPartBytes: 5 * MiB };
      stores.set(
        checksums,
        createS3ObjectStore({ endpoint, caFile, region, credentials, ...shared, ...limits }),
      );
    }
  });
  afterAll(async () => {
    for (const store of stores.values()) await store[Symbol.asyncDispose]();
    await target.close();
  });

  /** Writes an object of two parts. */
  async function upload(
    algorithm: ChecksumAlgorithm,
    ref: ObjectRef,
    bytes: Buffer,
    encryption: WriteEncryption,
  ) {
    const pieces = [bytes.subarray(0, 5 * MiB), bytes.subarray(5 * MiB)];
    await using parts = await storeOf(algorithm).beginUpload(newCall(), ref, writeOptions(encryption));
    const receipts = [];
    for (const [index, piece] of pieces.entries()) {
      receipts.push(await parts.uploadPart(newCall(), index + 1, bodyWith(algorithm, piece)));
    }
    const whole = { size: bytes.byteLength, checksum: checksumOf(algorithm, bytes) };
    return await parts.complete(newCall(), receipts, whole);
  }

  describe.each(checksumAlgorithms)('%s', (algorithm) => {
    it('is kept with an object, and read by a store that sends another algorithm', async () => {
      const encryption = sseC(newKey());
      const bytes = randomBytes(1000);
      const ref = newRef();
      await storeOf(algorithm).put(newCall(), ref, bodyWith(algorithm, bytes), writeOptions(encryption));
      for (const reader of checksumAlgorithms) {
        const info = await storeOf(reader).head(newCall(), ref, accessFor(encryption));
        expect(info?.checksum).toEqual(checksumOf(algorithm, bytes));
        // The first request to a bucket uses the SDK, which does not ask for the checksum.
        const found = [];
        for (let time = 0; time < 2; time += 1) {
          const read = await storeOf(reader).read(newCall(), ref, accessFor(encryption), null);
          for await (const _ of read?.bytes ?? []);
          found.push(read?.info.checksum);
        }
        expect(found[1]).toEqual(checksumOf(algorithm, bytes));
      }
    });

    it('is refused if it does not match the bytes', async () => {
      const store = storeOf(algorithm);
      const wrong = { ...bodyWith(algorithm, randomBytes(10)), checksum: { algorithm, value: 5 } };
      const ref = newRef();
      await faultOf(store.put(newCall(), ref, wrong, writeOptions({ kind: 'sse-s3' })), 'corrupt', 'invalid');
      await using parts = await store.beginUpload(newCall(), ref, writeOptions({ kind: 'sse-s3' }));
      await faultOf(parts.uploadPart(newCall(), 1, wrong), 'corrupt', 'invalid');
    });

    it('of the whole is kept with an object of parts', async () => {
      const encryption = sseC(newKey());
      const bytes = randomBytes(5 * MiB + 1000);
      const ref = newRef();
      const written = await upload(algorithm, ref, bytes, encryption);
      const sum = checksumOf(algorithm, bytes);
      expect(written.checksum).toEqual(sum);
      const info = await storeOf(other[algorithm]).head(newCall(), ref, accessFor(encryption));
      expect(info).toMatchObject({ size: bytes.byteLength, checksum: sum });
    });

    const copies = [
      ['at once', 1000, false],
      ['at once, onto itself', 1000, true],
      ['in parts', 7 * MiB, false],
      ['in parts, onto itself', 7 * MiB, true],
    ] as const;
    it.each(copies)(
      'stays with a copy made by a store with another algorithm: %s',
      async (_, size, ontoItself) => {
        const [before, after] = [sseC(newKey()), sseC(newKey())];
        const bytes = randomBytes(size);
        const options: CopyOptions = {
          ...writeOptions(after),
          metadataFrom: 'copy',
          sourceAccess: accessFor(before),
        };
        const kept = [];
        for (const copier of [storeOf(algorithm), storeOf(other[algorithm])]) {
          const from = newRef();
          const to = ontoItself ? from : newRef();
          if (size > 5 * MiB) await upload(algorithm, from, bytes, before);
          else
            await storeOf(algorithm).put(newCall(), from, bodyWith(algorithm, bytes), writeOptions(before));
          const copied = await copier.copy(newCall(), from, to, options);
          expect(copied?.source.checksum).toEqual(checksumOf(algorithm, bytes));
          const info = await copier.head(newCall(), to, accessFor(after));
          expect(info?.size).toBe(size);
          kept.push(info?.checksum);
        }
        // Some servers keep no checksum for a copy, whichever client made it.
        expect([checksumOf(algorithm, bytes), null]).toContainEqual(kept[0]);
        expect(kept[1]).toEqual(kept[0]);
        if (target.kind === 'embedded') expect(kept[0]).not.toBeNull();
      },
    );
  });
}
