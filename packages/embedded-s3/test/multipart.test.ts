import { randomBytes } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import {
  AbortMultipartUploadCommand,
  type ChecksumAlgorithm,
  type ChecksumType,
  type CompletedPart,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectAttributesCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectVersionsCommand,
  ListPartsCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  UploadPartCommand,
  UploadPartCopyCommand,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bucket, type RunningServer, runServer, sdkClient, TestKey } from '../testing/running-server.js';
import type { RawRequest } from '../testing/signed-request.js';
import { eventually } from '../testing/wait.js';

let running: RunningServer;
const Bucket = bucket;
const MiB = 1024 * 1024;
const first = randomBytes(5 * MiB + 1);
const second = randomBytes(5 * MiB);
const last = randomBytes(12_345);
const whole = Buffer.concat([first, second, last]);

beforeAll(async () => {
  running = await runServer();
});
afterAll(async () => await running.stop());

async function begin(Key: string, more: object = {}): Promise<string> {
  const { UploadId } = await running.s3.send(new CreateMultipartUploadCommand({ Bucket, Key, ...more }));
  return UploadId ?? '';
}

async function send(
  Key: string,
  UploadId: string,
  PartNumber: number,
  Body: Uint8Array,
  more: object = {},
): Promise<CompletedPart> {
  const sent = await running.s3.send(
    new UploadPartCommand({ Bucket, Key, UploadId, PartNumber, Body, ...more }),
  );
  const { ETag, ChecksumCRC32, ChecksumCRC32C, ChecksumCRC64NVME, ChecksumSHA1, ChecksumSHA256 } = sent;
  return { PartNumber, ETag, ChecksumCRC32, ChecksumCRC32C, ChecksumCRC64NVME, ChecksumSHA1, ChecksumSHA256 };
}

const complete = async (Key: string, UploadId: string, Parts: CompletedPart[], more: object = {}) =>
  await running.s3.send(
    new CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload: { Parts }, ...more }),
  );

async function read(Key: string, more: object = {}): Promise<Buffer> {
  const { Body } = await running.s3.send(new GetObjectCommand({ Bucket, Key, ...more }));
  return Buffer.from((await Body?.transformToByteArray()) ?? []);
}

const versioned = async () =>
  await running.s3.send(
    new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: 'Enabled' } }),
  );

async function versionsOf(Prefix: string) {
  const { Versions = [] } = await running.s3.send(new ListObjectVersionsCommand({ Bucket, Prefix }));
  return Versions;
}

const bodyFiles = async () =>
  (await readdir(join(running.directory, 'bodies'), { recursive: true })).filter((name) => name.includes('/'))
    .length;

