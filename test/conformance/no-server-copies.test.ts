import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { systemClock, systemEntropy } from '../../src/assembly/system.js';
import { checksumOf } from '../../src/bytes/running-checksum.js';
import { noKey, type WriteEncryption } from '../../src/model/encryption.js';
import type { CopyOptions, ObjectRef } from '../../src/model/object-store.js';
import { createS3ObjectStore, type S3ObjectStore } from '../../src/s3/object-store.js';
import type { S3StoreOptions } from '../../src/s3/options.js';
import { FaultProxy, type SeenRequest } from '../support/fault-proxy.js';
import { type S3Target, s3Targets } from '../support/s3-targets.js';
import {
  bodyOf,
  expectBytes,
  faultOf,
  newCall,
  newKey,
  readAll,
  type StoreTarget,
  sseC,
  writeOptions,
} from './fixtures.js';
import { describeObjectStore } from './object-store.js';

const isFull = process.env['SFTPGW_DRILL'] === 'full';
const MiB = 1024 * 1024;
const streamPartBytes = 5 * MiB;

const notImplemented = {
  do: 'answer',
  status: 501,
  body: '<?xml version="1.0"?><Error><Code>NotImplemented</Code><Message>not here</Message></Error>',
} as const;

const isCopy = ({ headers }: SeenRequest) => headers['x-amz-copy-source'] !== undefined;
const isEncrypted = ({ headers }: SeenRequest) =>
  Object.keys(headers).some((name) => name.includes('server-side-encryption'));

/** The servers that refuse to copy, by which requests they refuse, and of which objects they copy no ranges. */
const refusals: readonly (readonly [
  name: string,
  refuses: (request: SeenRequest) => boolean,
  rangesRefused: StoreTarget['rangesRefused'],
])[] = [
  ['no objects', isCopy, 'all'],
  [
    'no encrypted objects, as Ceph before 20,',
    (request) => isCopy(request) && isEncrypted(request),
    'encrypted',
  ],
  ['objects in one request only', (request) => isCopy(request) && request.url.includes('partNumber='), 'all'],
  ['parts only', (request) => isCopy(request) && !request.url.includes('partNumber='), undefined],
];

for (const target of await s3Targets()) {
  // The proxy refuses the same requests before any server. One that copies nothing uses each way through the gateway.
  const tried = target.kind === 'embedded' || isFull ? refusals : refusals.slice(0, 1);
  for (const [name, refuses, rangesRefused] of tried) {
    const makeTarget = async () => {
      const bucket = await target.makeBucket();
      const versionedBucket = await target.makeVersionedBucket();
      const { proxy, store } = await behindProxy(target);
      proxy.decide = (request) => (refuses(request) ? notImplemented : { do: 'pass' });
      const close = async () => {
        await store[Symbol.asyncDispose]();
        await proxy[Symbol.asyncDispose]();
        await target.close();
      };
      const versioned = { store, bucket: versionedBucket };
      const { kmsKey } = target;
      return { store, bucket, versioned, kmsKey, partBytes: 5 * MiB, rangesRefused, close };
    };
    describeObjectStore(`${target.name} that copies ${name}`, makeTarget, target.skip, 'copies');
  }
  describe.skipIf(target.skip !== null)(`a copy through the gateway: ${target.name}`, () =>
    describeStreamedCopies(target),
  );
}

async function behindProxy(target: S3Target): Promise<{ proxy: FaultProxy; store: S3ObjectStore }> {
  const proxy = await FaultProxy.start(target.endpoint, target.caFile);
  const store = createS3ObjectStore({ ...storeOptions(target), endpoint: proxy.endpoint, caFile: null });
  return { proxy, store };
}

function storeOptions({ endpoint, caFile, region, credentials }: S3Target): S3StoreOptions {
  const clocks = { clock: systemClock, entropy: systemEntropy };
  const retry = { maxAttempts: 1000, firstDelayMs: 5, maxDelayMs: 5 };
  return { endpoint, caFile, region, credentials, streamPartBytes, retry, ...clocks };
}

