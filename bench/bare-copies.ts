import {
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateMultipartUploadCommand,
  HeadObjectCommand,
  type S3Client,
  UploadPartCopyCommand,
} from '@aws-sdk/client-s3';
import type { CustomerKey } from '../src/model/customer-key.js';

/** One object given another key by the SDK alone, in its own place. */
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

/** CopyObject: one request, and whatever another program writes meanwhile is lost. */
export const copyAtOnce: BareCopy = async (client, { bucket, key }, from, to) => {
  await client.send(
    new CopyObjectCommand({
      Bucket: bucket,
      Key: key,
      CopySource: `${bucket}/${key}`,
      MetadataDirective: 'REPLACE',
      ...sourceKey(from),
      ...targetKey(to),
    }),
  );
};

/**
 * The same so that a newer content stays: Ceph 20.2.4 overlooks If-Match on a CopyObject's target, but honours it when an
 * upload is completed.
 */
export const copyIfUnchanged: BareCopy = async (client, { bucket, key }, from, to) => {
  const object = { Bucket: bucket, Key: key };
  const { ETag } = await client.send(new HeadObjectCommand({ ...object, ...targetKey(from) }));
  const { UploadId } = await client.send(new CreateMultipartUploadCommand({ ...object, ...targetKey(to) }));
  const part = { ...object, UploadId, PartNumber: 1, ...targetKey(to) };
  const { CopyPartResult } = await client.send(
    new UploadPartCopyCommand({
      ...part,
      CopySource: `${bucket}/${key}`,
      CopySourceIfMatch: ETag,
      ...sourceKey(from),
    }),
  );
  await client.send(
    new CompleteMultipartUploadCommand({
      ...object,
      UploadId,
      IfMatch: ETag,
      ...targetKey(to),
      MultipartUpload: { Parts: [{ PartNumber: 1, ETag: CopyPartResult?.ETag }] },
    }),
  );
};

// The SDK takes a key's bytes; its types say text.
function targetKey(key: CustomerKey): { SSECustomerAlgorithm: string; SSECustomerKey: string } {
  return { SSECustomerAlgorithm: 'AES256', SSECustomerKey: key.reveal() as unknown as string };
}

function sourceKey(key: CustomerKey): {
  CopySourceSSECustomerAlgorithm: string;
  CopySourceSSECustomerKey: string;
} {
  return {
    CopySourceSSECustomerAlgorithm: 'AES256',
    CopySourceSSECustomerKey: key.reveal() as unknown as string,
  };
}