describe('a multipart upload', () => {
  it('is invisible until it is completed; then it is its parts in order', async () => {
    const Key = 'in-order';
    const UploadId = await begin(Key, { Metadata: { m: '1' }, ContentType: 'text/x' });
    const parts = [
      await send(Key, UploadId, 700, last),
      await send(Key, UploadId, 2, first),
      await send(Key, UploadId, 30, second),
    ];
    await expect(read(Key)).rejects.toMatchObject({ name: 'NoSuchKey' });
    const done = await complete(Key, UploadId, [...parts.slice(1), ...parts.slice(0, 1)]);
    expect(done.ETag).toMatch(/^"[0-9a-f]{32}-3"$/);
    expect((await read(Key)).equals(whole)).toBe(true);
    const head = await running.s3.send(new HeadObjectCommand({ Bucket, Key, ChecksumMode: 'ENABLED' }));
    expect(head).toMatchObject({
      ETag: done.ETag,
      ContentLength: whole.length,
      Metadata: { m: '1' },
      ContentType: 'text/x',
    });
  });

  it('is read in ranges over its parts, and part by part', async () => {
    const Key = 'in-order';
    const start = first.length - 10;
    expect(await read(Key, { Range: `bytes=${start}-${start + 19}` })).toEqual(
      whole.subarray(start, start + 20),
    );
    const part = await running.s3.send(new GetObjectCommand({ Bucket, Key, PartNumber: 30 }));
    expect(part.PartsCount).toBe(3);
    expect(Buffer.from((await part.Body?.transformToByteArray()) ?? []).equals(second)).toBe(true);
    await expect(read(Key, { PartNumber: 3 })).rejects.toMatchObject({ name: 'InvalidPartNumber' });
  });

  it('with a customer’s key is read as one object', async () => {
    const Key = 'sealed';
    const key = new TestKey();
    const UploadId = await begin(Key, key.trio);
    const parts = [
      await send(Key, UploadId, 1, first, key.trio),
      await send(Key, UploadId, 2, last, key.trio),
    ];
    await complete(Key, UploadId, parts, key.trio);
    expect((await read(Key, key.trio)).equals(Buffer.concat([first, last]))).toBe(true);
    await expect(read(Key, new TestKey().trio)).rejects.toMatchObject({ name: 'AccessDenied' });
  });

  it('accepts a part again: the last one is used, and the file of the earlier one is removed', async () => {
    const Key = 'completed again';
    const before = await bodyFiles();
    const UploadId = await begin(Key);
    const stale = await send(Key, UploadId, 1, first);
    const fresh = await send(Key, UploadId, 1, last);
    await eventually('the replaced file goes', async () => (await bodyFiles()) === before + 1);
    await expect(complete(Key, UploadId, [stale])).rejects.toMatchObject({ name: 'InvalidPart' });
    await complete(Key, UploadId, [fresh]);
    expect((await read(Key)).equals(last)).toBe(true);
  });

  it('drops parts that its completion does not name', async () => {
    const Key = 'dropped';
    const before = await bodyFiles();
    const UploadId = await begin(Key);
    const kept = await send(Key, UploadId, 2, last);
    await send(Key, UploadId, 1, first);
    await complete(Key, UploadId, [kept]);
    await eventually('only one file stays', async () => (await bodyFiles()) === before + 1);
    expect((await read(Key)).equals(last)).toBe(true);
  });

  it('leaves nothing when it is aborted', async () => {
    const Key = 'aborted';
    const before = await bodyFiles();
    const UploadId = await begin(Key);
    await send(Key, UploadId, 1, first);
    await running.s3.send(new AbortMultipartUploadCommand({ Bucket, Key, UploadId }));
    await eventually('its files go', async () => (await bodyFiles()) === before);
    await expect(send(Key, UploadId, 1, last)).rejects.toMatchObject({ name: 'NoSuchUpload' });
    await expect(complete(Key, UploadId, [{ PartNumber: 1, ETag: 'x' }])).rejects.toMatchObject({
      name: 'NoSuchUpload',
    });
  });

  it('is removed with its bucket, and does not block that removal', async () => {
    const doomed = 'doomed-bucket';
    await running.server.ensureBucket(doomed);
    const before = await bodyFiles();
    const query = { uploads: '' };
    const { text } = await running.raw({ method: 'POST', path: `/${doomed}/x`, query });
    const uploadId = /<UploadId>(.*)<\/UploadId>/.exec(text)?.[1] ?? '';
    const part: RawRequest = {
      method: 'PUT',
      path: `/${doomed}/x`,
      query: { uploadId, partNumber: '1' },
      body: 'x',
    };
    expect((await running.raw(part)).status).toBe(200);
    expect((await running.raw({ method: 'DELETE', path: `/${doomed}` })).status).toBe(204);
    await eventually('its files go', async () => (await bodyFiles()) === before);
    expect((await running.raw(part)).code).toBe('NoSuchBucket');
  });

  it('lists its parts in pages, and the bucket lists it', async () => {
    const Key = 'listed/one';
    const UploadId = await begin(Key);
    for (const number of [1, 2, 3]) await send(Key, UploadId, number, last);
    const page = await running.s3.send(new ListPartsCommand({ Bucket, Key, UploadId, MaxParts: 2 }));
    expect(page.Parts?.map((part) => part.PartNumber)).toEqual([1, 2]);
    expect([page.IsTruncated, page.NextPartNumberMarker]).toEqual([true, '2']);
    const rest = await running.s3.send(
      new ListPartsCommand({ Bucket, Key, UploadId, PartNumberMarker: '2' }),
    );
    expect(rest.Parts?.map((part) => [part.PartNumber, part.Size])).toEqual([[3, last.length]]);
    const another = await begin('listed/two');
    const uploads = await running.s3.send(new ListMultipartUploadsCommand({ Bucket, Prefix: 'listed/' }));
    expect(uploads.Uploads?.map((upload) => upload.UploadId)).toEqual([UploadId, another]);
    const one = await running.s3.send(
      new ListMultipartUploadsCommand({ Bucket, Prefix: 'listed/', MaxUploads: 1 }),
    );
    expect([one.IsTruncated, one.NextKeyMarker, one.NextUploadIdMarker]).toEqual([true, Key, UploadId]);
    const two = await running.s3.send(
      new ListMultipartUploadsCommand({
        Bucket,
        Prefix: 'listed/',
        KeyMarker: one.NextKeyMarker,
        UploadIdMarker: one.NextUploadIdMarker,
      }),
    );
    expect(two.Uploads?.map((upload) => upload.UploadId)).toEqual([another]);
    const rolled = await running.s3.send(new ListMultipartUploadsCommand({ Bucket, Delimiter: '/' }));
    expect(rolled.CommonPrefixes).toEqual([{ Prefix: 'listed/' }]);
  });

  it('refuses parts out of order, parts that are too small, and unknown parts', async () => {
    const Key = 'refused';
    const UploadId = await begin(Key);
    const one = await send(Key, UploadId, 1, last);
    const two = await send(Key, UploadId, 2, last);
    await expect(complete(Key, UploadId, [two, one])).rejects.toMatchObject({ name: 'InvalidPartOrder' });
    await expect(complete(Key, UploadId, [one, two])).rejects.toMatchObject({ name: 'EntityTooSmall' });
    await expect(complete(Key, UploadId, [one, { ...two, PartNumber: 3 }])).rejects.toMatchObject({
      name: 'InvalidPart',
    });
    await expect(complete(Key, UploadId, [])).rejects.toMatchObject({ name: 'MalformedXML' });
    await expect(send(Key, UploadId, 10_001, last)).rejects.toMatchObject({ name: 'InvalidArgument' });
    await expect(complete(Key, UploadId, [one], { IfMatch: '"x"' })).rejects.toMatchObject({
      name: 'NoSuchKey',
    });
    await complete(Key, UploadId, [one]);
  });

  it('is completed only if there is no object yet, on request', async () => {
    const Key = 'only-once';
    const UploadId = await begin(Key);
    const part = await send(Key, UploadId, 1, last);
    await running.s3.send(new PutObjectCommand({ Bucket, Key, Body: 'x' }));
    await expect(complete(Key, UploadId, [part], { IfNoneMatch: '*' })).rejects.toMatchObject({
      name: 'PreconditionFailed',
    });
    await complete(Key, UploadId, [part]);
  });

  it('is completed once by many that try at once, who get the same answer', async () => {
    const Key = 'raced';
    await versioned();
    const UploadId = await begin(Key);
    const part = await send(Key, UploadId, 1, last);
    const results = await Promise.allSettled(
      Array.from({ length: 8 }, () => complete(Key, UploadId, [part])),
    );
    const [one, ...others] = await versionsOf(Key);
    expect(others).toEqual([]);
    for (const result of results) {
      expect(result).toMatchObject({ value: { ETag: one?.ETag, VersionId: one?.VersionId } });
    }
    expect((await read(Key)).equals(last)).toBe(true);
  });

  it('may be completed again with the same parts while its object exists', async () => {
    const Key = 'again';
    await versioned();
    const UploadId = await begin(Key);
    const parts = [await send(Key, UploadId, 1, first), await send(Key, UploadId, 2, last)];
    const { $metadata: _, ...done } = await complete(Key, UploadId, parts, { IfNoneMatch: '*' });
    await running.s3.send(new PutObjectCommand({ Bucket, Key, Body: 'newer' }));
    const { $metadata: __, ...again } = await complete(Key, UploadId, parts, { IfNoneMatch: '*' });
    expect(again).toEqual(done);
    expect(String(await read(Key))).toBe('newer');
    expect(await versionsOf(Key)).toHaveLength(2);
    const gone = { name: 'NoSuchUpload' };
    await expect(complete(Key, UploadId, parts.slice(1))).rejects.toMatchObject(gone);
    await expect(complete('another', UploadId, parts)).rejects.toMatchObject(gone);
    await expect(send(Key, UploadId, 3, last)).rejects.toMatchObject(gone);
    await running.s3.send(new DeleteObjectCommand({ Bucket, Key, VersionId: done.VersionId }));
    await expect(complete(Key, UploadId, parts)).rejects.toMatchObject(gone);
  });
});

