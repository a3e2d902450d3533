import { createHash, randomBytes } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import {
  CopyObjectCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  DeleteObjectTaggingCommand,
  GetObjectAclCommand,
  GetObjectCommand,
  GetObjectTaggingCommand,
  HeadObjectCommand,
  PutObjectCommand,
  PutObjectTaggingCommand,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bucket, type RunningServer, runServer } from '../testing/running-server.js';
import { sign } from '../testing/signed-request.js';
import { eventually } from '../testing/wait.js';

let running: RunningServer;
const md5 = (data: Uint8Array | string) => createHash('md5').update(data).digest('hex');
const Bucket = bucket;

beforeAll(async () => {
  running = await runServer();
});
afterAll(async () => await running.stop());

const put = async (Key: string, Body: Uint8Array | string = 'content', more: object = {}) =>
  await running.s3.send(new PutObjectCommand({ Bucket, Key, Body, ...more }));
const get = async (Key: string, more: object = {}) => {
  const got = await running.s3.send(new GetObjectCommand({ Bucket, Key, ...more }));
  return { ...got, text: await got.Body?.transformToString() };
};
const bodyFiles = async () =>
  (await readdir(join(running.directory, 'bodies'), { recursive: true })).filter((name) => name.includes('/'))
    .length;

describe('an object', () => {
  it('keeps its bytes, headers and metadata', async () => {
    const written = await put('kept/ü 😀+%.txt', 'hello', {
      ContentType: 'text/plain',
      CacheControl: 'no-cache',
      ContentDisposition: 'attachment',
      ContentLanguage: 'de',
      ContentEncoding: 'identity',
      Metadata: { mtime: '1.5', Other: 'x' },
    });
    expect(written).toMatchObject({ ETag: `"${md5('hello')}"`, ServerSideEncryption: 'AES256' });
    expect(await get('kept/ü 😀+%.txt')).toMatchObject({
      text: 'hello',
      ContentLength: 5,
      ContentType: 'text/plain',
      CacheControl: 'no-cache',
      ContentDisposition: 'attachment',
      ContentLanguage: 'de',
      ContentEncoding: 'identity',
      Metadata: { mtime: '1.5', other: 'x' },
      ServerSideEncryption: 'AES256',
      AcceptRanges: 'bytes',
    });
  });

  it('may be empty', async () => {
    await put('empty', '');
    expect(await get('empty')).toMatchObject({ text: '', ContentLength: 0 });
    await expect(get('empty', { Range: 'bytes=0-' })).rejects.toMatchObject({ name: 'InvalidRange' });
  });

  it('has a CRC64NVME from the server if its writer sent no checksum', async () => {
    await running.raw({ method: 'PUT', path: `/${bucket}/unchecked`, body: '123456789' });
    const head = await running.raw({
      method: 'HEAD',
      path: `/${bucket}/unchecked`,
      headers: { 'x-amz-checksum-mode': 'ENABLED' },
    });
    // The check value of CRC-64/NVME, ae8b14860a799888.
    expect(head.headers['x-amz-checksum-crc64nvme']).toBe('rosUhgp5mIg=');
    expect(head.headers['x-amz-checksum-type']).toBe('FULL_OBJECT');
  });

  it('is refused if its bytes differ from the declaration, and nothing is stored', async () => {
    const path = `/${bucket}/corrupted`;
    const send = async (headers: Record<string, string>) => {
      const { status, code } = await running.raw({ method: 'PUT', path, headers, body: 'x' });
      return { status, code };
    };
    const wrong = Buffer.from(md5('y'), 'hex').toString('base64');
    expect(await send({ 'content-md5': wrong })).toEqual({ status: 400, code: 'BadDigest' });
    expect(await send({ 'content-md5': 'zz' })).toEqual({ status: 400, code: 'InvalidDigest' });
    expect(await send({ 'x-amz-checksum-crc32': 'AAAAAA==' })).toEqual({ status: 400, code: 'BadDigest' });
    expect((await running.raw({ method: 'GET', path })).code).toBe('NoSuchKey');
  });

  it('is reported as missing by its key', async () => {
    const { status, code, message, text, headers } = await running.raw({
      method: 'GET',
      path: `/${bucket}/no`,
    });
    expect({ status, code, message }).toEqual({
      status: 404,
      code: 'NoSuchKey',
      message: 'The specified key does not exist.',
    });
    expect(text).toContain(`<Key>no</Key>`);
    expect(text).toContain(`<Resource>/${bucket}/no</Resource>`);
    expect(text).toContain(`<RequestId>${headers['x-amz-request-id']}</RequestId>`);
    expect(await running.raw({ method: 'GET', path: '/no-such-bucket/no' })).toMatchObject({
      status: 404,
      code: 'NoSuchBucket',
    });
  });

  it('is read in any range', async () => {
    const data = randomBytes(200_000);
    await put('ranged', data);
    for (const [Range, start, end] of [
      ['bytes=0-0', 0, 1],
      ['bytes=65535-65536', 65535, 65537],
      ['bytes=100000-', 100_000, 200_000],
      ['bytes=-70000', 130_000, 200_000],
    ] as const) {
      const got = await running.s3.send(new GetObjectCommand({ Bucket, Key: 'ranged', Range }));
      expect(got.ContentRange).toBe(`bytes ${start}-${end - 1}/200000`);
      expect(Buffer.from((await got.Body?.transformToByteArray()) ?? [])).toEqual(data.subarray(start, end));
    }
    expect(
      await running.raw({ method: 'GET', path: `/${bucket}/ranged`, headers: { range: 'bytes=200000-' } }),
    ).toMatchObject({ status: 416, code: 'InvalidRange', headers: { 'content-range': 'bytes */200000' } });
  });

  it('is returned with the headers that the request overrides', async () => {
    await put('overridden');
    expect(
      await get('overridden', { ResponseContentType: 'text/csv', ResponseContentDisposition: 'inline' }),
    ).toMatchObject({ ContentType: 'text/csv', ContentDisposition: 'inline' });
  });

  it('may be overwritten while it is read: the reader receives all of the old one, the next reader the new one', async () => {
    const old = randomBytes(8 * 1024 * 1024);
    await put('overwritten', old);
    const reading = await running.s3.send(new GetObjectCommand({ Bucket, Key: 'overwritten' }));
    await put('overwritten', 'new');
    await running.s3.send(new DeleteObjectCommand({ Bucket, Key: 'overwritten' }));
    expect(Buffer.from((await reading.Body?.transformToByteArray()) ?? []).equals(old)).toBe(true);
    await expect(get('overwritten')).rejects.toMatchObject({ name: 'NoSuchKey' });
  });

  it('leaves no file behind when it is overwritten or deleted', async () => {
    await put('counted', 'a');
    const before = await bodyFiles();
    for (let index = 0; index < 5; index++) await put('counted', `b${index}`);
    expect(await eventually('old files go', async () => (await bodyFiles()) === before)).toBe(true);
    await running.s3.send(new DeleteObjectCommand({ Bucket, Key: 'counted' }));
    expect(await eventually('its file goes', async () => (await bodyFiles()) === before - 1)).toBe(true);
  });

  it('leaves nothing when its upload is interrupted', async () => {
    const before = await bodyFiles();
    const { host, hostname, port } = new URL(running.server.endpoint);
    const { path, headers } = sign(
      { method: 'PUT', path: `/${bucket}/broken` },
      host,
      running.server.credentials,
    );
    const socket = connect(Number(port), hostname);
    const lines = Object.entries({ ...headers, 'content-length': '1000000' }).map(
      ([n, v]) => `${n}: ${v}\r\n`,
    );
    socket.write(`PUT ${path} HTTP/1.1\r\n${lines.join('')}\r\n${'x'.repeat(300_000)}`);
    await eventually(
      'the body is being written',
      async () => (await readdir(join(running.directory, 'staging'))).length > 0,
    );
    socket.destroy();
    await eventually(
      'it is given up',
      async () => (await readdir(join(running.directory, 'staging'))).length === 0,
    );
    expect(await bodyFiles()).toBe(before);
    await expect(get('broken')).rejects.toMatchObject({ name: 'NoSuchKey' });
  });

  it('without a length is refused, chunked or not', async () => {
    const { host, hostname, port } = new URL(running.server.endpoint);
    const send = async (more: string) => {
      const raw = { method: 'PUT', path: `/${bucket}/lengthless` };
      const { path, headers } = sign(raw, host, running.server.credentials);
      delete headers['content-length'];
      const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
      const socket = connect(Number(port), hostname);
      socket.end(`PUT ${path} HTTP/1.1\r\n${lines.join('')}connection: close\r\n${more}`);
      let answer = '';
      for await (const chunk of socket) answer += String(chunk);
      return answer;
    };
    expect(await send('\r\n')).toMatch(/411 Length Required[\s\S]*<Code>MissingContentLength</);
    const chunked = await send('transfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n');
    expect(chunked).toMatch(/501 Not Implemented[\s\S]*<Header>Transfer-Encoding</);
    expect(running.log.filter(({ level }) => level === 'error')).toEqual([]);
  });
});

