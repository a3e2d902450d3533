import {
  type CompletedPart,
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateMultipartUploadCommand,
  HeadObjectCommand,
  type S3Client,
  UploadPartCopyCommand,
} from '@aws-sdk/client-s3';
import type { CustomerKey } from '../src/model/customer-key.js';
import { partInput, readInput, sourceInput, writeInput } from '../src/s3/encryption-headers.js';
import { storeDefaults } from '../src/s3/options.js';

/** Re-encrypts one object in place with another key, using only the SDK. */
export type BareCopy = (
  client: S3Client,
  object: BareObject,
  from: CustomerKey,
  to: CustomerKey,
) => Promise<void>;

interface BareObject {
  readonly bucket: string;
  readonly key: string;
}

/** The max. size for one CopyObject: https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html */
export const maxAtOnceBytes = storeDefaults.singleCopyLimitBytes;
const partBytes = storeDefaults.copyPartBytes;
const partsAtOnce = 8;

/** Copies with one CopyObject. A concurrent write of another client is lost. */
export const copyAtOnce: BareCopy = async (client, { bucket, key }, from, to) => {
  await client.send(
    new CopyObjectCommand({
      Bucket: bucket,
      Key: key,
      CopySource: `${bucket}/${key}`,
      MetadataDirective: 'REPLACE',
      ...sourceInput(sealedWith(from)),
      ...writeInput(sealedWith(to)),
    }),
  );
};

/**
 * Copies without overwriting newer content. It uses a multipart copy, because Ceph 20.2.4 ignores If-Match on
 * the target of a CopyObject, but honours it when it completes a multipart upload.
 */
export const copyIfUnchanged: BareCopy = async (client, { bucket, key }, from, to) => {
  const object = { Bucket: bucket, Key: key };
  const { ETag } = await client.send(new HeadObjectCommand({ ...object, ...readInput(sealedWith(from)) }));
  const { UploadId } = await client.send(
    new CreateMultipartUploadCommand({ ...object, ...writeInput(sealedWith(to)) }),
  );
  const upload = { ...object, UploadId, ...partInput(sealedWith(to)) };
  const { CopyPartResult } = await client.send(
    new UploadPartCopyCommand({
      ...upload,
      PartNumber: 1,
      CopySource: `${bucket}/${key}`,
      CopySourceIfMatch: ETag,
      ...sourceInput(sealedWith(from)),
    }),
  );
  await client.send(
    new CompleteMultipartUploadCommand({
      ...upload,
      IfMatch: ETag,
      MultipartUpload: { Parts: [{ PartNumber: 1, ETag: CopyPartResult?.ETag }] },
    }),
  );
};

function sealedWith(key: CustomerKey) {
  return { kind: 'sse-c', key } as const;
}

/**
 * Copies an object that is too large for CopyObject: a multipart copy without conditions, with the gateway's
 * part size.
 */
export async function copyLarge(
  client: S3Client,
  { bucket, key }: BareObject,
  size: number,
  from: CustomerKey,
  to: CustomerKey,
): Promise<void> {
  const object = { Bucket: bucket, Key: key };
  const begin = new CreateMultipartUploadCommand({ ...object, ...writeInput(sealedWith(to)) });
  const { UploadId } = await client.send(begin);
  const parts: CompletedPart[] = [];
  const count = Math.ceil(size / partBytes);
  const copyParts = async () => {
    for (let index = parts.length; index < count; index = parts.length) {
      const PartNumber = index + 1;
      const part: CompletedPart = { PartNumber };
      parts.push(part);
      const end = Math.min((index + 1) * partBytes, size) - 1;
      const { CopyPartResult } = await client.send(
        new UploadPartCopyCommand({
          ...object,
          UploadId,
          PartNumber,
          ...partInput(sealedWith(to)),
          CopySource: `${bucket}/${key}`,
          CopySourceRange: `bytes=${index * partBytes}-${end}`,
          ...sourceInput(sealedWith(from)),
        }),
      );
      part.ETag = CopyPartResult?.ETag;
    }
  };
  await Promise.all(Array.from({ length: partsAtOnce }, copyParts));
  const complete = { ...object, UploadId, ...partInput(sealedWith(to)), MultipartUpload: { Parts: parts } };
  await client.send(new CompleteMultipartUploadCommand(complete));
}
