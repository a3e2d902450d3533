import { describe, expect, it } from 'vitest';
import { checksumOf } from '../bytes/running-checksum.js';
import { Fault } from '../model/fault.js';
import { MemoryStore, type MemoryStoreOptions } from '../vault/testing/memory-store.js';
import {
  aliceEncryption,
  call,
  keyNamed,
  quickClock,
  refOf,
  seededEntropy,
} from '../vault/testing/vault-world.js';
import { withRetries } from './retry.js';

const ref = refOf('k');
const options = {
  encryption: aliceEncryption,
  acl: null,
  metadata: {},
  contentType: null,
  onlyIfAbsent: true,
} as const;

function bodyOf(text: string) {
  const bytes = Buffer.from(text);
  return { chunks: [bytes], byteLength: bytes.byteLength, checksum: checksumOf('crc32c', bytes) };
}

function setUp(storeOptions: MemoryStoreOptions = {}) {
  const memory = new MemoryStore(storeOptions);
  const store = withRetries(memory, { clock: quickClock, entropy: seededEntropy('retry') });
  return { memory, store };
}

describe('a put that must not overwrite', () => {
  /** Loses the answer of the first put, after `between` has run. */
  function losing(memory: MemoryStore, between: () => Promise<unknown> = async () => undefined): void {
    let isLost = false;
    memory.hooks.after = async (operation) => {
      if (operation !== 'put' || isLost) return;
      isLost = true;
      await between();
      throw new Fault('timed-out', 'the answer was lost');
    };
  }

  it('succeeds if the object of its first attempt is there', async () => {
    const { memory, store } = setUp({ versioned: true });
    losing(memory);
    const written = await store.put(call(), ref, bodyOf('mine'), options);
    const { etag, versionId, checksum } = memory.infoOf(ref) ?? {};
    expect(written).toEqual({ etag, versionId, checksum });
    expect(memory.count('put')).toBe(2);
  });

  it.each([
    ['another length', 'other', aliceEncryption],
    ['another content', 'else', aliceEncryption],
    ['another key', 'mine', { kind: 'sse-c', key: keyNamed('eve') }],
  ] as const)('fails if the object there has %s', async (_, text, encryption) => {
    const { memory, store } = setUp();
    losing(memory, () =>
      memory.put(call(), ref, bodyOf(text), { ...options, encryption, onlyIfAbsent: false }),
    );
    await expect(store.put(call(), ref, bodyOf('mine'), options)).rejects.toMatchObject({ kind: 'exists' });
  });

  it('fails if S3 keeps no checksum to compare', async () => {
    const { memory, store } = setUp({ answersChecksum: false });
    losing(memory);
    await expect(store.put(call(), ref, bodyOf('mine'), options)).rejects.toMatchObject({ kind: 'exists' });
  });

  it('fails if the object there cannot be read, or is gone again', async () => {
    const { memory, store } = setUp();
    losing(memory);
    memory.hooks.before = (operation) => {
      if (operation === 'head') throw new Fault('denied', 'no HEAD');
    };
    await expect(store.put(call(), ref, bodyOf('mine'), options)).rejects.toMatchObject({ kind: 'exists' });
    memory.hooks.before = async (operation) => {
      if (operation === 'head') memory.objects.clear();
    };
    losing(memory);
    memory.objects.clear();
    await expect(store.put(call(), ref, bodyOf('mine'), options)).rejects.toMatchObject({ kind: 'exists' });
  });

  it('succeeds if the object of its first attempt is found after a HEAD that failed', async () => {
    const { memory, store } = setUp();
    losing(memory);
    memory.hooks.before = (operation) => {
      if (operation === 'head' && memory.count('head') === 1) throw new Fault('throttled', 'slow down');
    };
    await store.put(call(), ref, bodyOf('mine'), options);
    expect(memory.count('head')).toBe(2);
  });

  it('fails at its first attempt if an equal object was there before', async () => {
    const { memory, store } = setUp();
    await memory.put(call(), ref, bodyOf('mine'), options);
    await expect(store.put(call(), ref, bodyOf('mine'), options)).rejects.toMatchObject({ kind: 'exists' });
    expect(memory.count('head')).toBe(0);
  });

  it('reports another fault after a lost answer unchanged', async () => {
    const { memory, store } = setUp();
    losing(memory);
    let puts = 0;
    memory.hooks.before = (operation) => {
      if (operation !== 'put') return;
      puts += 1;
      if (puts === 2) throw new Fault('denied', 'no more');
    };
    await expect(store.put(call(), ref, bodyOf('mine'), options)).rejects.toMatchObject({ kind: 'denied' });
  });

  it('may overwrite an object of the same content if the caller allows it', async () => {
    const { memory, store } = setUp();
    losing(memory);
    const { etag } = await store.put(call(), ref, bodyOf('mine'), { ...options, onlyIfAbsent: false });
    expect(memory.infoOf(ref)?.etag).toBe(etag);
    expect(memory.count('head')).toBe(0);
  });
});

