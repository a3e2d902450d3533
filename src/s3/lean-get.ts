import type { ChecksumType, GetObjectCommandOutput, ServerSideEncryption } from '@aws-sdk/client-s3';
import type { Call } from '../model/call.js';
import type { ReadAccess } from '../model/encryption.js';
import type { ByteRange, ObjectRef, ReadCondition } from '../model/object-store.js';
import type { Answer } from './exchange.js';
import type { LeanRequests } from './lean-requests.js';

/** GetObject without the SDK's layers. The answer when it is 200 or 206; null when the SDK has to ask. */
export async function leanGet(
  requests: LeanRequests,
  call: Call,
  ref: ObjectRef,
  access: ReadAccess,
  range: ByteRange | null,
  condition: ReadCondition,
  asksForChecksums: boolean,
): Promise<Answer | null> {
  if (condition.versionId !== undefined) return null;
  const signed: Record<string, string> = {};
  if (access.kind === 'sse-c') {
    signed['x-amz-server-side-encryption-customer-algorithm'] = 'AES256';
    signed['x-amz-server-side-encryption-customer-key'] = Buffer.from(access.key.reveal()).toString('base64');
    signed['x-amz-server-side-encryption-customer-key-md5'] = access.key.md5Base64;
  }
  // S3 keeps checksums of whole objects: of a range it has none to tell.
  if (range === null && asksForChecksums) signed['x-amz-checksum-mode'] = 'ENABLED';
  const unsigned: Record<string, string> = {};
  if (range !== null) unsigned['range'] = `bytes=${range.start}-${range.end - 1}`;
  if (condition.ifMatch !== undefined) unsigned['if-match'] = condition.ifMatch;
  return requests.send(call, { ...ref, signed, unsigned, intoSlabs: true });
}

/** An answer's headers by the names that the SDK gives them. */
export function leanOutput(
  headers: Readonly<Record<string, string>>,
): Omit<GetObjectCommandOutput, '$metadata' | 'Body'> {
  const metadata: Record<string, string> = {};
  for (const name in headers) {
    if (name.startsWith('x-amz-meta-')) metadata[name.slice('x-amz-meta-'.length)] = headers[name] ?? '';
  }
  const lastModified = headers['last-modified'];
  const length = headers['content-length'];
  const encryption = headers['x-amz-server-side-encryption'];
  return {
    Metadata: metadata,
    ETag: headers['etag'],
    VersionId: headers['x-amz-version-id'],
    LastModified: lastModified === undefined ? undefined : new Date(lastModified),
    ContentType: headers['content-type'],
    ContentRange: headers['content-range'],
    ContentLength: length === undefined ? undefined : Number(length),
    ChecksumCRC32: headers['x-amz-checksum-crc32'],
    ChecksumCRC32C: headers['x-amz-checksum-crc32c'],
    ChecksumCRC64NVME: headers['x-amz-checksum-crc64nvme'],
    ChecksumType: headers['x-amz-checksum-type'] as ChecksumType | undefined,
    SSECustomerAlgorithm: headers['x-amz-server-side-encryption-customer-algorithm'],
    SSECustomerKeyMD5: headers['x-amz-server-side-encryption-customer-key-md5'],
    ServerSideEncryption: encryption as ServerSideEncryption | undefined,
    SSEKMSKeyId: headers['x-amz-server-side-encryption-aws-kms-key-id'],
  };
}