describe('conditions', () => {
  it('on a read return 304 and 412', async () => {
    const { ETag } = await put('conditional', 'x');
    const read = async (headers: Record<string, string>) =>
      (await running.raw({ method: 'GET', path: `/${bucket}/conditional`, headers })).status;
    const past = new Date(Date.now() - 86_400_000).toUTCString();
    const future = new Date(Date.now() + 86_400_000).toUTCString();
    expect(await read({ 'if-match': ETag ?? '' })).toBe(200);
    expect(await read({ 'if-match': '"other"' })).toBe(412);
    expect(await read({ 'if-none-match': ETag ?? '' })).toBe(304);
    expect(await read({ 'if-none-match': '"other"' })).toBe(200);
    expect(await read({ 'if-modified-since': future })).toBe(304);
    expect(await read({ 'if-modified-since': past })).toBe(200);
    expect(await read({ 'if-unmodified-since': past })).toBe(412);
    expect(await read({ 'if-unmodified-since': past, 'if-match': ETag ?? '' })).toBe(200);
    expect(await read({ 'if-modified-since': past, 'if-none-match': ETag ?? '' })).toBe(304);
  });

  it('on a write return 412, and 404 if there is nothing to match', async () => {
    await put('only-once', 'first', { IfNoneMatch: '*' });
    await expect(put('only-once', 'second', { IfNoneMatch: '*' })).rejects.toMatchObject({
      name: 'PreconditionFailed',
      $metadata: { httpStatusCode: 412 },
    });
    const { ETag } = await put('only-once', 'third');
    await put('only-once', 'fourth', { IfMatch: ETag });
    await expect(put('only-once', 'fifth', { IfMatch: ETag })).rejects.toMatchObject({
      name: 'PreconditionFailed',
    });
    await expect(put('not-there', 'x', { IfMatch: ETag })).rejects.toMatchObject({ name: 'NoSuchKey' });
    expect((await get('only-once')).text).toBe('fourth');
  });

  it('let exactly one of many writers succeed', async () => {
    const writers = Array.from({ length: 20 }, (_, index) =>
      put('raced', `writer ${index}`, { IfNoneMatch: '*' }),
    );
    const results = await Promise.allSettled(writers);
    const winners = results.flatMap((result, index) => (result.status === 'fulfilled' ? [index] : []));
    expect(winners).toHaveLength(1);
    expect((await get('raced')).text).toBe(`writer ${winners[0]}`);
  });
});

