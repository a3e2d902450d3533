import {
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteBucketEncryptionCommand,
  DeleteObjectCommand,
  GetBucketEncryptionCommand,
  GetBucketLocationCommand,
  GetBucketVersioningCommand,
  GetObjectCommand,
  HeadBucketCommand,
  ListBucketsCommand,
  ListObjectsCommand,
  ListObjectsV2Command,
  ListObjectVersionsCommand,
  PutBucketEncryptionCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RunningServer, runServer, TestKey } from '../testing/running-server.js';

let running: RunningServer;
beforeAll(async () => {
  running = await runServer();
});
afterAll(async () => await running.stop());

const put = async (Bucket: string, Key: string, Body = Key, more: object = {}) =>
  await running.s3.send(new PutObjectCommand({ Bucket, Key, Body, ...more }));

describe('a bucket', () => {
  it('is created, found, listed, located and, when empty, removed', async () => {
    const Bucket = 'life.of-a-bucket';
    await running.s3.send(new CreateBucketCommand({ Bucket }));
    expect(await running.s3.send(new HeadBucketCommand({ Bucket }))).toMatchObject({
      BucketRegion: 'us-east-1',
    });
    const { Buckets } = await running.s3.send(new ListBucketsCommand({}));
    expect(Buckets?.map(({ Name }) => Name)).toContain(Bucket);
    const location = await running.s3.send(new GetBucketLocationCommand({ Bucket }));
    expect(location.LocationConstraint).toBeUndefined();
    await put(Bucket, 'x');
    await expect(running.s3.send(new DeleteBucketCommand({ Bucket }))).rejects.toMatchObject({
      name: 'BucketNotEmpty',
    });
    await running.s3.send(new DeleteObjectCommand({ Bucket, Key: 'x' }));
    await running.s3.send(new DeleteBucketCommand({ Bucket }));
    await expect(running.s3.send(new HeadBucketCommand({ Bucket }))).rejects.toMatchObject({
      name: 'NotFound',
    });
    await expect(put(Bucket, 'x')).rejects.toMatchObject({ name: 'NoSuchBucket' });
  });

  it('must have a name that follows the rules', async () => {
    for (const name of ['Ab', 'a', 'a..b', '1.2.3.4', 'x'.repeat(64), '-ab', 'a_b']) {
      expect(await running.raw({ method: 'PUT', path: `/${name}` }), name).toMatchObject({
        status: 400,
        code: 'InvalidBucketName',
      });
    }
  });

  it('returns its region unless it is us-east-1', async () => {
    const elsewhere = await runServer({ region: 'eu-north-1' });
    const { s3 } = elsewhere;
    // A request signed for another region is valid: the server is in every region.
    const location = await s3.send(new GetBucketLocationCommand({ Bucket: 'test-bucket' }));
    expect(location.LocationConstraint).toBe('eu-north-1');
    await expect(s3.send(new CreateBucketCommand({ Bucket: 'test-bucket' }))).rejects.toMatchObject({
      name: 'BucketAlreadyOwnedByYou',
    });
    await elsewhere.stop();
  });

  it('applies its default encryption, and returns the blocked types', async () => {
    const Bucket = 'kms-by-default';
    await running.server.ensureBucket(Bucket);
    const arn = 'arn:aws:kms:us-east-1:111122223333:key/k';
    const rule = async () =>
      (await running.s3.send(new GetBucketEncryptionCommand({ Bucket }))).ServerSideEncryptionConfiguration
        ?.Rules?.[0];
    expect(await rule()).toEqual({
      ApplyServerSideEncryptionByDefault: { SSEAlgorithm: 'AES256' },
      BucketKeyEnabled: false,
      BlockedEncryptionTypes: { EncryptionType: ['NONE'] },
    });
    const set = async (Rule: object) =>
      await running.s3.send(
        new PutBucketEncryptionCommand({ Bucket, ServerSideEncryptionConfiguration: { Rules: [Rule] } }),
      );
    const ApplyServerSideEncryptionByDefault = { SSEAlgorithm: 'aws:kms', KMSMasterKeyID: arn };
    await set({ ApplyServerSideEncryptionByDefault, BlockedEncryptionTypes: { EncryptionType: ['SSE-C'] } });
    expect(await put(Bucket, 'x')).toMatchObject({ ServerSideEncryption: 'aws:kms', SSEKMSKeyId: arn });
    // A rule without blocked encryption types keeps them.
    await set({ ApplyServerSideEncryptionByDefault });
    expect(await rule()).toMatchObject({ BlockedEncryptionTypes: { EncryptionType: ['SSE-C'] } });
    await expect(put(Bucket, 'x', 'x', new TestKey().trio)).rejects.toMatchObject({ name: 'AccessDenied' });
    await running.s3.send(new DeleteBucketEncryptionCommand({ Bucket }));
    expect(await put(Bucket, 'x')).toMatchObject({ ServerSideEncryption: 'AES256' });
  });

  it('answers 501 for operations that it does not have', async () => {
    for (const name of ['policy', 'lifecycle', 'replication', 'website', 'object-lock', 'cors', 'logging']) {
      for (const method of ['GET', 'PUT']) {
        const answer = await running.raw({ method, path: '/test-bucket', query: { [name]: '' } });
        expect([answer.status, answer.code], `${method} ${name}`).toEqual([501, 'NotImplemented']);
      }
    }
    expect(await running.raw({ method: 'POST', path: '/test-bucket' })).toMatchObject({ status: 501 });
    expect(
      await running.raw({ method: 'POST', path: '/test-bucket/x', query: { restore: '' } }),
    ).toMatchObject({ status: 501 });
    expect(await running.raw({ method: 'PATCH', path: '/test-bucket/x' })).toMatchObject({
      status: 405,
      code: 'MethodNotAllowed',
    });
  });

  it('is found by the host name too', async () => {
    await put('test-bucket', 'dir/hosted', 'by name');
    const { port } = new URL(running.server.endpoint);
    for (const host of [`test-bucket.localhost:${port}`, `test-bucket.s3.localhost:${port}`]) {
      const answer = await running.raw({ method: 'GET', path: '/dir/hosted', headers: { host } });
      expect([answer.status, answer.text]).toEqual([200, 'by name']);
    }
  });
});

