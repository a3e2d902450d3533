import { Crc64Nvme, crc64NvmeBase64 } from '@sftpgw/checksums';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { checksumOf } from '../../bytes/running-checksum.js';
import { noKey, type WriteEncryption } from '../../model/encryption.js';
import { Fault } from '../../model/fault.js';
import type { ObjectInfo, ObjectStore } from '../../model/object-store.js';
import {
  aliceKey,
  call,
  content,
  keyNamed,
  quickClock,
  refOf,
  type VaultWorld,
  vaultWorld,
} from '../testing/vault-world.js';
import { type FetchRequest, fetchObject } from './fetch-object.js';

let world: VaultWorld;

beforeEach(() => {
  world = vaultWorld({}, { pieceBytes: 1000 });
});
afterEach(() => world[Symbol.asyncDispose]());

const bytes = content(25_000);
const ref = refOf('object');

async function put(
  content: Buffer = bytes,
  encryption: WriteEncryption = { kind: 'sse-c', key: aliceKey },
): Promise<void> {
  const body = { chunks: [content], byteLength: content.byteLength, checksum: checksumOf('crc32c', content) };
  await world.store.put(call(), ref, body, {
    encryption,
    acl: null,
    metadata: { mtime: '12.5' },
    contentType: null,
  });
}

async function fetched(change: Partial<FetchRequest> = {}, store: ObjectStore = world.store) {
  const target = Buffer.alloc(bytes.byteLength);
  const { ledger } = world;
  const limits = { resumeTimeMs: 90_000 };
  const request: FetchRequest = {
    ref,
    likely: { kind: 'sse-c', key: aliceKey },
    keys: [aliceKey],
    expectedSize: bytes.byteLength,
    rangeBytes: 4000,
    parallelRanges: 3,
    ...change,
  };
  const object = await fetchObject({ store, ledger, clock: quickClock, limits }, call(), request, {
    begin: async () => undefined,
    write: async (position, piece) => {
      target.set(piece, position);
    },
  });
  return { object, target };
}

/** Returns the store with changed object properties in its responses. */
function saying(change: Partial<ObjectInfo>): ObjectStore {
  const { store } = world;
  return Object.assign(Object.create(store), {
    head: async (...args: Parameters<ObjectStore['head']>) => {
      const info = await store.head(...args);
      return info && { ...info, ...change };
    },
    read: async (...args: Parameters<ObjectStore['read']>) => {
      const body = await store.read(...args);
      return body && { ...body, info: { ...body.info, ...change } };
    },
  });
}

/** Returns the store, which reports the begin and end of each body. */
function watching(begins: () => void, ends: () => void): ObjectStore {
  const { store } = world;
  async function* watched(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    begins();
    try {
      yield* pieces;
    } finally {
      ends();
    }
  }
  return Object.assign(Object.create(store), {
    head: (...args: Parameters<ObjectStore['head']>) => store.head(...args),
    read: async (...args: Parameters<ObjectStore['read']>) => {
      const body = await store.read(...args);
      return body && { ...body, bytes: watched(body.bytes) };
    },
  });
}