describe('copying', () => {
  it('keeps metadata and tags, or replaces them', async () => {
    await put('source', 'data', { Metadata: { a: '1' }, ContentType: 'text/css', Tagging: 't=1' });
    const CopySource = `${bucket}/source`;
    await running.s3.send(new CopyObjectCommand({ Bucket, Key: 'copy', CopySource }));
    expect(await get('copy')).toMatchObject({
      text: 'data',
      Metadata: { a: '1' },
      ContentType: 'text/css',
      TagCount: 1,
    });
    await running.s3.send(
      new CopyObjectCommand({
        Bucket,
        Key: 'copy',
        CopySource,
        MetadataDirective: 'REPLACE',
        Metadata: { b: '2' },
        TaggingDirective: 'REPLACE',
        Tagging: 'u=2&v=3',
      }),
    );
    expect(await get('copy')).toMatchObject({
      Metadata: { b: '2' },
      ContentType: 'binary/octet-stream',
      TagCount: 2,
    });
  });

  it('onto itself must change something', async () => {
    await put('self', 'data');
    const CopySource = `${bucket}/self`;
    await expect(
      running.s3.send(new CopyObjectCommand({ Bucket, Key: 'self', CopySource })),
    ).rejects.toMatchObject({
      name: 'InvalidRequest',
      message: expect.stringContaining('illegal because it is trying to copy an object to itself'),
    });
    await running.s3.send(
      new CopyObjectCommand({
        Bucket,
        Key: 'self',
        CopySource,
        MetadataDirective: 'REPLACE',
        Metadata: { z: '1' },
      }),
    );
    expect(await get('self')).toMatchObject({ text: 'data', Metadata: { z: '1' } });
  });

  it('has conditions on its source and on its target', async () => {
    const { ETag } = await put('guarded', 'data');
    const copy = async (more: object) =>
      await running.s3.send(
        new CopyObjectCommand({ Bucket, Key: 'guarded-copy', CopySource: `${bucket}/guarded`, ...more }),
      );
    await expect(copy({ CopySourceIfMatch: '"other"' })).rejects.toMatchObject({
      name: 'PreconditionFailed',
    });
    await expect(copy({ CopySourceIfNoneMatch: ETag })).rejects.toMatchObject({ name: 'PreconditionFailed' });
    await copy({ CopySourceIfMatch: ETag, IfNoneMatch: '*' });
    await expect(copy({ IfNoneMatch: '*' })).rejects.toMatchObject({ name: 'PreconditionFailed' });
  });

  it('of a missing object fails with its key', async () => {
    const copy = new CopyObjectCommand({ Bucket, Key: 'x', CopySource: `${bucket}/nothing` });
    await expect(running.s3.send(copy)).rejects.toMatchObject({ name: 'NoSuchKey' });
  });
});

