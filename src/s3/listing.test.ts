import type { S3Client } from '@aws-sdk/client-s3';
import { describe, expect, it } from 'vitest';
import type { ListRequest } from '../model/object-store.js';
import { call, refOf } from '../vault/testing/vault-world.js';
import type { S3Context } from './context.js';
import { Diagnosis } from './errors/diagnosis.js';
import { abortUpload, listObjects, listUploads } from './listing.js';

interface Sent {
  readonly name: string;
  readonly input: Readonly<Record<string, unknown>>;
}

/** A context whose client gives these answers in turn, and whose direct path is not available. */
function contextWith(...answers: readonly (object | Error)[]) {
  const sent: Sent[] = [];
  const client = {
    send: async (command: { readonly input: Readonly<Record<string, unknown>> }) => {
      sent.push({ name: command.constructor.name, input: command.input });
      const answer = answers[sent.length - 1];
      if (answer instanceof Error) throw answer;
      return answer ?? {};
    },
  } as unknown as S3Client;
  const clock = { nowMs: () => 0, monotonicMs: () => 0, sleep: async () => undefined };
  const context = {
    client,
    direct: { canReach: async () => false },
    diagnosis: new Diagnosis(client, clock),
    credentials: {
      generation: 0,
      loaded: () => undefined,
      faultOf: (error: unknown) => error,
      renewedAfter: async () => false,
    },
  } as unknown as S3Context;
  return { context, sent };
}

function answerOf(name: string, status: number): Error {
  return Object.assign(new Error(name), { name, $metadata: { httpStatusCode: status } });
}

const wanted: ListRequest = { bucket: 'b', prefix: 'p/', delimiter: '/' };

describe('a page of a listing', () => {
  it('has the objects and prefixes, with their names decoded', async () => {
    const { context, sent } = contextWith({
      Name: 'b',
      EncodingType: 'url',
      Contents: [{ Key: 'p/a+b%2Bc', Size: 3, ETag: '"e"', LastModified: new Date(5_000) }, { Key: 'p/d' }],
      CommonPrefixes: [{ Prefix: 'p/x%2F/' }, {}],
      IsTruncated: true,
      NextContinuationToken: 'more',
    });
    expect(await listObjects(context, call(), wanted)).toEqual({
      objects: [
        { key: 'p/a b+c', size: 3, etag: '"e"', lastModifiedMs: 5_000 },
        { key: 'p/d', size: 0, etag: '', lastModifiedMs: 0 },
      ],
      prefixes: ['p/x//', ''],
      continuation: 'more',
    });
    expect(sent).toEqual([
      {
        name: 'ListObjectsV2Command',
        input: { Bucket: 'b', Prefix: 'p/', EncodingType: 'url', Delimiter: '/' },
      },
    ]);
  });

  it('has its names as they are if the server did not encode them', async () => {
    const { context } = contextWith({
      Name: 'b',
      Contents: [{ Key: 'p/a+b%2B' }],
      CommonPrefixes: [{ Prefix: 'p/%/' }],
    });
    const page = await listObjects(context, call(), wanted);
    expect(page.objects.map(({ key }) => key)).toEqual(['p/a+b%2B']);
    expect(page.prefixes).toEqual(['p/%/']);
    expect(page.continuation).toBeNull();
  });

  it.each<[Partial<ListRequest>, object]>([
    [{ delimiter: null }, {}],
    [{ startAfter: 'p/k' }, { Delimiter: '/', StartAfter: 'p/k' }],
    [{ continuation: 'token' }, { Delimiter: '/', ContinuationToken: 'token' }],
    [{ maxKeys: 1 }, { Delimiter: '/', MaxKeys: 1 }],
    [{ maxKeys: 5_000 }, { Delimiter: '/', MaxKeys: 1_000 }],
  ])('is requested with %o', async (change, input) => {
    const { context, sent } = contextWith({ Name: 'b' });
    await listObjects(context, call(), { ...wanted, ...change });
    expect(sent[0]?.input).toEqual({ Bucket: 'b', Prefix: 'p/', EncodingType: 'url', ...input });
  });

  it('is the last one unless S3 says that more follow', async () => {
    const { context } = contextWith(
      { Name: 'b', IsTruncated: false, NextContinuationToken: 'more' },
      { Name: 'b', IsTruncated: true },
    );
    expect((await listObjects(context, call(), wanted)).continuation).toBeNull();
    expect((await listObjects(context, call(), wanted)).continuation).toBeNull();
  });

  it('is empty only if S3 reports that, not for any other answer', async () => {
    const { context } = contextWith({ Name: 'b' }, {});
    expect(await listObjects(context, call(), wanted)).toEqual({
      objects: [],
      prefixes: [],
      continuation: null,
    });
    await expect(listObjects(context, call(), wanted)).rejects.toMatchObject({ kind: 'unavailable' });
  });

  it.each([
    ['NoSuchBucket', 404],
    ['NoSuchKey', 404],
  ])('does not exist without its bucket (%s)', async (name, status) => {
    const { context } = contextWith(answerOf(name, status));
    await expect(listObjects(context, call(), wanted)).rejects.toMatchObject({
      kind: 'not-found',
      hint: expect.stringContaining('no bucket "b"'),
    });
  });

  it('needs a permission, which its refusal names', async () => {
    const { context } = contextWith(answerOf('AccessDenied', 403));
    await expect(listObjects(context, call(), wanted)).rejects.toMatchObject({
      kind: 'denied',
      hint: expect.stringMatching(/ListObjectsV2 of bucket "b"; allow s3:ListBucket/),
    });
  });
});

