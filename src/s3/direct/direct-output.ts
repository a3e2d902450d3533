import type {
  ChecksumType,
  HeadObjectCommandOutput,
  ServerSideEncryption,
  StorageClass,
} from '@aws-sdk/client-s3';

/** The response headers of GetObject, HeadObject and PutObject, under the SDK's names. */
export type DirectOutput = Omit<HeadObjectCommandOutput, '$metadata'> & {
  readonly ContentRange?: string | undefined;
};

/** Returns response headers under the SDK's names. */
export function directOutput(headers: Readonly<Record<string, string>>): DirectOutput {
  const metadata: Record<string, string> = {};
  for (const name in headers) {
    if (name.startsWith('x-amz-meta-')) metadata[name.slice('x-amz-meta-'.length)] = headers[name] ?? '';
  }
  const lastModified = headers['last-modified'];
  return {
    Metadata: metadata,
    ETag: headers['etag'],
    VersionId: headers['x-amz-version-id'],
    LastModified: lastModified === undefined ? undefined : new Date(lastModified),
    ContentType: headers['content-type'],
    CacheControl: headers['cache-control'],
    ContentDisposition: headers['content-disposition'],
    ContentEncoding: headers['content-encoding'],
    ContentLanguage: headers['content-language'],
    ExpiresString: headers['expires'],
    ContentRange: headers['content-range'],
    ContentLength: numberOf(headers['content-length']),
    TagCount: numberOf(headers['x-amz-tagging-count']),
    WebsiteRedirectLocation: headers['x-amz-website-redirect-location'],
    StorageClass: headers['x-amz-storage-class'] as StorageClass | undefined,
    ChecksumCRC32: headers['x-amz-checksum-crc32'],
    ChecksumCRC32C: headers['x-amz-checksum-crc32c'],
    ChecksumCRC64NVME: headers['x-amz-checksum-crc64nvme'],
    ChecksumType: headers['x-amz-checksum-type'] as ChecksumType | undefined,
    SSECustomerAlgorithm: headers['x-amz-server-side-encryption-customer-algorithm'],
    SSECustomerKeyMD5: headers['x-amz-server-side-encryption-customer-key-md5'],
    ServerSideEncryption: headers['x-amz-server-side-encryption'] as ServerSideEncryption | undefined,
    SSEKMSKeyId: headers['x-amz-server-side-encryption-aws-kms-key-id'],
  };
}

function numberOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Number(text);
}
