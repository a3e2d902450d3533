import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { FaultProxy, type ProxyAction, type SeenRequest } from '../../../test/support/fault-proxy.js';
import { systemClock, systemEntropy } from '../../assembly/system.js';
import { checksumOf } from '../../bytes/running-checksum.js';
import type { Call } from '../../model/call.js';
import { CustomerKey } from '../../model/customer-key.js';
import { noKey, type ReadAccess, type WriteEncryption } from '../../model/encryption.js';
import { Fault, type FaultKind } from '../../model/fault.js';
import { createS3ObjectStore, type S3ObjectStore } from '../object-store.js';

/*
 * Answers of AWS that a test cannot provoke elsewhere, and their faults.
 * Statuses and codes: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
 */

const silent = { debug() {}, info() {}, warn() {}, error() {}, child: () => silent };
const call: Call = { id: 'x', signal: new AbortController().signal, log: silent };
const ref = { bucket: 'the-bucket', key: 'the/key' };
const sealed = { kind: 'sse-c', key: CustomerKey.fromBytes(randomBytes(32)) } as const;
const body = { chunks: [], byteLength: 0, checksum: checksumOf('crc32c') };
const noBody: ProxyAction = { do: 'answer', status: 200 };

function refusal(status: number, code = '', message = ''): ProxyAction {
  const text =
    code === ''
      ? ''
      : `<?xml version="1.0"?><Error><Code>${code}</Code><Message>${message}</Message></Error>`;
  return { do: 'answer', status, body: text };
}

let server: FaultProxy;
let store: S3ObjectStore;

beforeAll(async () => {
  server = await FaultProxy.start('http://127.0.0.1:9', null);
});
afterAll(() => server[Symbol.asyncDispose]());
beforeEach(() => {
  store = createS3ObjectStore({
    endpoint: server.endpoint,
    region: 'eu-central-1',
    credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
    clock: systemClock,
    entropy: systemEntropy,
    retry: { maxAttempts: 1 },
  });
});

const withKey = (seen: SeenRequest) => 'x-amz-server-side-encryption-customer-key' in seen.headers;
const asksBucketRule = (seen: SeenRequest) => seen.url.includes('?encryption');

async function faultOf(attempt: Promise<unknown>): Promise<Fault> {
  const thrown: unknown = await attempt.then(
    (value) => new Error(`no fault, but ${JSON.stringify(value)}`),
    (error: unknown) => error,
  );
  if (!(thrown instanceof Fault)) throw thrown;
  return thrown;
}

async function readsEndWith(access: ReadAccess, kind: FaultKind | null, hint = ''): Promise<void> {
  for (const attempt of [() => store.head(call, ref, access), () => store.read(call, ref, access, null)]) {
    if (kind === null) expect(await attempt()).toBeNull();
    else {
      const fault = await faultOf(attempt());
      expect(fault).toMatchObject({ kind, hint: expect.stringContaining(hint) });
    }
  }
}

/** The answer to a HEAD has no body at AWS, nor through the proxy. */
describe('a read that AWS refuses', () => {
  it('with 403 for a wrong key is key-mismatch', async () => {
    server.decide = (seen) =>
      withKey(seen)
        ? refusal(403, 'AccessDenied', 'Access Denied: must provide the correct secret key')
        : refusal(400, 'InvalidRequest', 'The object was stored using a form of Server Side Encryption.');
    await readsEndWith(sealed, 'key-mismatch', 'another customer key');
  });

  it('with 403 with any key is denied, and names the permission', async () => {
    server.decide = () => refusal(403, 'AccessDenied');
    await readsEndWith(sealed, 'denied', 's3:GetObject');
    await readsEndWith(noKey, 'denied', 's3:ListBucket');
  });

  it('with 400 for a superfluous key is key-mismatch, and the text explains it', async () => {
    server.decide = (seen) => (withKey(seen) ? refusal(400, 'InvalidRequest', 'not applicable') : noBody);
    await readsEndWith(sealed, 'key-mismatch', 'not encrypted with a customer key');
  });

  it('with 400 for a missing key is key-missing', async () => {
    server.decide = () =>
      refusal(400, 'InvalidRequest', 'The object was stored using a form of Server Side Encryption.');
    await readsEndWith(noKey, 'key-missing', 'the/key');
  });

  it.each<[string, number, FaultKind, string]>([
    ['ExpiredToken', 400, 'denied', 'session token'],
    ['InvalidAccessKeyId', 403, 'denied', 'access key id'],
    ['SignatureDoesNotMatch', 403, 'denied', 'secret access key'],
    ['RequestTimeTooSkewed', 403, 'denied', 'clock'],
    ['SlowDown', 503, 'throttled', 'slow down'],
    ['InternalError', 500, 'unavailable', 'internal error'],
    ['RequestTimeout', 400, 'timed-out', 'too long'],
    ['InvalidObjectState', 403, 'unsupported', 'restore'],
    ['AllAccessDisabled', 403, 'denied', 'disabled'],
  ])('with %s has its own fault, also when a HEAD hides the code', async (code, status, kind, hint) => {
    server.decide = () => refusal(status, code);
    await readsEndWith(noKey, kind, hint);
    await readsEndWith(sealed, kind, hint);
  });

  it('with 404 is null, unless the bucket is missing', async () => {
    server.decide = (seen) => (seen.url.startsWith('/the-bucket/the') ? refusal(404, 'NoSuchKey') : noBody);
    await readsEndWith(noKey, null);
    await store[Symbol.asyncDispose]();
    server.decide = () => refusal(404, 'NoSuchBucket');
    const fresh = createFresh();
    expect(await faultOf(fresh.head(call, ref, noKey))).toMatchObject({ kind: 'not-found' });
    expect(await faultOf(fresh.read(call, ref, noKey, null))).toMatchObject({ kind: 'not-found' });
  });

  it('for a delete marker or a missing version is null', async () => {
    server.decide = () => refusal(405, 'MethodNotAllowed');
    expect(await store.head(call, ref, noKey, 'v')).toBeNull();
    server.decide = () => refusal(400, 'InvalidArgument', 'Invalid version id specified');
    expect(await store.read(call, ref, noKey, null, { versionId: 'v' })).toBeNull();
  });

  it('because the bucket is in another region names the region', async () => {
    const headers = { 'x-amz-bucket-region': 'ap-south-1' };
    server.decide = () => ({ ...refusal(301, 'PermanentRedirect'), headers }) as ProxyAction;
    await readsEndWith(noKey, 'invalid', 'ap-south-1');
  });
});