describe('checksums of a multipart upload', () => {
  const cases: readonly [ChecksumAlgorithm, ChecksumType][] = [
    ['CRC32', 'FULL_OBJECT'],
    ['CRC32', 'COMPOSITE'],
    ['CRC32C', 'FULL_OBJECT'],
    ['CRC32C', 'COMPOSITE'],
    ['CRC64NVME', 'FULL_OBJECT'],
    ['SHA1', 'COMPOSITE'],
    ['SHA256', 'COMPOSITE'],
  ];
  for (const [ChecksumAlgorithm, ChecksumType] of cases) {
    it(`${ChecksumAlgorithm} ${ChecksumType} is computed from those of the parts`, async () => {
      const Key = `checked-${ChecksumAlgorithm}-${ChecksumType}`;
      const UploadId = await begin(Key, { ChecksumAlgorithm, ChecksumType });
      const parts = [
        await send(Key, UploadId, 1, first, { ChecksumAlgorithm }),
        await send(Key, UploadId, 2, last, { ChecksumAlgorithm }),
      ];
      const done = await complete(Key, UploadId, parts, { ChecksumType });
      const name = `Checksum${ChecksumAlgorithm}` as const;
      expect(done.ChecksumType).toBe(ChecksumType);
      const single = await running.s3.send(
        new PutObjectCommand({
          Bucket,
          Key: `${Key}-single`,
          Body: Buffer.concat([first, last]),
          ChecksumAlgorithm,
        }),
      );
      if (ChecksumType === 'FULL_OBJECT') expect(done[name]).toBe(single[name]);
      else expect(done[name]).toMatch(/^[A-Za-z0-9+/]+=*-2$/);
      const attributes = await running.s3.send(
        new GetObjectAttributesCommand({
          Bucket,
          Key,
          ObjectAttributes: ['Checksum', 'ObjectParts', 'ObjectSize'],
        }),
      );
      expect(attributes.Checksum).toMatchObject({ [name]: done[name], ChecksumType });
      expect(attributes.ObjectParts?.TotalPartsCount).toBe(2);
      expect(attributes.ObjectSize).toBe(first.length + last.length);
    });
  }

  it('default to CRC64NVME, whatever the parts were sent with', async () => {
    const plain = sdkClient(running.server, { requestChecksumCalculation: 'WHEN_REQUIRED' });
    const Key = 'unasked';
    const { UploadId } = await plain.send(new CreateMultipartUploadCommand({ Bucket, Key }));
    const sent = await running.raw({
      method: 'PUT',
      path: `/${bucket}/${Key}`,
      query: { partNumber: '1', uploadId: UploadId ?? '' },
      headers: { 'x-amz-checksum-crc32': 'y/Q5Jg==' },
      body: '123456789',
    });
    expect(sent.headers['x-amz-checksum-crc32']).toBe('y/Q5Jg==');
    const ETag = String(sent.headers['etag']);
    const done = await plain.send(
      new CompleteMultipartUploadCommand({
        Bucket,
        Key,
        UploadId,
        MultipartUpload: { Parts: [{ PartNumber: 1, ETag }] },
      }),
    );
    expect(done).toMatchObject({ ChecksumCRC64NVME: 'rosUhgp5mIg=', ChecksumType: 'FULL_OBJECT' });
    plain.destroy();
  });

  it('refuses a part with another algorithm, and a whole with another value', async () => {
    const Key = 'mismatched';
    const UploadId = await begin(Key, { ChecksumAlgorithm: 'CRC32', ChecksumType: 'FULL_OBJECT' });
    await expect(send(Key, UploadId, 1, last, { ChecksumAlgorithm: 'SHA256' })).rejects.toMatchObject({
      name: 'InvalidRequest',
      message: 'Checksum Type mismatch occurred, expected checksum Type: crc32, actual checksum Type: sha256',
    });
    const part = await send(Key, UploadId, 1, last, { ChecksumAlgorithm: 'CRC32' });
    await expect(
      complete(Key, UploadId, [part], { ChecksumCRC32: 'AAAAAA==', ChecksumType: 'FULL_OBJECT' }),
    ).rejects.toMatchObject({
      name: 'BadDigest',
    });
    await expect(complete(Key, UploadId, [part], { MpuObjectSize: 1 })).rejects.toMatchObject({
      name: 'InvalidRequest',
    });
  });
});