describe('deleting', () => {
  it('a missing object is not an error', async () => {
    expect((await running.raw({ method: 'DELETE', path: `/${bucket}/never-was` })).status).toBe(204);
  });

  it('many at once names each, or none in quiet mode', async () => {
    const names = ['m/1', 'm/2', 'm/ <&> é'];
    for (const name of names) await put(name);
    const Objects = [...names, 'm/none'].map((Key) => ({ Key }));
    const deleted = await running.s3.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects } }));
    expect(deleted.Deleted?.map((entry) => entry.Key)).toEqual([...names, 'm/none']);
    for (const Key of names) {
      await expect(running.s3.send(new HeadObjectCommand({ Bucket, Key }))).rejects.toMatchObject({
        name: 'NotFound',
      });
    }
    const quiet = await running.s3.send(
      new DeleteObjectsCommand({ Bucket, Delete: { Objects, Quiet: true } }),
    );
    expect(quiet.Deleted).toBeUndefined();
  });

  it('with a malformed list is MalformedXML', async () => {
    for (const body of [
      '',
      '<Delete>',
      '<Delete/>',
      '<Other/>',
      '<!DOCTYPE x><Delete><Object><Key>a</Key></Object></Delete>',
    ]) {
      const answer = await running.raw({ method: 'POST', path: `/${bucket}`, query: { delete: '' }, body });
      expect([answer.status, answer.code], body).toEqual([400, 'MalformedXML']);
    }
  });
});

describe('tags and ACLs', () => {
  it('are set, read and removed without a key', async () => {
    const TagSet = [
      { Key: 'a', Value: '1' },
      { Key: 'b c', Value: '<2>' },
    ];
    await put('tagged', 'x', { Tagging: 'a=1&b%20c=%3C2%3E' });
    const tags = async () =>
      (await running.s3.send(new GetObjectTaggingCommand({ Bucket, Key: 'tagged' }))).TagSet;
    expect(await tags()).toEqual(TagSet);
    await running.s3.send(
      new PutObjectTaggingCommand({ Bucket, Key: 'tagged', Tagging: { TagSet: TagSet.slice(1) } }),
    );
    expect(await tags()).toEqual(TagSet.slice(1));
    await running.s3.send(new DeleteObjectTaggingCommand({ Bucket, Key: 'tagged' }));
    expect(await tags()).toEqual([]);
  });

  it('have limits', async () => {
    const eleven = Array.from({ length: 11 }, (_, index) => `k${index}=v`).join('&');
    await expect(put('tagged', 'x', { Tagging: eleven })).rejects.toMatchObject({ name: 'BadRequest' });
    await expect(put('tagged', 'x', { Tagging: 'a=1&a=2' })).rejects.toMatchObject({
      name: 'InvalidArgument',
    });
  });

  it('a canned ACL is stored; an unknown one is refused', async () => {
    await put('shared', 'x', { ACL: 'public-read' });
    const acl = await running.s3.send(new GetObjectAclCommand({ Bucket, Key: 'shared' }));
    expect(acl.Grants?.map((grant) => grant.Permission)).toEqual(['FULL_CONTROL', 'READ']);
    await expect(put('shared', 'x', { ACL: 'everybody' })).rejects.toMatchObject({ name: 'InvalidArgument' });
  });
});

describe('SSE-KMS', () => {
  it('stores and returns the key’s ARN; the entity tag is not the MD5', async () => {
    const arn = 'arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab';
    const written = await put('kms', 'data', { ServerSideEncryption: 'aws:kms', SSEKMSKeyId: arn });
    expect(written).toMatchObject({ ServerSideEncryption: 'aws:kms', SSEKMSKeyId: arn });
    expect(written.ETag).not.toBe(`"${md5('data')}"`);
    expect(await get('kms')).toMatchObject({
      text: 'data',
      ServerSideEncryption: 'aws:kms',
      SSEKMSKeyId: arn,
    });
  });

  it('without a key uses the account’s own; with an unknown algorithm is refused', async () => {
    const written = await put('kms', 'data', { ServerSideEncryption: 'aws:kms' });
    expect(written.SSEKMSKeyId).toBe('arn:aws:kms:us-east-1:000000000000:key/aws-s3');
    const headers = { 'x-amz-server-side-encryption': 'rot13' };
    expect(await running.raw({ method: 'PUT', path: `/${bucket}/kms`, headers })).toMatchObject({
      status: 400,
      code: 'InvalidArgument',
    });
  });
});
