import type { HeadObjectCommandOutput } from '@aws-sdk/client-s3';
import { Fault } from '../model/fault.js';
import type { ObjectInfo, ObjectRef } from '../model/object-store.js';
import { wholeChecksum } from './checksum-headers.js';
import { objectEncryption } from './encryption-headers.js';

/** The fields that the answers to HeadObject and GetObject have in common. */
type ObjectHeaders = Pick<
  HeadObjectCommandOutput,
  | 'ETag'
  | 'VersionId'
  | 'LastModified'
  | 'Metadata'
  | 'ContentType'
  | 'ChecksumCRC32'
  | 'ChecksumCRC32C'
  | 'ChecksumCRC64NVME'
  | 'ChecksumType'
  | 'SSECustomerAlgorithm'
  | 'SSECustomerKeyMD5'
  | 'ServerSideEncryption'
  | 'SSEKMSKeyId'
>;

export function objectInfo(headers: ObjectHeaders, size: number): ObjectInfo {
  return {
    size,
    etag: headers.ETag ?? '',
    versionId: versionOf(headers.VersionId),
    lastModifiedMs: headers.LastModified?.getTime() ?? 0,
    encryption: objectEncryption(headers),
    metadata: headers.Metadata ?? {},
    contentType: headers.ContentType ?? null,
    checksum: wholeChecksum(headers),
    // There is no composite one of this algorithm.
    ...(headers.ChecksumCRC64NVME === undefined ? {} : { crc64Nvme: headers.ChecksumCRC64NVME }),
  };
}

/** An object that was stored before its bucket knew versions has the version `null`. */
export function versionOf(versionId: string | undefined): string | null {
  return versionId === undefined || versionId === '' ? null : versionId;
}

/**
 * Throws `invalid` for metadata that HTTP headers cannot carry unchanged: S3 takes US-ASCII without control characters, and
 * cuts white space at both ends. https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html
 */
export function checkMetadata(ref: ObjectRef, metadata: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(metadata)) {
    if (!/^[a-z0-9!#$%&'*+.^_`|~-]+$/.test(name)) {
      throw new Fault(
        'invalid',
        `"${name}" is no name for metadata of "${ref.key}": lower-case ASCII, as in a header`,
      );
    }
    if (!/^[\x20-\x7e]*$/.test(value) || value.trim() !== value) {
      throw new Fault(
        'invalid',
        `the metadata "${name}" of "${ref.key}" is not plain ASCII without spaces at its ends`,
      );
    }
  }
}