describe('a list of objects', () => {
  const Bucket = 'listed-bucket';
  const keys = ['a', 'a b+c', 'dir/', 'dir/1', 'dir/2/x', 'dir/2/y', 'z\uFFFD', 'z😀', 'é', '%', "!'()*~"];
  const inOrder = [...keys].sort((left, right) => Buffer.compare(Buffer.from(left), Buffer.from(right)));
  beforeAll(async () => {
    await running.server.ensureBucket(Bucket);
    for (const key of keys) await put(Bucket, key);
  });
  const list = async (more: object = {}) =>
    await running.s3.send(new ListObjectsV2Command({ Bucket, ...more }));

  it('is in the byte order of UTF-8, with size, time and tag', async () => {
    const all = await list();
    expect(all.Contents?.map(({ Key }) => Key)).toEqual(inOrder);
    expect(all).toMatchObject({ KeyCount: keys.length, IsTruncated: false, MaxKeys: 1000 });
    expect(all.Contents?.[0]).toMatchObject({
      Size: 6,
      StorageClass: 'STANDARD',
      ETag: expect.stringMatching(/^"/),
    });
    expect(Math.abs(Date.now() - Number(all.Contents?.[0]?.LastModified))).toBeLessThan(60_000);
  });

  it('comes in pages that continue', async () => {
    const seen: (string | undefined)[] = [];
    let ContinuationToken: string | undefined;
    do {
      const page = await list({ MaxKeys: 3, ContinuationToken });
      seen.push(...(page.Contents?.map(({ Key }) => Key) ?? []));
      ContinuationToken = page.NextContinuationToken;
      expect(page.IsTruncated).toBe(ContinuationToken !== undefined);
    } while (ContinuationToken !== undefined);
    expect(seen).toEqual(inOrder);
    await expect(list({ ContinuationToken: 'nonsense' })).rejects.toMatchObject({ name: 'InvalidArgument' });
  });

  it('groups keys by a delimiter', async () => {
    const top = await list({ Delimiter: '/' });
    expect(top.CommonPrefixes).toEqual([{ Prefix: 'dir/' }]);
    expect(top.KeyCount).toBe(keys.length - 3);
    const below = await list({ Delimiter: '/', Prefix: 'dir/' });
    expect(below.Contents?.map(({ Key }) => Key)).toEqual(['dir/', 'dir/1']);
    expect(below.CommonPrefixes).toEqual([{ Prefix: 'dir/2/' }]);
    const after = await list({ Delimiter: '/', Prefix: 'dir/', StartAfter: 'dir/' });
    expect([after.Contents?.length, after.CommonPrefixes?.length]).toEqual([1, 1]);
  });

  it('encodes keys on request', async () => {
    const encoded = await list({ EncodingType: 'url' });
    const decoded = encoded.Contents?.map(({ Key }) => decodeURIComponent((Key ?? '').replaceAll('+', ' ')));
    expect(decoded).toEqual(inOrder);
    expect(encoded.Contents?.map(({ Key }) => Key)).toContain('a+b%2Bc');
    await expect(list({ EncodingType: 'rot13' })).rejects.toMatchObject({ name: 'InvalidArgument' });
  });

  it('in version 1 has markers', async () => {
    const first = await running.s3.send(
      new ListObjectsCommand({ Bucket, Delimiter: '/', MaxKeys: inOrder.indexOf('dir/') + 1 }),
    );
    expect([first.NextMarker, first.IsTruncated]).toEqual(['dir/', true]);
    const rest = await running.s3.send(new ListObjectsCommand({ Bucket, Delimiter: '/', Marker: 'dir/' }));
    expect(rest.Contents?.map(({ Key }) => Key)).toEqual(inOrder.slice(inOrder.indexOf('dir/2/y') + 1));
    expect(rest.CommonPrefixes).toBeUndefined();
  });

  it('carries a control character in a key', async () => {
    await put(Bucket, 'tab\there');
    const answer = await running.raw({
      method: 'GET',
      path: `/${Bucket}`,
      query: { 'list-type': '2', prefix: 'tab' },
    });
    expect(answer.text).toContain('<Key>tab&#x9;here</Key>');
    await running.s3.send(new DeleteObjectCommand({ Bucket, Key: 'tab\there' }));
  });
});

describe('versions', () => {
  const Bucket = 'versioned-bucket';
  const Key = 'k';
  const versioning = async (Status: 'Enabled' | 'Suspended') =>
    await running.s3.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status } }));
  const read = async (VersionId?: string) => {
    const got = await running.s3.send(new GetObjectCommand({ Bucket, Key, VersionId }));
    return await got.Body?.transformToString();
  };
  beforeAll(async () => await running.server.ensureBucket(Bucket));

  it('are kept, listed, marked as deleted and restored', async () => {
    expect((await put(Bucket, Key, 'before')).VersionId).toBeUndefined();
    await versioning('Enabled');
    expect(await running.s3.send(new GetBucketVersioningCommand({ Bucket }))).toMatchObject({
      Status: 'Enabled',
    });
    const one = (await put(Bucket, Key, 'one')).VersionId;
    const two = (await put(Bucket, Key, 'two')).VersionId;
    expect([await read(), await read(one), await read('null')]).toEqual(['two', 'one', 'before']);
    const marker = await running.s3.send(new DeleteObjectCommand({ Bucket, Key }));
    expect(marker).toMatchObject({ DeleteMarker: true, VersionId: expect.any(String) });
    const gone = await running.raw({ method: 'GET', path: `/${Bucket}/${Key}` });
    expect([gone.status, gone.code, gone.headers['x-amz-delete-marker']]).toEqual([404, 'NoSuchKey', 'true']);
    const query = { versionId: marker.VersionId ?? '' };
    const named = await running.raw({ method: 'GET', path: `/${Bucket}/${Key}`, query });
    expect([named.status, named.code, named.headers['allow']]).toEqual([405, 'MethodNotAllowed', 'DELETE']);

    const listed = await running.s3.send(new ListObjectVersionsCommand({ Bucket }));
    expect(listed.DeleteMarkers?.map(({ VersionId, IsLatest }) => [VersionId, IsLatest])).toEqual([
      [marker.VersionId, true],
    ]);
    expect(listed.Versions?.map(({ VersionId, IsLatest }) => [VersionId, IsLatest])).toEqual([
      [two, false],
      [one, false],
      ['null', false],
    ]);
    const page = await running.s3.send(new ListObjectVersionsCommand({ Bucket, MaxKeys: 2 }));
    expect(page).toMatchObject({ IsTruncated: true, NextKeyMarker: Key, NextVersionIdMarker: two });
    const rest = await running.s3.send(
      new ListObjectVersionsCommand({
        Bucket,
        KeyMarker: page.NextKeyMarker,
        VersionIdMarker: page.NextVersionIdMarker,
      }),
    );
    expect(rest.Versions?.map(({ VersionId }) => VersionId)).toEqual([one, 'null']);

    await running.s3.send(new DeleteObjectCommand({ Bucket, Key, VersionId: marker.VersionId }));
    expect(await read()).toBe('two');
    await running.s3.send(new DeleteObjectCommand({ Bucket, Key, VersionId: two }));
    expect(await read()).toBe('one');
    await expect(read(two)).rejects.toMatchObject({ name: 'NoSuchVersion' });
  });

  it('stay while versioning is suspended, except that the null version is replaced', async () => {
    await versioning('Suspended');
    expect((await put(Bucket, Key, 'after')).VersionId).toBe('null');
    expect([await read(), await read('null')]).toEqual(['after', 'after']);
    const marker = await running.s3.send(new DeleteObjectCommand({ Bucket, Key }));
    expect(marker).toMatchObject({ DeleteMarker: true, VersionId: 'null' });
    const listed = await running.s3.send(new ListObjectVersionsCommand({ Bucket }));
    expect([listed.Versions?.length, listed.DeleteMarkers?.length]).toEqual([1, 1]);
  });

  it('have a key each', async () => {
    await versioning('Enabled');
    const [old, young] = [new TestKey(), new TestKey()];
    const before = await put(Bucket, 'rotated', 'old', old.trio);
    await put(Bucket, 'rotated', 'young', young.trio);
    const get = async (key: TestKey, VersionId?: string) =>
      await running.s3.send(new GetObjectCommand({ Bucket, Key: 'rotated', VersionId, ...key.trio }));
    expect(await (await get(old, before.VersionId)).Body?.transformToString()).toBe('old');
    await expect(get(young, before.VersionId)).rejects.toMatchObject({ name: 'AccessDenied' });
    await expect(get(old)).rejects.toMatchObject({ name: 'AccessDenied' });
  });
});