function describeStreamedCopies(target: S3Target): void {
  let proxy: FaultProxy;
  let store: S3ObjectStore;
  /** Sends its requests past the proxy. */
  let direct: S3ObjectStore;
  let bucket: string;
  let names = 0;

  beforeAll(async () => {
    bucket = await target.makeBucket();
    ({ proxy, store } = await behindProxy(target));
    direct = createS3ObjectStore(storeOptions(target));
  });
  beforeEach(() => {
    proxy.decide = (request) => (isCopy(request) ? notImplemented : { do: 'pass' });
    proxy.seen.length = 0;
  });
  afterAll(async () => {
    await direct[Symbol.asyncDispose]();
    await store[Symbol.asyncDispose]();
    await proxy[Symbol.asyncDispose]();
    await target.close();
  });

  const newRef = (): ObjectRef => {
    names += 1;
    return { bucket, key: `${names}/é +%` };
  };
  const copyOptions = (to: WriteEncryption, from: CopyOptions['sourceAccess'], more = {}): CopyOptions => ({
    ...writeOptions(to),
    sourceAccess: from,
    metadataFrom: 'copy',
    ...more,
  });

  it.each([0, 1, 5 * MiB, 5 * MiB + 1, 12 * MiB])(
    'of %i bytes is verified and has content, description, tags and the new key',
    async (size) => {
      const [from, to] = [newRef(), newRef()];
      const [before, after] = [newKey(), newKey()];
      const body = bodyOf(randomBytes(size));
      const described = { metadata: { mtime: '7', a: 'b' }, contentType: 'text/x-kept' };
      await store.put(newCall(), from, body, writeOptions(sseC(before), described));
      await store.putTags(newCall(), from, { kind: 'kept' });
      const copied = await store.copy(newCall(), from, to, copyOptions(sseC(after), sseC(before)));
      const info = await store.head(newCall(), to, sseC(after));
      expect(copied).toMatchObject({ etag: info?.etag, source: { size, checksum: body.checksum } });
      expect(info).toMatchObject({ size, ...described });
      expect(await store.getTags(newCall(), to)).toMatchObject({ kind: 'kept' });
      expectBytes(await readAll({ store }, to, sseC(after)), body.whole);
      await faultOf(store.head(newCall(), to, noKey), 'key-missing');
    },
  );

  it('asks the server only until it has refused', async () => {
    const from = newRef();
    const key = newKey();
    await store.put(newCall(), from, bodyOf('x'), writeOptions(sseC(key)));
    await store.copy(newCall(), from, newRef(), copyOptions(sseC(key), sseC(key)));
    proxy.seen.length = 0;
    await store.copy(newCall(), from, newRef(), copyOptions(sseC(key), sseC(key)));
    expect(proxy.seen.filter(isCopy)).toEqual([]);
  });

  it('continues after a connection that breaks, without beginning again', async () => {
    const [from, to, key] = [newRef(), newRef(), newKey()];
    const body = bodyOf(randomBytes(12 * MiB));
    await store.put(newCall(), from, body, writeOptions(sseC(key)));
    let cuts = 3;
    proxy.decide = (request) => {
      if (isCopy(request)) return notImplemented;
      if (request.method !== 'GET' || request.url.includes('tagging') || cuts === 0) return { do: 'pass' };
      cuts -= 1;
      return { do: 'cut-answer', afterBodyBytes: MiB };
    };
    await store.copy(newCall(), from, to, copyOptions(sseC(key), sseC(key)));
    expectBytes(await readAll({ store }, to, sseC(key)), body.whole);
    expect(cuts).toBe(0);
    expect(proxy.seen.filter(({ method, url }) => method === 'POST' && /\?uploads/.test(url))).toHaveLength(
      1,
    );
  });

  /** Resets the connection of every request that `matches`, until `change` is done at the server. */
  function changeAt(matches: (request: SeenRequest) => boolean, change: () => Promise<unknown>): void {
    let state: 'before' | 'changing' | 'changed' = 'before';
    proxy.decide = (request) => {
      if (isCopy(request)) return notImplemented;
      if (state === 'changed' || !matches(request)) return { do: 'pass' };
      if (state === 'before') {
        state = 'changing';
        void change().finally(() => {
          state = 'changed';
        });
      }
      return { do: 'reset' };
    };
  }

  it.each([100, 12 * MiB])('of %i bytes fails if the source is replaced meanwhile', async (size) => {
    const [from, to, key] = [newRef(), newRef(), newKey()];
    const old = bodyOf(randomBytes(size));
    const { etag } = await store.put(newCall(), from, old, writeOptions(sseC(key)));
    changeAt(
      ({ method, url }) => method === 'GET' && !url.includes('tagging'),
      () => direct.put(newCall(), from, bodyOf(randomBytes(size)), writeOptions(sseC(key))),
    );
    const options = copyOptions(sseC(key), sseC(key), { sourceEtag: etag });
    await faultOf(store.copy(newCall(), from, to, options), 'conflict');
    expect(await direct.head(newCall(), to, sseC(key))).toBeNull();
  });

  it.each([100, 12 * MiB])('of %i bytes onto itself keeps an object written meanwhile', async (size) => {
    const [ref, before, after, other] = [newRef(), newKey(), newKey(), newKey()];
    const old = bodyOf(randomBytes(size));
    const { etag } = await store.put(newCall(), ref, old, writeOptions(sseC(before)));
    changeAt(
      ({ method, url }) => method === 'PUT' && !url.includes('tagging'),
      () => direct.put(newCall(), ref, bodyOf('newer'), writeOptions(sseC(other))),
    );
    const options = copyOptions(sseC(after), sseC(before), { sourceEtag: etag, onlyIfMatches: etag });
    await faultOf(store.copy(newCall(), ref, ref, options), 'conflict', 'key-mismatch');
    expectBytes(await readAll({ store: direct }, ref, sseC(other)), 'newer');
  });

  it.each([100, 12 * MiB])('of %i bytes keeps a target created meanwhile', async (size) => {
    const [from, to, key] = [newRef(), newRef(), newKey()];
    await store.put(newCall(), from, bodyOf(randomBytes(size)), writeOptions(sseC(key)));
    changeAt(
      ({ method, url }) => method === 'PUT' && !url.includes('tagging'),
      () => direct.put(newCall(), to, bodyOf('newer'), writeOptions(sseC(key))),
    );
    const options = copyOptions(sseC(key), sseC(key), { onlyIfAbsent: true });
    await faultOf(store.copy(newCall(), from, to, options), 'exists');
    expectBytes(await readAll({ store: direct }, to, sseC(key)), 'newer');
  });

  it('of an object that is the head of an upload sends its bytes as a part', async () => {
    const [from, to, key] = [newRef(), newRef(), newKey()];
    const head = bodyOf(randomBytes(6 * MiB));
    const { etag } = await store.put(newCall(), from, head, writeOptions(sseC(key)));
    await using upload = await store.beginUpload(newCall(), to, writeOptions(sseC(key)));
    const { byteLength: size, checksum } = head;
    const source = { ref: from, access: sseC(key), etag, size, checksum };
    const first = await upload.copyPart(newCall(), 1, source);
    const tail = bodyOf('the end');
    const second = await upload.uploadPart(newCall(), 2, tail);
    const whole = Buffer.concat([head.whole, tail.whole]);
    if (first === null) throw new Error('the source exists');
    const sum = checksumOf(store.checksumAlgorithm, whole);
    await upload.complete(newCall(), [first, second], { size: whole.byteLength, checksum: sum });
    expectBytes(await readAll({ store }, to, sseC(key)), whole);
    await faultOf(upload.copyPart(newCall(), 1, { ...source, etag: '"other"' }), 'conflict');
    const gone = { ...source, ref: { bucket, key: 'never written' } };
    expect(await upload.copyPart(newCall(), 1, gone)).toBeNull();
  });

  it('is not needed to replace a certain object on a server that refuses every If-Match of PutObject', async () => {
    const [ref, key] = [newRef(), newKey()];
    proxy.decide = ({ method, headers, url }) =>
      method === 'PUT' && headers['if-match'] !== undefined && !url.includes('uploadId')
        ? { do: 'answer', status: 412, body: '<Error><Code>PreconditionFailed</Code></Error>' }
        : { do: 'pass' };
    const { etag } = await store.put(newCall(), ref, bodyOf('old'), writeOptions(sseC(key)));
    const options = writeOptions(sseC(key), { onlyIfMatches: etag });
    await store.put(newCall(), ref, bodyOf('new'), options);
    expectBytes(await readAll({ store }, ref, sseC(key)), 'new');
    await faultOf(store.put(newCall(), ref, bodyOf('late'), options), 'conflict');
    expectBytes(await readAll({ store }, ref, sseC(key)), 'new');
  });

  it('does not accept bytes that differ from the known checksum', async () => {
    const [from, to, key] = [newRef(), newRef(), newKey()];
    const head = bodyOf(randomBytes(6 * MiB));
    const { etag } = await store.put(newCall(), from, head, writeOptions(sseC(key)));
    await using upload = await store.beginUpload(newCall(), to, writeOptions(sseC(key)));
    const checksum = checksumOf(store.checksumAlgorithm, Buffer.from('others'));
    const source = { ref: from, access: sseC(key), etag, size: head.byteLength, checksum };
    await faultOf(upload.copyPart(newCall(), 1, source), 'corrupt');
  });
}