describe('a part copied from an object', () => {
  it('may be a range of it, and may have another key', async () => {
    const from = new TestKey();
    const to = new TestKey();
    await running.s3.send(new PutObjectCommand({ Bucket, Key: 'copy-source', Body: whole, ...from.trio }));
    const Key = 'copied-parts';
    const UploadId = await begin(Key, to.trio);
    const copy = async (PartNumber: number, CopySourceRange: string | undefined) => {
      const { CopyPartResult, SSECustomerKeyMD5 } = await running.s3.send(
        new UploadPartCopyCommand({
          Bucket,
          Key,
          UploadId,
          PartNumber,
          CopySource: `${bucket}/copy-source`,
          CopySourceRange,
          ...from.copySourceTrio,
          ...to.trio,
        }),
      );
      expect(SSECustomerKeyMD5).toBe(to.md5);
      return { PartNumber, ETag: CopyPartResult?.ETag, ChecksumCRC32: CopyPartResult?.ChecksumCRC32 };
    };
    const parts = [await copy(1, `bytes=0-${6 * MiB}`), await copy(2, 'bytes=100-199')];
    await complete(Key, UploadId, parts, to.trio);
    expect(
      (await read(Key, to.trio)).equals(
        Buffer.concat([whole.subarray(0, 6 * MiB + 1), whole.subarray(100, 200)]),
      ),
    ).toBe(true);
    for (const range of ['bytes=5-', 'bytes=9-8', `bytes=0-${whole.length}`]) {
      await expect(copy(3, range)).rejects.toMatchObject({ name: /Invalid/ });
    }
  });
});

