import { randomBytes } from 'node:crypto';
import {
  CopyObjectCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutBucketEncryptionCommand,
  PutObjectCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bucket, type RunningServer, runServer, TestKey } from '../testing/running-server.js';
import type { RawRequest } from '../testing/signed-request.js';

let running: RunningServer;
const key = new TestKey();
const other = new TestKey();

const stem = 'Requests specifying Server Side Encryption with Customer provided keys must provide';
const texts = {
  needsKey:
    'The object was stored using a form of Server Side Encryption. The correct parameters must be provided to retrieve the object.',
  wrongKey: `${stem} the correct secret key.`,
  notApplicable: 'The encryption parameters are not applicable to this object.',
  partNeedsKey:
    'The multipart upload initiate requested encryption. Subsequent part requests must include the appropriate encryption parameters.',
  partOtherKey: 'The provided encryption parameters did not match the ones used originally.',
};

beforeAll(async () => {
  running = await runServer();
  await put('sealed', key);
  await put('plain', null);
});
afterAll(async () => await running.stop());

async function put(name: string, under: TestKey | null, body = 'content') {
  return await running.s3.send(
    new PutObjectCommand({ Bucket: bucket, Key: name, Body: body, ...(under?.trio ?? {}) }),
  );
}

async function refused(request: RawRequest) {
  const { status, code, message } = await running.raw(request);
  return { status, code, message };
}

const object = (
  name: string,
  method: string,
  headers: Record<string, string> = {},
  body = '',
): RawRequest => ({
  method,
  path: `/${bucket}/${name}`,
  headers,
  body,
});

describe('an object with a customer’s key', () => {
  it('is returned to a client with the key, and every answer echoes the MD5 of the key', async () => {
    const written = await put('round-trip', key, 'the content');
    expect(written).toMatchObject({ SSECustomerAlgorithm: 'AES256', SSECustomerKeyMD5: key.md5 });
    expect(written.ServerSideEncryption).toBeUndefined();
    const got = await running.s3.send(
      new GetObjectCommand({ Bucket: bucket, Key: 'round-trip', ...key.trio }),
    );
    expect(await got.Body?.transformToString()).toBe('the content');
    expect(got).toMatchObject({ SSECustomerAlgorithm: 'AES256', SSECustomerKeyMD5: key.md5 });
    const head = await running.s3.send(
      new HeadObjectCommand({ Bucket: bucket, Key: 'round-trip', ...key.trio }),
    );
    expect(head).toMatchObject({ ContentLength: 11, ETag: written.ETag, SSECustomerKeyMD5: key.md5 });
  });

  it('has an entity tag that is not the content’s MD5 and differs for the same content and key', async () => {
    const first = await put('tagged', key, 'same');
    const second = await put('tagged', key, 'same');
    expect(first.ETag).toMatch(/^"[0-9a-f]{32}"$/);
    expect(first.ETag).not.toBe(second.ETag);
    expect(first.ETag).not.toBe('"51037a4a37730f52c8732586d3aaa316"');
  });

  it('is deleted without the key', async () => {
    await put('deleted', key);
    await running.s3.send(new DeleteObjectCommand({ Bucket: bucket, Key: 'deleted' }));
    expect(await refused(object('deleted', 'GET', key.headers()))).toMatchObject({
      status: 404,
      code: 'NoSuchKey',
    });
  });
});

describe('reading with the wrong parameters', () => {
  it('GET without a key: 400 InvalidRequest', async () => {
    expect(await refused(object('sealed', 'GET'))).toEqual({
      status: 400,
      code: 'InvalidRequest',
      message: texts.needsKey,
    });
  });

  it('GET with another key: 403 AccessDenied', async () => {
    expect(await refused(object('sealed', 'GET', other.headers()))).toEqual({
      status: 403,
      code: 'AccessDenied',
      message: texts.wrongKey,
    });
  });

  it('GET with a key of another length is like any other key: 403', async () => {
    const short = new TestKey(randomBytes(16));
    expect(await refused(object('sealed', 'GET', short.headers()))).toMatchObject({
      status: 403,
      code: 'AccessDenied',
    });
  });

  it('HEAD without a key: 400 without a body; HEAD with another: 403 without a body', async () => {
    const without = await running.raw(object('sealed', 'HEAD'));
    expect([without.status, without.body.length]).toEqual([400, 0]);
    const wrong = await running.raw(object('sealed', 'HEAD', other.headers()));
    expect([wrong.status, wrong.body.length]).toEqual([403, 0]);
  });

  it('a key for an object that has none: 400 InvalidRequest', async () => {
    expect(await refused(object('plain', 'GET', key.headers()))).toEqual({
      status: 400,
      code: 'InvalidRequest',
      message: texts.notApplicable,
    });
    expect((await running.raw(object('plain', 'HEAD', key.headers()))).status).toBe(400);
  });

  it('GetObjectAttributes requires the key like GET', async () => {
    const attributes = (headers: Record<string, string>): RawRequest => ({
      ...object('sealed', 'GET', { ...headers, 'x-amz-object-attributes': 'ObjectSize' }),
      query: { attributes: '' },
    });
    expect(await refused(attributes({}))).toMatchObject({ status: 400, message: texts.needsKey });
    expect(await refused(attributes(other.headers()))).toMatchObject({
      status: 403,
      message: texts.wrongKey,
    });
    expect((await running.raw(attributes(key.headers()))).text).toContain('<ObjectSize>7</ObjectSize>');
  });
});

