import { createHash } from 'node:crypto';
import { parseCannedAcl } from '../acl.js';
import { type ChecksumAlgorithm, checksumAlgorithms } from '../checksums/algorithms.js';
import { createChecksum } from '../checksums/checksum.js';
import { checkWriteCondition, parseWriteCondition } from '../conditions.js';
import {
  type CustomerKeyHeaders,
  carriesCustomerKey,
  encryptionAnswer,
  encryptionHeader,
  resolveWriteEncryption,
} from '../encryption-headers.js';
import { invalidArgument, invalidRequest } from '../errors.js';
import { type Answer, xmlAnswer } from '../http/answer.js';
import type { ObjectRequest } from '../http/request.js';
import { parseDescription, parseStorageClass, quoted, versionHeader } from '../object-headers.js';
import { maxPutBytes } from '../payload.js';
import type { Tap, WrittenBody } from '../storage/body-writer.js';
import type { Description, KeptChecksum, NewVersion, RestEncryption } from '../storage/records.js';
import { parseTagHeader } from '../tags.js';
import type { XmlNode } from '../xml.js';
import { isVersioned, requireBucket, type ServerContext, sseCBlocked } from './context.js';
import { type CopySource, openCopySource } from './copy-source.js';
import { commitVersion, etagIsMd5, randomEtag, wholeSegment } from './put-object.js';

/** CopyObject. https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html */
export async function copyObject(server: ServerContext, request: ObjectRequest): Promise<Answer> {
  const { store } = server;
  const bucket = requireBucket(server, request.bucket);
  // Without a key in the request, the target has SSE-S3 or the bucket's default, whatever the
  // source has.
  const { encryption, customerKey } = resolveWriteEncryption(
    request.headers,
    bucket,
    store.keys,
    server.region,
    () => sseCBlocked(request, 'CopyObject'),
  );
  const condition = parseWriteCondition(request.headers);
  checkWriteCondition(condition, request.key, store.versions.latest(request.bucket, request.key));
  const source = openCopySource(server, request);
  try {
    if (source.version.size > maxPutBytes) {
      throw invalidRequest(
        `The specified copy source is larger than the maximum allowable size for a copy source: ${maxPutBytes}`,
      );
    }
    refuseCopyOntoItself(request, source, encryption);
    const description = describeCopy(request, source.version.description);
    const algorithm = requestedChecksum(request) ?? source.version.checksum?.algorithm ?? 'CRC64NVME';
    const copy = await copyBytes(server, source, encryption, customerKey, algorithm);
    const version: NewVersion = {
      bucket: request.bucket,
      key: request.key,
      size: copy.body.size,
      etag: copy.etag,
      lastModifiedMs: server.nowMs(),
      description,
      encryption,
      checksum: copy.checksum,
      partsCount: null,
    };
    const segments = [wholeSegment(copy.body)];
    const versionId = await commitVersion(server, version, segments, condition, {
      event: 'ObjectCreated:Copy',
      requestId: request.requestId,
      newBodies: [copy.body.bodyId],
    });
    return xmlAnswer('CopyObjectResult', copyResult(version), {
      ...versionHeader(versionId, isVersioned(bucket)),
      ...encryptionAnswer(encryption, customerKey),
      'x-amz-copy-source-version-id':
        source.version.versionId === 'null' ? undefined : source.version.versionId,
    });
  } finally {
    source.release();
  }
}

function copyResult(version: NewVersion): readonly XmlNode[] {
  const checksum = version.checksum;
  return [
    ['LastModified', new Date(version.lastModifiedMs).toISOString()],
    ['ETag', quoted(version.etag)],
    [`Checksum${checksum?.algorithm ?? ''}`, checksum?.value],
    ['ChecksumType', checksum?.type],
  ];
}

/** Decrypts the source and seals it with a new data key: a copy never shares a data key with its source. */
async function copyBytes(
  server: ServerContext,
  source: CopySource,
  encryption: RestEncryption,
  customerKey: CustomerKeyHeaders | null,
  algorithm: ChecksumAlgorithm,
): Promise<{ body: WrittenBody; etag: string; checksum: KeptChecksum }> {
  const checksum = createChecksum(algorithm);
  const md5 = etagIsMd5(encryption) ? createHash('md5') : null;
  const taps: Tap[] = md5 === null ? [checksum] : [checksum, md5];
  const { size } = source.version;
  const body = await server.store.writeBody(
    server.store.readBody(source.segments, source.customerKey?.key ?? null, 0, size),
    { customerKey: customerKey?.key ?? null, maxBytes: size, taps },
  );
  return {
    body,
    etag: md5 === null ? randomEtag() : md5.digest('hex'),
    checksum: { algorithm, type: 'FULL_OBJECT', value: checksum.digestBase64() },
  };
}

function refuseCopyOntoItself(request: ObjectRequest, source: CopySource, target: RestEncryption): void {
  const { version } = source;
  if (version.bucket !== request.bucket || version.key !== request.key || source.isVersionNamed) return;
  const { headers } = request;
  const changesSomething =
    headers['x-amz-metadata-directive'] === 'REPLACE' ||
    headers['x-amz-storage-class'] !== undefined ||
    headers['x-amz-website-redirect-location'] !== undefined ||
    headers[encryptionHeader] !== undefined ||
    carriesCustomerKey(headers) ||
    version.encryption.kind !== target.kind;
  if (changesSomething) return;
  throw invalidRequest(
    "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.",
  );
}

/**
 * Takes metadata and tags from the source or the request, as the directives demand. ACL and storage
 * class are not copied.
 */
function describeCopy(request: ObjectRequest, source: Description): Description {
  const { headers } = request;
  const replacesMetadata = directive(headers['x-amz-metadata-directive'], 'x-amz-metadata-directive');
  const replacesTags = directive(headers['x-amz-tagging-directive'], 'x-amz-tagging-directive');
  const tags = replacesTags ? parseTagHeader(headers['x-amz-tagging']) : source.tags;
  if (replacesMetadata) return { ...parseDescription(request), tags };
  const kept: Record<string, string> = { ...source.headers };
  const redirect = headers['x-amz-website-redirect-location'];
  delete kept['x-amz-website-redirect-location'];
  if (redirect !== undefined) kept['x-amz-website-redirect-location'] = redirect;
  return {
    headers: kept,
    metadata: source.metadata,
    tags,
    acl: parseCannedAcl(headers),
    storageClass: parseStorageClass(headers),
  };
}

function directive(value: string | undefined, name: string): boolean {
  if (value === undefined || value === 'COPY') return false;
  if (value === 'REPLACE') return true;
  throw invalidArgument(`Unknown ${name.replace('x-amz-', '').replace('-', ' ')}.`, name, value);
}

function requestedChecksum(request: ObjectRequest): ChecksumAlgorithm | null {
  const value = request.headers['x-amz-checksum-algorithm']?.toUpperCase();
  if (value === undefined) return null;
  const algorithm = checksumAlgorithms.find((name) => name === value);
  if (algorithm === undefined)
    throw invalidRequest(
      'Checksum algorithm provided is unsupported. Please try again with any of the valid types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]',
    );
  return algorithm;
}