describe('a read of one part', () => {
  it.each([
    ['CRC32', 'COMPOSITE', 'ChecksumCRC32'],
    ['SHA256', 'COMPOSITE', 'ChecksumSHA256'],
    ['CRC32C', 'FULL_OBJECT', 'ChecksumCRC32C'],
    ['CRC64NVME', 'FULL_OBJECT', 'ChecksumCRC64NVME'],
  ] as const)('carries the checksum of that part: %s %s', async (ChecksumAlgorithm, ChecksumType, field) => {
    const Key = `parts ${ChecksumAlgorithm} ${ChecksumType}`;
    const UploadId = await begin(Key, { ChecksumAlgorithm, ChecksumType });
    const bytes = [first, last];
    const parts = [
      await send(Key, UploadId, 1, first, { ChecksumAlgorithm }),
      await send(Key, UploadId, 2, last, { ChecksumAlgorithm }),
    ];
    await complete(Key, UploadId, parts);
    for (const [index, part] of parts.entries()) {
      const read = { Bucket, Key, PartNumber: index + 1, ChecksumMode: 'ENABLED' } as const;
      const got = await running.s3.send(new GetObjectCommand(read));
      const body = Buffer.from((await got.Body?.transformToByteArray()) ?? []);
      expect(body.equals(bytes[index] ?? last)).toBe(true);
      expect(got[field]).toBe(part[field]);
      const head = await running.s3.send(new HeadObjectCommand(read));
      expect([head[field], head.ChecksumType]).toEqual([part[field], ChecksumType]);
    }
  });

  it('carries the checksum of the object if that was not uploaded in parts', async () => {
    const Key = 'one piece';
    const put = await running.s3.send(
      new PutObjectCommand({ Bucket, Key, Body: last, ChecksumAlgorithm: 'SHA1' }),
    );
    const read = { Bucket, Key, PartNumber: 1, ChecksumMode: 'ENABLED' } as const;
    const head = await running.s3.send(new HeadObjectCommand(read));
    expect(head.ChecksumSHA1).toBe(put.ChecksumSHA1);
  });
});