describe('the list of buckets', () => {
  it('comes in pages, in order', async () => {
    const names = ['page-a', 'page-b', 'page-c', 'page-d', 'page-e'];
    for (const Bucket of [...names].reverse()) await running.s3.send(new CreateBucketCommand({ Bucket }));
    const found: (string | undefined)[] = [];
    const sizes: number[] = [];
    let ContinuationToken: string | undefined;
    do {
      const page = await running.s3.send(
        new ListBucketsCommand({ Prefix: 'page-', MaxBuckets: 2, ContinuationToken }),
      );
      expect(page.Prefix).toBe('page-');
      sizes.push(page.Buckets?.length ?? 0);
      found.push(...(page.Buckets ?? []).map(({ Name }) => Name));
      ContinuationToken = page.ContinuationToken;
    } while (ContinuationToken !== undefined);
    expect(found).toEqual(names);
    expect(sizes).toEqual([2, 2, 1]);
    const elsewhere = await running.s3.send(new ListBucketsCommand({ BucketRegion: 'eu-west-9' }));
    expect(elsewhere.Buckets ?? []).toEqual([]);
    await expect(
      running.s3.send(new ListBucketsCommand({ ContinuationToken: 'not a token' })),
    ).rejects.toMatchObject({ name: 'InvalidArgument' });
  });
});