describe('the key headers themselves', () => {
  const name = (part: string) => `x-amz-server-side-encryption-customer-${part}`;
  const without = (part: string) => {
    const headers = key.headers();
    delete headers[name(part)];
    return headers;
  };
  const cases: readonly [string, Record<string, string>, string, string][] = [
    [
      'an algorithm other than AES256',
      { ...key.headers(), [name('algorithm')]: 'AES128' },
      'InvalidEncryptionAlgorithmError',
      'The Encryption request you specified is not valid. Supported value: AES256.',
    ],
    ['no algorithm', without('algorithm'), 'InvalidArgument', `${stem} a valid encryption algorithm.`],
    ['no key', without('key'), 'InvalidArgument', `${stem} an appropriate secret key.`],
    ['no MD5', without('key-md5'), 'InvalidArgument', `${stem} the client calculated MD5 of the secret key.`],
    [
      'an MD5 of something else',
      { ...key.headers(), [name('key-md5')]: other.md5 },
      'InvalidArgument',
      'The calculated MD5 hash of the key did not match the hash that was provided.',
    ],
    [
      'a key of another length than 32 bytes',
      new TestKey(randomBytes(24)).headers(),
      'InvalidArgument',
      'The secret key was invalid for the specified algorithm.',
    ],
    [
      'the key together with x-amz-server-side-encryption',
      { ...key.headers(), 'x-amz-server-side-encryption': 'AES256' },
      'InvalidArgument',
      'Server Side Encryption with Customer provided key is incompatible with the encryption method specified',
    ],
  ];
  for (const [what, headers, code, message] of cases) {
    it(`${what}: 400 ${code}`, async () => {
      expect(await refused(object('refused', 'PUT', headers, 'x'))).toEqual({ status: 400, code, message });
      expect(await refused({ ...object('refused', 'POST', headers), query: { uploads: '' } })).toEqual({
        status: 400,
        code,
        message,
      });
    });
  }
});

describe('copying', () => {
  const copy = (target: string, headers: Record<string, string>, source = 'sealed'): RawRequest =>
    object(target, 'PUT', { 'x-amz-copy-source': `/${bucket}/${source}`, ...headers });

  it('re-keys an object in place: the old key opens the source, the new one the copy', async () => {
    await put('rotated', key, 'to rotate');
    const copied = await running.s3.send(
      new CopyObjectCommand({
        Bucket: bucket,
        Key: 'rotated',
        CopySource: `${bucket}/rotated`,
        ...key.copySourceTrio,
        ...other.trio,
      }),
    );
    expect(copied.SSECustomerKeyMD5).toBe(other.md5);
    expect(await refused(object('rotated', 'GET', key.headers()))).toMatchObject({ status: 403 });
    expect((await running.raw(object('rotated', 'GET', other.headers()))).text).toBe('to rotate');
  });

  it('without a key for the target loses the encryption: the copy is SSE-S3', async () => {
    const answer = await running.raw(copy('downgraded', key.headers('x-amz-copy-source-')));
    expect(answer.status).toBe(200);
    const got = await running.raw(object('downgraded', 'GET'));
    expect([got.text, got.headers['x-amz-server-side-encryption']]).toEqual(['content', 'AES256']);
    expect(got.headers['etag']).toBe('"9a0364b9e99bb480dd25e1f0284c8555"');
  });

  it('needs the source’s key, and no other', async () => {
    expect(await refused(copy('c', {}))).toEqual({
      status: 400,
      code: 'InvalidRequest',
      message: texts.needsKey,
    });
    expect(await refused(copy('c', other.headers('x-amz-copy-source-')))).toEqual({
      status: 403,
      code: 'AccessDenied',
      message: texts.wrongKey,
    });
    expect(await refused(copy('c', key.headers('x-amz-copy-source-'), 'plain'))).toEqual({
      status: 400,
      code: 'InvalidRequest',
      message: texts.notApplicable,
    });
  });

  it('names an unknown algorithm of the source’s key too', async () => {
    const headers = {
      ...key.headers('x-amz-copy-source-'),
      'x-amz-copy-source-server-side-encryption-customer-algorithm': 'AES128',
    };
    expect(await refused(copy('c', headers))).toMatchObject({
      status: 400,
      code: 'InvalidEncryptionAlgorithmError',
    });
  });
});

