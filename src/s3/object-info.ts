import type { HeadObjectCommandOutput } from '@aws-sdk/client-s3';
import { Fault } from '../model/fault.js';
import type { ObjectInfo, ObjectRef } from '../model/object-store.js';
import { wholeChecksum } from './checksum-headers.js';
import { objectEncryption } from './encryption-headers.js';

/** The fields that HeadObject and GetObject share in their answers. */
type ObjectHeaders = Pick<
  HeadObjectCommandOutput,
  | 'ETag'
  | 'VersionId'
  | 'LastModified'
  | 'Metadata'
  | 'ContentType'
  | 'TagCount'
  | 'ChecksumCRC32'
  | 'ChecksumCRC32C'
  | 'ChecksumCRC64NVME'
  | 'ChecksumType'
  | 'SSECustomerAlgorithm'
  | 'SSECustomerKeyMD5'
  | 'ServerSideEncryption'
  | 'SSEKMSKeyId'
>;

/** Returns the properties of an object from an answer. */
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
    ...(headers.TagCount === undefined || headers.TagCount === 0 ? {} : { tagCount: headers.TagCount }),
    // This algorithm has no composite checksums.
    ...(headers.ChecksumCRC64NVME === undefined ? {} : { crc64Nvme: headers.ChecksumCRC64NVME }),
  };
}

/**
 * Returns an ETag with its quotes; empty without one. Ceph before 20 omits the quotes in the answers to
 * CompleteMultipartUpload and UploadPartCopy.
 */
export function quotedEtag(etag: string | undefined): string {
  return etag === undefined || etag === '' ? '' : `"${etag.replaceAll('"', '')}"`;
}

/** Returns a version id, or null without one. An object from before versioning has the id `null`. */
export function versionOf(versionId: string | undefined): string | null {
  return versionId === undefined || versionId === '' ? null : versionId;
}

/**
 * Throws `invalid` for metadata that HTTP headers cannot carry unchanged: S3 accepts US-ASCII without control
 * characters, and trims white space. https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html
 */
export function checkMetadata(ref: ObjectRef, metadata: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(metadata)) {
    if (!/^[a-z0-9!#$%&'*+.^_`|~-]+$/.test(name)) {
      throw new Fault(
        'invalid',
        `"${name}" is not a metadata name for "${ref.key}"; use lower-case ASCII, as in a header`,
      );
    }
    if (!/^[\x20-\x7e]*$/.test(value) || value.trim() !== value) {
      throw new Fault(
        'invalid',
        `the metadata "${name}" of "${ref.key}" must be printable ASCII without leading or trailing spaces`,
      );
    }
  }
}