describe('an object that is fetched whole', () => {
  it.each([
    ['in one request', 100_000],
    ['in ranges', 4000],
  ])('%s has the content, time and checksum of the object in S3', async (_, rangeBytes) => {
    await put();
    const { object, target } = await fetched({ rangeBytes });
    expect(target.equals(bytes)).toBe(true);
    expect(object).toMatchObject({
      mtimeSeconds: 12.5,
      checksum: checksumOf('crc32c', bytes),
      access: { kind: 'sse-c' },
    });
  });

  it.each([
    ['none', 0],
    ['one', 1],
    ['more than it can use', 9],
  ])('is fetched in parallel ranges only if there are free slots: %s', async (_, places) => {
    await put();
    let free = places;
    let peak = 0;
    let reading = 0;
    const { target } = await fetched(
      {
        spare: () => {
          if (free === 0) return null;
          free -= 1;
          return () => {
            free += 1;
          };
        },
      },
      watching(
        () => {
          reading += 1;
          peak = Math.max(peak, reading);
        },
        () => {
          reading -= 1;
        },
      ),
    );
    expect(target.equals(bytes)).toBe(true);
    expect(peak).toBe(Math.min(3, places + 1));
    expect(free).toBe(places);
  });

  it.each([100_000, 4000])(
    'is corrupt if it does not match S3’s checksum (ranges of %d)',
    async (rangeBytes) => {
      await put();
      await expect(
        fetched({ rangeBytes }, saying({ checksum: { algorithm: 'crc32c', value: 1 } })),
      ).rejects.toMatchObject({ kind: 'corrupt' });
    },
  );

  it.each([100_000, 4000])(
    'is checked by its CRC-32 if S3 keeps one, whatever uploads use (ranges of %d)',
    async (rangeBytes) => {
      await put();
      const checksum = checksumOf('crc32', bytes);
      const { object, target } = await fetched({ rangeBytes }, saying({ checksum }));
      expect(object?.checksum).toEqual(checksum);
      expect(target.equals(bytes)).toBe(true);
      const wrong = saying({ checksum: { ...checksum, value: 1 } });
      await expect(fetched({ rangeBytes }, wrong)).rejects.toMatchObject({ kind: 'corrupt' });
    },
  );

  it.each([100_000, 4000])(
    'is checked by its CRC-64/NVME if there is no other checksum (ranges of %d)',
    async (rangeBytes) => {
      await put();
      const sum = new Crc64Nvme();
      sum.update(bytes);
      const right = { checksum: null, crc64Nvme: crc64NvmeBase64(sum.value) };
      expect((await fetched({ rangeBytes }, saying(right))).target.equals(bytes)).toBe(true);
      const wrong = { checksum: null, crc64Nvme: crc64NvmeBase64(sum.value ^ 1n) };
      await expect(fetched({ rangeBytes }, saying(wrong))).rejects.toMatchObject({ kind: 'corrupt' });
    },
  );

  it('is resumed where its body is interrupted', async () => {
    await put();
    let breaks = 3;
    world.store.hooks.beforeBytes = (position) => {
      if (position % 3000 !== 0 || breaks === 0) return;
      breaks -= 1;
      throw new Fault('unavailable', 'the connection broke');
    };
    expect((await fetched()).target.equals(bytes)).toBe(true);
    expect(breaks).toBe(0);
  });

  it('is a conflict if it is replaced meanwhile', async () => {
    await put();
    let isReplaced = false;
    world.store.hooks.beforeBytes = async (position) => {
      if (position < 2000 || isReplaced) return;
      isReplaced = true;
      await put(content(25_000, 'other'));
    };
    await expect(fetched()).rejects.toMatchObject({ kind: 'conflict' });
  });

  it('is null if it does not exist', async () => {
    expect((await fetched()).object).toBeNull();
    expect((await fetched({ rangeBytes: 100_000 })).object).toBeNull();
  });

  it('is fetched even if it is empty or smaller than the listing reported', async () => {
    await put(Buffer.alloc(0));
    expect((await fetched()).object).toMatchObject({ info: { size: 0 } });
    await put(bytes.subarray(0, 100));
    expect((await fetched()).object).toMatchObject({ info: { size: 100 } });
  });

  it('is opened with any key that fits, with one request if the likely access fits', async () => {
    const bob = keyNamed('bob');
    await put(bytes, { kind: 'sse-c', key: bob });
    const one = { rangeBytes: 100_000, keys: [aliceKey, bob] };
    expect((await fetched(one)).object?.access).toEqual({ kind: 'sse-c', key: bob });
    world.store.counts.clear();
    await fetched({ ...one, likely: { kind: 'sse-c', key: bob } });
    expect(world.store.count('read')).toBe(1);
    await put(bytes, { kind: 'sse-s3' });
    expect((await fetched(one)).object?.access).toEqual(noKey);
    await put(bytes, { kind: 'sse-c', key: keyNamed('carol') });
    await expect(fetched(one)).rejects.toMatchObject({ kind: 'key-mismatch' });
  });
});