describe('the uploads below a prefix', () => {
  const upload = (Key: string, UploadId: string) => ({ Key, UploadId, Initiated: new Date(7_000) });

  it('are listed to the end, each page after the last upload of the one before', async () => {
    const { context, sent } = contextWith(
      { Bucket: 'b', IsTruncated: true, Uploads: [upload('p/a', '1'), upload('p/b%2Bc', '2')] },
      { Bucket: 'b', IsTruncated: false, Uploads: [upload('p/d', '3')] },
    );
    expect(await listUploads(context, call(), 'b', 'p/')).toEqual([
      { key: 'p/a', uploadId: '1', initiatedMs: 7_000 },
      { key: 'p/b+c', uploadId: '2', initiatedMs: 7_000 },
      { key: 'p/d', uploadId: '3', initiatedMs: 7_000 },
    ]);
    const input = { Bucket: 'b', Prefix: 'p/', EncodingType: 'url' };
    expect(sent.map((one) => one.input)).toEqual([
      input,
      { ...input, KeyMarker: 'p/b+c', UploadIdMarker: '2' },
    ]);
    expect(sent[0]?.name).toBe('ListMultipartUploadsCommand');
  });

  it('end with a page without uploads, whatever S3 says of more', async () => {
    const { context, sent } = contextWith({ Bucket: 'b', IsTruncated: true }, { Bucket: 'b' });
    expect(await listUploads(context, call(), 'b', 'p/')).toEqual([]);
    expect(sent).toHaveLength(1);
  });

  it('may lack every detail', async () => {
    const { context } = contextWith({ Bucket: 'b', Uploads: [{}] });
    expect(await listUploads(context, call(), 'b', '')).toEqual([{ key: '', uploadId: '', initiatedMs: 0 }]);
  });

  it('are not none for another answer, without the bucket, or without the permission', async () => {
    const kinds = [];
    for (const answer of [{}, answerOf('NoSuchBucket', 404), answerOf('NoSuchKey', 404)]) {
      const { context } = contextWith(answer);
      kinds.push(
        await listUploads(context, call(), 'b', '').then(
          () => 'none',
          (error: { readonly kind: string }) => error.kind,
        ),
      );
    }
    expect(kinds).toEqual(['unavailable', 'not-found', 'not-found']);
    const { context } = contextWith(answerOf('AccessDenied', 403));
    await expect(listUploads(context, call(), 'b', '')).rejects.toMatchObject({
      hint: expect.stringContaining('allow s3:ListBucketMultipartUploads'),
    });
  });
});

describe('an upload that is aborted', () => {
  it('is named by its object and its id', async () => {
    const { context, sent } = contextWith({});
    await abortUpload(context, call(), refOf('k'), 'id');
    expect(sent).toEqual([
      { name: 'AbortMultipartUploadCommand', input: { Bucket: 'bucket', Key: 'k', UploadId: 'id' } },
    ]);
  });

  it('may be absent', async () => {
    const { context, sent } = contextWith(answerOf('NoSuchUpload', 404));
    await abortUpload(context, call(), refOf('k'), 'id');
    expect(sent).toHaveLength(1);
  });

  it('stays if that is not allowed', async () => {
    const { context } = contextWith(answerOf('AccessDenied', 403));
    await expect(abortUpload(context, call(), refOf('k'), 'id')).rejects.toMatchObject({
      kind: 'denied',
      hint: expect.stringMatching(/AbortMultipartUpload of "k" in bucket "bucket"; allow s3:AbortMultipart/),
    });
  });
});