describe('a multipart upload with a customer’s key', () => {
  const part = (uploadId: string, headers: Record<string, string>): RawRequest => ({
    ...object('parted', 'PUT', headers, 'part'),
    query: { partNumber: '1', uploadId },
  });
  async function begin(under: TestKey | null): Promise<string> {
    const { UploadId } = await running.s3.send(
      new CreateMultipartUploadCommand({ Bucket: bucket, Key: 'parted', ...(under?.trio ?? {}) }),
    );
    return UploadId ?? '';
  }

  it('accepts parts only with its own key', async () => {
    const uploadId = await begin(key);
    expect(await refused(part(uploadId, {}))).toEqual({
      status: 400,
      code: 'InvalidRequest',
      message: texts.partNeedsKey,
    });
    expect(await refused(part(uploadId, other.headers()))).toEqual({
      status: 400,
      code: 'InvalidRequest',
      message: texts.partOtherKey,
    });
    const accepted = await running.raw(part(uploadId, key.headers()));
    expect(accepted.status).toBe(200);
    expect(accepted.headers['x-amz-server-side-encryption-customer-key-md5']).toBe(key.md5);
  });

  it('that began without a key refuses parts with one', async () => {
    expect(await refused(part(await begin(null), key.headers()))).toEqual({
      status: 400,
      code: 'InvalidRequest',
      message: texts.partNeedsKey,
    });
  });

  it('is listed and completed without the key as well as with it', async () => {
    for (const headers of [{}, key.headers()]) {
      const uploadId = await begin(key);
      const { headers: sent } = await running.raw(part(uploadId, key.headers()));
      const listed = await running.raw({ ...object('parted', 'GET', headers), query: { uploadId } });
      expect(listed.text).toContain(`<ETag>${String(sent['etag']).replaceAll('"', '&quot;')}</ETag>`);
      const completed = await running.raw({
        ...object('parted', 'POST', headers),
        query: { uploadId },
        body: `<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>${sent['etag']}</ETag></Part></CompleteMultipartUpload>`,
      });
      expect(completed.status).toBe(200);
      expect((await running.raw(object('parted', 'GET', key.headers()))).text).toBe('part');
      expect(await refused(object('parted', 'GET', other.headers()))).toMatchObject({ status: 403 });
    }
  });
});

describe('a bucket that blocks SSE-C', () => {
  const blocked = 'blocking-bucket';
  const denied = (action: string) => ({
    status: 403,
    code: 'AccessDenied',
    message: `User: arn:aws:iam::000000000000:root is not authorized to perform: s3:${action} on resource: "arn:aws:s3:::${blocked}/x" because this bucket has blocked upload requests that specify Server Side Encryption with Customer provided keys (SSE-C). Please specify a different server-side encryption type`,
  });
  const block = async (type: 'SSE-C' | 'NONE') =>
    await running.s3.send(
      new PutBucketEncryptionCommand({
        Bucket: blocked,
        ServerSideEncryptionConfiguration: {
          Rules: [{ BlockedEncryptionTypes: { EncryptionType: [type] } }],
        },
      }),
    );

  beforeAll(async () => {
    await running.server.ensureBucket(blocked);
    await running.s3.send(new PutObjectCommand({ Bucket: blocked, Key: 'before', Body: 'old', ...key.trio }));
    await block('SSE-C');
  });

  it('refuses every write with a key, before it checks the key', async () => {
    const path = `/${blocked}/x`;
    const nonsense = { 'x-amz-server-side-encryption-customer-algorithm': 'ROT13' };
    expect(await refused({ method: 'PUT', path, headers: key.headers(), body: 'x' })).toEqual(
      denied('PutObject'),
    );
    expect(await refused({ method: 'PUT', path, headers: nonsense, body: 'x' })).toEqual(denied('PutObject'));
    expect(await refused({ method: 'POST', path, query: { uploads: '' }, headers: key.headers() })).toEqual(
      denied('PutObject'),
    );
    expect(
      await refused({
        method: 'PUT',
        path,
        headers: { ...key.headers(), 'x-amz-copy-source': `/${bucket}/plain` },
      }),
    ).toEqual(denied('CopyObject'));
  });

  it('still reads its objects, accepts other writes, and accepts keys again once unblocked', async () => {
    const got = await running.raw({ method: 'GET', path: `/${blocked}/before`, headers: key.headers() });
    expect(got.text).toBe('old');
    expect((await running.raw({ method: 'PUT', path: `/${blocked}/y`, body: 'x' })).status).toBe(200);
    await block('NONE');
    expect(
      (await running.raw({ method: 'PUT', path: `/${blocked}/x`, headers: key.headers(), body: 'x' })).status,
    ).toBe(200);
  });
});