describe('a list of versions', () => {
  const Bucket = 'emptied-bucket';
  const all = async (more: object = {}) =>
    await running.s3.send(new ListObjectVersionsCommand({ Bucket, MaxKeys: 2, ...more }));

  it('continues after a version that was removed meanwhile, and skips none', async () => {
    await running.s3.send(new CreateBucketCommand({ Bucket }));
    await running.s3.send(
      new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: 'Enabled' } }),
    );
    for (const key of ['a', 'a', 'a', 'a', 'a', 'b', 'b', 'c']) await put(Bucket, key);
    await running.s3.send(new DeleteObjectCommand({ Bucket, Key: 'b' }));
    let removed = 0;
    let page = await all();
    for (;;) {
      for (const { Key, VersionId } of [...(page.Versions ?? []), ...(page.DeleteMarkers ?? [])]) {
        await running.s3.send(new DeleteObjectCommand({ Bucket, Key, VersionId }));
        removed += 1;
      }
      if (page.IsTruncated !== true) break;
      page = await all({ KeyMarker: page.NextKeyMarker, VersionIdMarker: page.NextVersionIdMarker });
    }
    expect(removed).toBe(9);
    await running.s3.send(new DeleteBucketCommand({ Bucket }));
  });

  it('is refused after something that is not the id of a version', async () => {
    for (const marker of ['x', 'a/b', `${'x'.repeat(31)}!`]) {
      const query = { versions: '', 'key-marker': 'a', 'version-id-marker': marker };
      expect(await running.raw({ method: 'GET', path: '/test-bucket', query }), marker).toMatchObject({
        status: 400,
        code: 'InvalidArgument',
      });
    }
  });
});