describe('every operation', () => {
  it('is repeated after a transient fault, and returns what the store returns', async () => {
    const { memory, store } = setUp({ versioned: true });
    await memory.put(call(), ref, bodyOf('mine'), options);
    const failed = new Set<string>();
    memory.hooks.before = (operation) => {
      if (failed.has(operation)) return;
      failed.add(operation);
      throw new Fault('unavailable', `${operation} failed once`);
    };
    const access = {
      kind: 'sse-c',
      key: aliceEncryption.kind === 'sse-c' ? aliceEncryption.key : keyNamed('x'),
    } as const;
    const body = await store.read(call(), ref, access, null);
    expect(body?.info.size).toBe(4);
    expect(await store.head(call(), ref, access)).toMatchObject({ size: 4 });
    expect(
      (await store.list(call(), { bucket: 'bucket', prefix: '', delimiter: null })).objects,
    ).toHaveLength(1);
    expect((await store.listVersions(call(), { bucket: 'bucket', prefix: '' })).versions).toHaveLength(1);
    await store.putTags(call(), ref, { a: 'b' });
    expect(await store.getTags(call(), ref)).toMatchObject({ a: 'b' });
    await store.getAcl(call(), ref);
    const upload = await store.beginUpload(call(), refOf('big'), { ...options, onlyIfAbsent: false });
    const receipt = await upload.uploadPart(call(), 1, bodyOf('part'));
    expect(await store.listUploads(call(), 'bucket', '')).toHaveLength(1);
    const resumed = store.resumeUpload(call(), refOf('big'), options, upload.uploadId);
    expect(resumed.uploadId).toBe(upload.uploadId);
    await resumed.complete(call(), [receipt], {
      size: 4,
      checksum: checksumOf('crc32c', Buffer.from('part')),
    });
    expect(memory.contentOf(refOf('big'))?.toString()).toBe('part');
    const other = await store.beginUpload(call(), refOf('other'), options);
    await other.abort(call());
    const third = await store.beginUpload(call(), refOf('third'), options);
    await store.abortUpload(call(), refOf('third'), third.uploadId);
    expect(memory.uploads.size).toBe(0);
    await store.copy(call(), ref, refOf('copied'), {
      encryption: aliceEncryption,
      acl: null,
      metadata: {},
      contentType: null,
      metadataFrom: 'copy',
      sourceAccess: access,
    });
    expect(memory.contentOf(refOf('copied'))?.toString()).toBe('mine');
    await store.remove(call(), ref);
    expect(memory.contentOf(ref)).toBeNull();
    expect([...failed].sort()).toEqual([
      'abort',
      'begin',
      'complete',
      'copy',
      'getAcl',
      'getTags',
      'head',
      'list',
      'listUploads',
      'listVersions',
      'part',
      'putTags',
      'read',
      'remove',
    ]);
  });

  it('reports the fault of the last attempt when an upload that may have begun is cancelled', async () => {
    const { memory, store } = setUp();
    const stop = new AbortController();
    memory.hooks.before = () => {
      stop.abort();
      throw new Fault('timed-out', 'no answer');
    };
    const begun = store.beginUpload(call(stop.signal), ref, options);
    await expect(begun).rejects.toMatchObject({ kind: 'timed-out' });
    await expect(store.beginUpload(call(AbortSignal.abort()), ref, options)).rejects.toMatchObject({
      kind: 'cancelled',
    });
  });
});