function createFresh(): S3ObjectStore {
  return createS3ObjectStore({
    endpoint: server.endpoint,
    region: 'eu-central-1',
    credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
    clock: systemClock,
    entropy: systemEntropy,
    retry: { maxAttempts: 1 },
  });
}

describe('a write that AWS refuses', () => {
  const put = (encryption: WriteEncryption) =>
    faultOf(store.put(call, ref, body, { encryption, acl: null, metadata: {}, contentType: null }));
  const rule = (blocked: string) =>
    `<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>aws:kms</SSEAlgorithm>` +
    `<KMSMasterKeyID>arn:x</KMSMasterKeyID></ApplyServerSideEncryptionByDefault><BucketKeyEnabled>true</BucketKeyEnabled>` +
    `<BlockedEncryptionTypes><EncryptionType>${blocked}</EncryptionType></BlockedEncryptionTypes></Rule>` +
    '</ServerSideEncryptionConfiguration>';

  it('because the bucket blocks SSE-C names the command that allows it and keeps the rest of the rule', async () => {
    server.decide = (seen) =>
      asksBucketRule(seen)
        ? { do: 'answer', status: 200, body: rule('SSE-C') }
        : refusal(403, 'AccessDenied');
    const { kind, hint } = await put(sealed);
    expect(kind).toBe('sse-c-blocked');
    expect(hint).toContain('aws s3api put-bucket-encryption --bucket the-bucket ');
    expect(JSON.parse(/'(.*)'$/.exec(hint)?.[1] ?? '')).toEqual({
      Rules: [
        {
          ApplyServerSideEncryptionByDefault: { SSEAlgorithm: 'aws:kms', KMSMasterKeyID: 'arn:x' },
          BucketKeyEnabled: true,
          BlockedEncryptionTypes: { EncryptionType: ['NONE'] },
        },
      ],
    });
    expect((await put({ kind: 'sse-s3' })).kind).toBe('denied');
  });

  it('although the bucket allows SSE-C is denied', async () => {
    server.decide = (seen) =>
      asksBucketRule(seen) ? { do: 'answer', status: 200, body: rule('NONE') } : refusal(403, 'AccessDenied');
    const { kind, hint } = await put(sealed);
    expect(kind).toBe('denied');
    expect(hint).toContain('s3:PutObject');
    expect(hint).not.toContain('blocks');
  });

  it("with the bucket's rule hidden is denied, and both reasons are named", async () => {
    server.decide = () => refusal(403, 'AccessDenied');
    const { kind, hint } = await put(sealed);
    expect(kind).toBe('denied');
    expect(hint).toContain('s3:PutObject');
    expect(hint).toContain('s3:GetEncryptionConfiguration');
  });

  it('reads the rule of its bucket once, not for every write', async () => {
    const since = server.seen.length;
    server.decide = () => refusal(403, 'AccessDenied');
    for (let times = 0; times < 5; times += 1) await put(sealed);
    expect(server.seen.slice(since).filter(asksBucketRule)).toHaveLength(1);
  });

  it.each<[number, string, FaultKind]>([
    [400, 'BadDigest', 'corrupt'],
    [400, 'XAmzContentChecksumMismatch', 'corrupt'],
    [400, 'KeyTooLongError', 'invalid'],
    [400, 'EntityTooLarge', 'too-large'],
    [400, 'InvalidArgument', 'invalid'],
    [400, 'KMS.DisabledException', 'invalid'],
    [403, 'QuotaExceeded', 'over-quota'],
    [501, 'NotImplemented', 'unsupported'],
    [409, 'OperationAborted', 'unavailable'],
    [429, 'TooManyRequests', 'throttled'],
    [503, 'ServiceUnavailable', 'throttled'],
    [507, 'InsufficientStorage', 'over-quota'],
    [418, 'Teapot', 'bug'],
  ])('with %i %s is %s', async (status, code, kind) => {
    server.decide = () => refusal(status, code);
    expect((await put({ kind: 'sse-s3' })).kind).toBe(kind);
  });

  it('because of the time is sent again at once with the corrected time', async () => {
    const since = server.seen.length;
    const date = new Date(Date.now() + 3_600_000).toUTCString();
    server.decide = () => ({ ...refusal(403, 'RequestTimeTooSkewed'), headers: { date } }) as ProxyAction;
    expect((await put({ kind: 'sse-s3' })).hint).toContain('clock');
    const times = server.seen.slice(since).map((seen) => String(seen.headers['x-amz-date']));
    expect(times).toHaveLength(2);
    expect(times[1]?.slice(0, 11)).not.toBe(times[0]?.slice(0, 11));
  });
});
