import { describe, expect, it } from 'vitest';
import { checksumOf } from '../../bytes/running-checksum.js';
import { Fault } from '../../model/fault.js';
import type { ObjectInfo, WrittenObject } from '../../model/object-store.js';
import { abilities } from '../testing/abilities.js';
import { MemoryStore } from '../testing/memory-store.js';
import { aliceEncryption, call, content, refOf, targetOf } from '../testing/vault-world.js';
import { clockSkewMs, verifyWritten } from './verify-written.js';

const ref = refOf('a');
const sent = content(100, 'sent');
const other = content(100, 'other');
const options = { encryption: aliceEncryption, acl: null, metadata: {}, contentType: null };

function bodyOf(bytes: Buffer) {
  return { chunks: [bytes], byteLength: bytes.byteLength, checksum: checksumOf('crc32c', bytes) };
}

const put = (store: MemoryStore, bytes: Buffer) => store.put(call(), ref, bodyOf(bytes), options);

interface Attempt {
  readonly partCount?: number | null;
  readonly startedMs?: number;
}

function verify(store: MemoryStore, write: () => Promise<WrittenObject>, attempt: Attempt = {}) {
  const expected = {
    size: sent.byteLength,
    checksum: checksumOf('crc32c', sent),
    partCount: null,
    startedMs: 0,
  };
  return verifyWritten(store, call(), targetOf('a'), { ...expected, ...attempt }, write);
}

describe.each(abilities)('a write to an S3 that has $name', ({ options: server }) => {
  const answersChecksum = server.answersChecksum !== false;

  it('is accepted if size and checksum are those that were sent, as far as S3 tells', async () => {
    const store = new MemoryStore(server);
    const written = await verify(store, () => put(store, sent));
    expect(written.etag).toBe(store.infoOf(ref)?.etag);
    expect(store.count('head')).toBe(answersChecksum ? 0 : 1);
  });

  it('is corrupt and removed if the size is another one', async () => {
    const store = new MemoryStore(server);
    await expect(verify(store, () => put(store, content(99)))).rejects.toMatchObject({ kind: 'corrupt' });
    expect(store.contentOf(ref)).toBeNull();
  });

  it.runIf(answersChecksum)('is corrupt and removed if the content is another one', async () => {
    const store = new MemoryStore(server);
    await expect(verify(store, () => put(store, other))).rejects.toMatchObject({ kind: 'corrupt' });
    expect(store.contentOf(ref)).toBeNull();
  });

  it('is corrupt if there is no object', async () => {
    const store = new MemoryStore(server);
    const write = async () => ({ etag: '"e"', versionId: null, checksum: null });
    await expect(verify(store, write)).rejects.toMatchObject({ kind: 'corrupt' });
  });

  it('removes only its own version', async () => {
    const store = new MemoryStore(server);
    await put(store, sent);
    await expect(verify(store, () => put(store, content(99)))).rejects.toMatchObject({ kind: 'corrupt' });
    expect(store.contentOf(ref)?.equals(sent) ?? false).toBe(server.versioned === true);
  });
});

describe('a write whose answer has no checksum', () => {
  /** Hides the checksum of the answer, but not that of a HEAD. */
  const hidden = async (written: Promise<WrittenObject>) => ({ ...(await written), checksum: null });

  it.each([
    ['another size', { size: 99 }],
    ['another checksum', { checksum: checksumOf('crc32c', other) }],
  ] as const)('is corrupt if a HEAD shows only %s', async (_, change: Partial<ObjectInfo>) => {
    const store = new MemoryStore();
    const head = store.head.bind(store);
    store.head = async (...given) => {
      const info = await head(...given);
      return info === null ? null : { ...info, ...change };
    };
    await expect(verify(store, () => hidden(put(store, sent)))).rejects.toMatchObject({ kind: 'corrupt' });
    expect(store.contentOf(ref)).toBeNull();
  });

  it('is accepted if another client has replaced it', async () => {
    const store = new MemoryStore();
    const write = async () => {
      const written = await hidden(put(store, sent));
      await put(store, other);
      return written;
    };
    await verify(store, write);
    expect(store.contentOf(ref)?.equals(other)).toBe(true);
  });
});

describe('a write that S3 reports as corrupt', () => {
  const minutesMs = 60_000;
  const nowMs = 1_700_000_000_000;

  /** Stores an object with this number of parts, as the wrong result of an upload. */
  async function failing(attempt: Attempt, parts: number, bytes = other): Promise<MemoryStore> {
    const store = new MemoryStore({ nowMs: () => nowMs });
    const head = store.head.bind(store);
    store.head = async (...given) => {
      const info = await head(...given);
      return info === null
        ? null
        : { ...info, etag: info.etag.replace(/"$/, parts === 0 ? '"' : `-${parts}"`) };
    };
    const remove = store.remove.bind(store);
    store.remove = (own, at, condition = {}) =>
      remove(own, at, condition.ifMatch === undefined ? condition : {});
    const write = async () => {
      await put(store, bytes);
      throw new Fault('corrupt', 'the object is not what was sent');
    };
    await expect(verify(store, write, attempt)).rejects.toMatchObject({ kind: 'corrupt' });
    return store;
  }

  it.each<[string, boolean, Attempt, number]>([
    ['its parts are those that were sent', true, { partCount: 2, startedMs: nowMs }, 2],
    ['it has another number of parts', false, { partCount: 2, startedMs: nowMs }, 3],
    ['it has twelve parts instead of two', false, { partCount: 2, startedMs: nowMs }, 12],
    ['it was not uploaded in parts', false, { partCount: null, startedMs: nowMs }, 2],
    ['S3’s clock is a little behind', true, { partCount: 2, startedMs: nowMs + clockSkewMs }, 2],
    ['it is older than the upload', false, { partCount: 2, startedMs: nowMs + clockSkewMs + minutesMs }, 2],
  ])('is judged by its object: %s (removed: %s)', async (_, isRemoved, attempt, parts) => {
    const store = await failing(attempt, parts);
    expect(store.contentOf(ref) === null).toBe(isRemoved);
  });

  it('keeps an object that is what was sent', async () => {
    const store = await failing({ partCount: 2, startedMs: nowMs }, 2, sent);
    expect(store.contentOf(ref)?.equals(sent)).toBe(true);
  });
});
