import { randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { systemClock, systemEntropy } from '../../src/assembly/system.js';
import { noKey, type WriteEncryption } from '../../src/model/encryption.js';
import { createS3ObjectStore, type S3ObjectStore } from '../../src/s3/object-store.js';
import type { S3StoreOptions } from '../../src/s3/options.js';
import { FaultProxy, type ProxyAction, type SeenRequest } from '../support/fault-proxy.js';
import { type S3Target, s3Targets } from '../support/s3-targets.js';
import { eventually } from '../support/wait.js';
import {
  bodyOf,
  expectBytes,
  faultOf,
  newCall,
  newKey,
  newRef,
  readAll,
  type StoreTarget,
  sseC,
  writeOptions,
} from './fixtures.js';

const managed: WriteEncryption = { kind: 'sse-s3' };
const isPut = (seen: SeenRequest) => seen.method === 'PUT';
const isGet = (seen: SeenRequest) => seen.method === 'GET';
const isComplete = (seen: SeenRequest) => seen.method === 'POST' && seen.url.includes('uploadId=');

function xmlError(code: string, more = ''): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>m</Message>${more}</Error>`;
}

const slowDown: ProxyAction = { do: 'answer', status: 503, body: xmlError('SlowDown') };
const accessDenied: ProxyAction = { do: 'answer', status: 403, body: xmlError('AccessDenied') };

for (const target of await s3Targets()) {
  describe.skipIf(target.skip !== null)(`over a faulty connection to ${target.name}`, () =>
    describeNetworkFaults(target),
  );
}

function describeNetworkFaults(target: S3Target): void {
  let proxy: FaultProxy;
  let bucket: string;
  let store: S3ObjectStore;
  const given = (): StoreTarget => ({
    store,
    bucket,
    versioned: { store, bucket },
    kmsKey: null,
    partBytes: 0,
    close: async () => undefined,
  });

  beforeAll(async () => {
    bucket = await target.makeBucket();
    proxy = await FaultProxy.start(target.endpoint, target.caFile);
  });
  afterAll(async () => {
    await proxy[Symbol.asyncDispose]();
    await target.close();
  });
  beforeEach(() => {
    store = open();
  });
  afterEach(async () => {
    proxy.decide = () => ({ do: 'pass' });
    await store[Symbol.asyncDispose]();
  });

  function open(more: Partial<S3StoreOptions> = {}): S3ObjectStore {
    const { region, credentials } = target;
    return createS3ObjectStore({
      endpoint: proxy.endpoint,
      region,
      credentials,
      clock: systemClock,
      entropy: systemEntropy,
      retry: { firstDelayMs: 1 },
      ...more,
    });
  }

  function requests(matches: (seen: SeenRequest) => boolean, since: number): number {
    return proxy.seen.slice(since).filter(matches).length;
  }

  describe('a write', () => {
    it.each<[string, ProxyAction[]]>([
      ['whose connection breaks immediately', [{ do: 'reset' }, { do: 'reset' }]],
      ['whose connection breaks in the middle of the body', [{ do: 'reset', afterBodyBytes: 100_000 }]],
      ['whose response is lost', [{ do: 'lose-answer' }]],
      ['that is answered with SlowDown', [slowDown, slowDown]],
      [
        'that is answered with an internal error',
        [{ do: 'answer', status: 500, body: xmlError('InternalError') }],
      ],
      ['that is answered with the page of a proxy', [{ do: 'answer', status: 502, body: '<html>' }]],
    ])('%s is retried and completes', async (_, actions) => {
      const key = newKey();
      const ref = newRef(given());
      const body = bodyOf(randomBytes(300_000), randomBytes(300_000));
      proxy.script(isPut, ...actions);
      await store.put(newCall(), ref, body, writeOptions(sseC(key)));
      expectBytes(await readAll(given(), ref, sseC(key)), body.whole);
    });

    it('that must not overwrite recognises its own object if its response was lost', async () => {
      const ref = newRef(given());
      const options = writeOptions(sseC(newKey()), { onlyIfAbsent: true });
      proxy.script(isPut, { do: 'lose-answer' });
      await store.put(newCall(), ref, bodyOf('mine'), options);
      await faultOf(store.put(newCall(), ref, bodyOf('mine'), options), 'exists');
    });

    it('fails after the configured number of attempts', async () => {
      await using patient = open({ retry: { maxAttempts: 3, firstDelayMs: 1 } });
      const since = proxy.seen.length;
      proxy.decide = () => slowDown;
      await faultOf(patient.put(newCall(), newRef(given()), bodyOf('x'), writeOptions(managed)), 'throttled');
      expect(requests(isPut, since)).toBe(3);
    });

    it('that is refused is not retried, even if the refusal arrives before its body is sent', async () => {
      const since = proxy.seen.length;
      const body = bodyOf(randomBytes(8_000_000));
      proxy.script(isPut, accessDenied, accessDenied);
      const fault = await faultOf(
        store.put(newCall(), newRef(given()), body, writeOptions(managed)),
        'denied',
      );
      expect(fault.hint).toContain('s3:PutObject');
      expect(requests(isPut, since)).toBe(1);
      // A connection cannot be reused in the middle of a request.
      await eventually('the connection closed', async () => (await proxy.openConnections()) === 0);
    });

    it.each<[string, Record<string, string | null>]>([
      ['does not echo the key', { 'x-amz-server-side-encryption-customer-key-md5': null }],
      ['echoes another key', { 'x-amz-server-side-encryption-customer-key-md5': newKey().md5Base64 }],
      ['does not echo the algorithm', { 'x-amz-server-side-encryption-customer-algorithm': null }],
    ])('under a customer key is not believed when the answer %s', async (_, headers) => {
      const ref = newRef(given());
      const access = sseC(newKey());
      const options = writeOptions(access);
      proxy.script(isPut, { do: 'change-headers', headers });
      await faultOf(store.put(newCall(), ref, bodyOf('x'), options), 'corrupt');
      proxy.script((seen) => seen.method === 'POST', { do: 'change-headers', headers });
      await faultOf(store.beginUpload(newCall(), ref, options), 'corrupt');
      expect(await store.listUploads(newCall(), bucket, ref.key)).toEqual([]);
      proxy.script(isPut, { do: 'change-headers', headers });
      await using upload = await store.beginUpload(newCall(), ref, options);
      await faultOf(upload.uploadPart(newCall(), 1, bodyOf('x')), 'corrupt');
      proxy.script(isPut, { do: 'pass' }, { do: 'change-headers', headers });
      await store.put(newCall(), ref, bodyOf('x'), writeOptions(managed));
      const copy = { ...options, sourceAccess: noKey, metadataFrom: 'copy' } as const;
      // A copy that the server does not confirm goes through the gateway.
      const to = newRef(given());
      await store.copy(newCall(), ref, to, copy);
      expect((await store.head(newCall(), to, access))?.encryption.kind).toBe('sse-c');
    });

    it('with SSE-S3 fails if the response does not confirm the encryption', async () => {
      proxy.script(isPut, { do: 'change-headers', headers: { 'x-amz-server-side-encryption': null } });
      await faultOf(store.put(newCall(), newRef(given()), bodyOf('x'), writeOptions(managed)), 'corrupt');
    });
  });

  describe('an upload in parts', () => {
    async function uploadOne(...completions: readonly ProxyAction[]): Promise<void> {
      const key = newKey();
      const ref = newRef(given());
      const body = bodyOf(randomBytes(400_000));
      await using upload = await store.beginUpload(newCall(), ref, writeOptions(sseC(key)));
      proxy.script(isPut, { do: 'reset', afterBodyBytes: 50_000 }, slowDown);
      const receipt = await upload.uploadPart(newCall(), 1, body);
      proxy.script(isComplete, ...completions);
      const whole = { size: body.byteLength, checksum: body.checksum };
      const written = await upload.complete(newCall(), [receipt], whole);
      const info = await store.head(newCall(), ref, sseC(key));
      expect(info).toMatchObject({ size: body.byteLength, etag: written.etag });
      expectBytes(await readAll(given(), ref, sseC(key)), body.whole);
    }

    it('survives interrupted parts', () => uploadOne());
    it('survives a Complete whose response is lost', () => uploadOne({ do: 'lose-answer' }));
    it('survives a Complete that never reaches the server', () =>
      uploadOne({ do: 'reset' }, { do: 'reset' }));
    it('survives a Complete with an error inside a 200', () =>
      uploadOne({ do: 'answer', status: 200, body: xmlError('InternalError') }));
    it('survives a Complete with nothing inside a 200', () => uploadOne({ do: 'answer', status: 200 }));
    it('survives a Complete that succeeds but is reported as unknown', () =>
      uploadOne({ do: 'lose-answer' }, { do: 'answer', status: 404, body: xmlError('NoSuchUpload') }));

    it('fails if Complete fails permanently', async () => {
      const ref = newRef(given());
      const body = bodyOf('x');
      await using upload = await store.beginUpload(newCall(), ref, writeOptions(managed));
      const receipt = await upload.uploadPart(newCall(), 1, body);
      proxy.script(isComplete, { do: 'answer', status: 404, body: xmlError('NoSuchUpload') });
      const whole = { size: body.byteLength, checksum: body.checksum };
      await faultOf(upload.complete(newCall(), [receipt], whole), 'not-found');
      expect(await store.head(newCall(), ref, noKey)).toBeNull();
    });
  });

  describe('a read', () => {
    it('is retried if its beginning fails', async () => {
      const ref = newRef(given());
      await store.put(newCall(), ref, bodyOf('there'), writeOptions(managed));
      proxy.script(isGet, { do: 'reset' }, slowDown, { do: 'lose-answer' });
      expectBytes(await readAll(given(), ref, noKey), 'there');
    });

    it('returns the bytes received if its body is interrupted, then a fault, and a range continues from there', async () => {
      const ref = newRef(given());
      const body = bodyOf(randomBytes(2_000_000));
      await store.put(newCall(), ref, body, writeOptions(managed));
      const since = proxy.seen.length;
      proxy.script(isGet, { do: 'cut-answer', afterBodyBytes: 700_000 });
      const read = await store.read(newCall(), ref, noKey, null);
      const pieces: Uint8Array[] = [];
      const reading = (async () => {
        for await (const piece of read?.bytes ?? []) pieces.push(piece);
      })();
      await faultOf(reading, 'unavailable');
      expect(requests(isGet, since)).toBe(1);
      const came = Buffer.concat(pieces);
      expectBytes(came, body.whole.subarray(0, came.byteLength));
      const rest = { start: came.byteLength, end: body.byteLength };
      expectBytes(await readAll(given(), ref, noKey, rest), body.whole.subarray(came.byteLength));
    });

    it('uses a new connection, without a fault, if the kept one was closed meanwhile', async () => {
      await using impatient = open({ retry: { maxAttempts: 1 } });
      const ref = newRef(given());
      await impatient.put(newCall(), ref, bodyOf('there'), writeOptions(managed));
      const from = { ...given(), store: impatient };
      for (let times = 0; times < 3; times += 1) {
        expectBytes(await readAll(from, ref, noKey), 'there');
        proxy.closeIdle();
      }
    });

    it('reuses its connection', async () => {
      const ref = newRef(given());
      const body = bodyOf(randomBytes(3_000_000));
      await store.put(newCall(), ref, body, writeOptions(managed));
      const before = proxy.connections;
      for (let times = 0; times < 10; times += 1) expectBytes(await readAll(given(), ref, noKey), body.whole);
      expect(proxy.connections - before).toBe(1);
    });

    it('fails if the response is another object than the key opens', async () => {
      const ref = newRef(given());
      const key = newKey();
      await store.put(newCall(), ref, bodyOf('x'), writeOptions(sseC(key)));
      const headers = { 'x-amz-server-side-encryption-customer-key-md5': newKey().md5Base64 };
      await using impatient = open({ retry: { maxAttempts: 3, firstDelayMs: 1 } });
      proxy.decide = () => ({ do: 'change-headers', headers });
      await faultOf(impatient.read(newCall(), ref, sseC(key), null), 'unavailable');
      proxy.script(isGet, { do: 'change-headers', headers });
      expectBytes(await readAll(given(), ref, sseC(key)), 'x');
    });

    it('fails if the response is another range than requested', async () => {
      const ref = newRef(given());
      await store.put(newCall(), ref, bodyOf('0123456789'), writeOptions(managed));
      const headers = { 'content-range': 'bytes 3-5/10' };
      await using impatient = open({ retry: { maxAttempts: 3, firstDelayMs: 1 } });
      proxy.decide = () => ({ do: 'change-headers', headers });
      await faultOf(impatient.read(newCall(), ref, noKey, { start: 2, end: 5 }), 'unavailable');
      proxy.script(isGet, { do: 'change-headers', headers });
      expectBytes(await readAll(given(), ref, noKey, { start: 2, end: 5 }), '234');
    });
  });

  describe('a silent server', () => {
    it('is a fault after the configured time', async () => {
      await using impatient = open({ idleTimeoutMs: 200, retry: { maxAttempts: 1 } });
      const ref = newRef(given());
      proxy.decide = () => ({ do: 'hang' });
      await faultOf(impatient.head(newCall(), ref, noKey), 'timed-out');
      await faultOf(impatient.read(newCall(), ref, noKey, null), 'timed-out');
      await faultOf(impatient.put(newCall(), ref, bodyOf('x'), writeOptions(managed)), 'timed-out');
    });

    it('ends immediately if the call is cancelled', async () => {
      const ref = newRef(given());
      for (const attempt of ['head', 'read'] as const) {
        const cancel = new AbortController();
        proxy.decide = () => {
          setImmediate(() => cancel.abort());
          return { do: 'hang' };
        };
        const call = newCall(cancel.signal);
        const waiting =
          attempt === 'head' ? store.head(call, ref, noKey) : store.read(call, ref, noKey, null);
        await faultOf(waiting, 'cancelled');
      }
    });

    it('ends a wait between attempts immediately if the call is cancelled', async () => {
      await using slow = open({ retry: { firstDelayMs: 600_000, maxTotalMs: 1e9, maxDelayMs: 1e9 } });
      const cancel = new AbortController();
      proxy.decide = () => {
        setTimeout(() => cancel.abort(), 50);
        return slowDown;
      };
      await faultOf(slow.head(newCall(cancel.signal), newRef(given()), noKey), 'cancelled');
    });
  });

  describe('a customer key', () => {
    it('does not follow a redirect to another host', async () => {
      await using other = await FaultProxy.start(target.endpoint, target.caFile);
      const key = newKey();
      const ref = newRef(given());
      for (const status of [301, 302, 307, 308]) {
        const location = `${other.endpoint}/${bucket}/elsewhere`;
        proxy.decide = () => ({
          do: 'answer',
          status,
          headers: { location },
          body: xmlError('TemporaryRedirect'),
        });
        await expect(store.put(newCall(), ref, bodyOf('x'), writeOptions(sseC(key)))).rejects.toThrow();
        await expect(store.read(newCall(), ref, sseC(key), null)).rejects.toThrow();
      }
      expect(other.seen).toEqual([]);
    });

    it('is not in a fault, even if S3 returns the signed headers', async () => {
      const key = newKey();
      const base64 = Buffer.from(key.reveal()).toString('base64');
      const echo = `x-amz-server-side-encryption-customer-key:${base64}`;
      const body = xmlError(
        'SignatureDoesNotMatch',
        `<CanonicalRequest>${echo}</CanonicalRequest><StringToSign>${base64}</StringToSign><Extra>${base64}</Extra>`,
      );
      proxy.decide = () => ({ do: 'answer', status: 403, body });
      const fault = await faultOf(
        store.put(newCall(), newRef(given()), bodyOf('x'), writeOptions(sseC(key))),
        'denied',
      );
      const shown = inspect(fault, { depth: 20, showHidden: true }) + JSON.stringify(fault) + fault.stack;
      expect(proxy.seen.at(-1)?.headers['x-amz-server-side-encryption-customer-key']).toBe(base64);
      expect(shown).not.toContain(base64);
    });

    it('is only in its own header of a request', async () => {
      const key = newKey();
      const base64 = Buffer.from(key.reveal()).toString('base64');
      const ref = newRef(given());
      const since = proxy.seen.length;
      await store.put(newCall(), ref, bodyOf('x'), writeOptions(sseC(key)));
      await store.head(newCall(), ref, sseC(key));
      await readAll(given(), ref, sseC(key));
      expect(proxy.seen.length - since).toBe(3);
      for (const { headers, url } of proxy.seen.slice(since)) {
        expect(headers['x-amz-server-side-encryption-customer-algorithm']).toBe('AES256');
        expect(headers['x-amz-server-side-encryption-customer-key-md5']).toBe(key.md5Base64);
        const carriers = Object.entries(headers).filter(([, value]) => String(value).includes(base64));
        expect(carriers.map(([name]) => name)).toEqual(['x-amz-server-side-encryption-customer-key']);
        expect(url).not.toContain(encodeURIComponent(base64));
      }
    });
  });

  describe('a body', () => {
    it('is sent with its checksum and without a payload hash', async () => {
      const body = bodyOf(randomBytes(100_000), randomBytes(1));
      await store.put(newCall(), newRef(given()), body, writeOptions(managed));
      await using upload = await store.beginUpload(newCall(), newRef(given()), writeOptions(managed));
      await upload.uploadPart(newCall(), 1, body);
      const sent = proxy.seen.filter(isPut).slice(-2);
      expect(sent).toHaveLength(2);
      for (const { headers } of sent) {
        const crc32c = Buffer.alloc(4);
        crc32c.writeUInt32BE(body.checksum.value);
        expect(headers['x-amz-checksum-crc32c']).toBe(crc32c.toString('base64'));
        expect(headers['x-amz-content-sha256']).toBe('UNSIGNED-PAYLOAD');
        expect(headers['content-length']).toBe('100001');
        for (const absent of [
          'x-amz-trailer',
          'transfer-encoding',
          'content-encoding',
          'expect',
          'content-md5',
        ]) {
          expect(headers[absent]).toBeUndefined();
        }
      }
    });

    it('is sent without a checksum if the server accepts none', async () => {
      await using plain = open({ checksums: 'none' });
      const ref = newRef(given());
      const since = proxy.seen.length;
      const body = bodyOf('plain');
      await plain.put(newCall(), ref, body, writeOptions(managed));
      await using upload = await plain.beginUpload(newCall(), ref, writeOptions(managed));
      const receipt = await upload.uploadPart(newCall(), 1, body);
      await upload.complete(newCall(), [receipt], { size: body.byteLength, checksum: body.checksum });
      expectBytes(await readAll({ ...given(), store: plain }, ref, noKey), 'plain');
      for (const { headers } of proxy.seen.slice(since)) {
        expect(Object.keys(headers).filter((name) => name.includes('checksum'))).toEqual([]);
      }
    });
  });

  it('a request without a route to S3 is a fault with that reason', async () => {
    await using gone = await FaultProxy.start(target.endpoint, target.caFile);
    const { endpoint } = gone;
    await gone[Symbol.asyncDispose]();
    await using nowhere = open({ endpoint, retry: { maxAttempts: 1 } });
    const ref = newRef(given());
    expect((await faultOf(nowhere.head(newCall(), ref, noKey), 'unavailable')).hint).toContain('listens');
    await faultOf(nowhere.read(newCall(), ref, noKey, null), 'unavailable');
  });
}