it('no log line contains the key, in any form', () => {
  const everything = JSON.stringify(running.log);
  expect(running.log.length).toBeGreaterThan(50);
  expect(everything).not.toContain(key.base64);
  expect(everything).not.toContain(Buffer.from(key.bytes).toString('hex'));
  expect(everything).not.toContain('authorization');
});

describe('the completion of an upload with a customer’s key', () => {
  async function uploaded(Key: string, key: TestKey, more: Record<string, string>, part: object = {}) {
    const begun = await running.raw({
      method: 'POST',
      path: `/${bucket}/${Key}`,
      query: { uploads: '' },
      headers: { ...key.headers(), ...more },
    });
    const uploadId = /<UploadId>([^<]*)/.exec(begun.text)?.[1] ?? '';
    const sent = await running.s3.send(
      new UploadPartCommand({
        Bucket: bucket,
        Key,
        UploadId: uploadId,
        PartNumber: 1,
        Body: 'x',
        ...key.trio,
        ...part,
      }),
    );
    const checksum =
      sent.ChecksumSHA256 === undefined ? '' : `<ChecksumSHA256>${sent.ChecksumSHA256}</ChecksumSHA256>`;
    const body = `<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>${sent.ETag}</ETag>${checksum}</Part></CompleteMultipartUpload>`;
    return (headers: Record<string, string>) =>
      running.raw({ method: 'POST', path: `/${bucket}/${Key}`, query: { uploadId }, headers, body });
  }

  it('needs the key if the upload has a checksum algorithm', async () => {
    const key = new TestKey();
    const complete = await uploaded(
      'summed',
      key,
      { 'x-amz-checksum-algorithm': 'SHA256' },
      { ChecksumAlgorithm: 'SHA256' },
    );
    expect(await complete({})).toMatchObject({ status: 400, code: 'InvalidRequest' });
    expect(await complete(new TestKey().headers())).toMatchObject({ status: 400, code: 'InvalidRequest' });
    expect(await complete(key.headers())).toMatchObject({ status: 200 });
    expect(await complete({})).toMatchObject({ status: 400, code: 'InvalidRequest' });
  });

  it('does not need the key otherwise', async () => {
    const complete = await uploaded('plain', new TestKey(), {});
    expect(await complete({})).toMatchObject({ status: 200 });
    expect(await complete({})).toMatchObject({ status: 200 });
  });
});

describe('a key that is not standard base64', () => {
  // The standard alphabet writes these bytes with + and /.
  const key = new TestKey(Buffer.alloc(32, 0xfb));
  const urlSafe = (text: string) => text.replaceAll('+', '-').replaceAll('/', '_');

  it.each([
    ['the URL-safe alphabet', urlSafe],
    ['no padding', (text: string) => text.replace(/=+$/, '')],
    ['spaces', (text: string) => `${text.slice(0, 4)} ${text.slice(4)}`],
  ])('is refused: %s', async (_, change) => {
    const headers = key.headers();
    const name = 'x-amz-server-side-encryption-customer-key';
    expect(key.base64).toMatch(/[+/]/);
    await running.raw({ method: 'PUT', path: `/${bucket}/odd`, headers, body: 'x' });
    for (const method of ['PUT', 'GET']) {
      const odd = { ...headers, [name]: change(key.base64) };
      expect(await running.raw({ method, path: `/${bucket}/odd`, headers: odd }), method).toMatchObject({
        status: 400,
        code: 'InvalidArgument',
      });
      const digest = { ...headers, [`${name}-md5`]: `${change(key.md5)}_` };
      expect(await running.raw({ method, path: `/${bucket}/odd`, headers: digest }), method).toMatchObject({
        status: 400,
        code: 'InvalidArgument',
      });
    }
  });
});
