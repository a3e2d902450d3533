import { parseCannedAcl } from './acl.js';
import { checksumHeader } from './checksums/algorithms.js';
import { type CustomerKeyHeaders, encryptionAnswer } from './encryption-headers.js';
import { invalidRequest, metadataTooLarge, S3Error } from './errors.js';
import type { AnswerHeaders } from './http/answer.js';
import type { Headers, S3Request } from './http/request.js';
import type { Description, KeptChecksum, ObjectVersion } from './storage/records.js';
import { nullVersionId } from './storage/version-index.js';
import { parseTagHeader } from './tags.js';

const metadataPrefix = 'x-amz-meta-';

/**
 * Max bytes of user-defined metadata: names and values.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html
 */
const maxMetadataBytes = 2048;

/** The headers that are stored with an object and returned with it. */
const keptHeaders = [
  'cache-control',
  'content-disposition',
  'content-encoding',
  'content-language',
  'content-type',
  'expires',
  'x-amz-website-redirect-location',
] as const;

const storageClasses = new Set([
  'STANDARD',
  'REDUCED_REDUNDANCY',
  'STANDARD_IA',
  'ONEZONE_IA',
  'INTELLIGENT_TIERING',
  'GLACIER',
  'DEEP_ARCHIVE',
  'GLACIER_IR',
]);

/** Parses the headers of a write that describe the object. Throws the errors of invalid ones. */
export function parseDescription(request: S3Request): Description {
  const { headers } = request;
  return {
    headers: parseKeptHeaders(headers, request.contentEncoding),
    metadata: parseMetadata(headers),
    tags: parseTagHeader(headers['x-amz-tagging']),
    acl: parseCannedAcl(headers),
    storageClass: parseStorageClass(headers),
  };
}

export function parseStorageClass(headers: Headers): string {
  if (Object.keys(headers).some((name) => name.startsWith('x-amz-object-lock-'))) {
    throw invalidRequest('Bucket is missing Object Lock Configuration');
  }
  const storageClass = headers['x-amz-storage-class'] ?? 'STANDARD';
  if (!storageClasses.has(storageClass)) {
    throw new S3Error('InvalidStorageClass', 400, 'The storage class you specified is not valid', {
      details: { StorageClassRequested: storageClass },
    });
  }
  return storageClass;
}

/** Returns the standard headers to store. `contentEncoding` is the one without `aws-chunked`. */
export function parseKeptHeaders(headers: Headers, contentEncoding: string | null): Record<string, string> {
  const kept: Record<string, string> = { 'content-type': 'binary/octet-stream' };
  for (const name of keptHeaders) {
    const value = name === 'content-encoding' ? contentEncoding : headers[name];
    if (value !== null && value !== undefined && value !== '') kept[name] = value;
  }
  return kept;
}

/** Returns the user metadata. Throws MetadataTooLarge. */
export function parseMetadata(headers: Headers): Record<string, string> {
  const metadata: Record<string, string> = {};
  let bytes = 0;
  for (const [header, value] of Object.entries(headers)) {
    if (!header.startsWith(metadataPrefix) || value === undefined) continue;
    const name = header.slice(metadataPrefix.length);
    bytes += name.length + value.length;
    metadata[name] = value;
  }
  if (bytes > maxMetadataBytes) {
    throw metadataTooLarge({ Size: String(bytes), MaxSizeAllowed: String(maxMetadataBytes) });
  }
  return metadata;
}

/** Returns `"etag"`, as in headers and documents. */
export function quoted(etag: string): string {
  return `"${etag}"`;
}

/**
 * Returns the version to name in an answer; undefined for an object from before versioning was
 * first enabled.
 */
export function versionHeader(versionId: string, isVersioned: boolean): AnswerHeaders {
  return { 'x-amz-version-id': isVersioned ? versionId : undefined };
}

/** Returns the response headers of a checksum. */
export function checksumAnswer(checksum: KeptChecksum | null): AnswerHeaders {
  if (checksum === null) return {};
  return { [checksumHeader[checksum.algorithm]]: checksum.value, 'x-amz-checksum-type': checksum.type };
}

/** Returns every header that describes an object in a GET or HEAD, except its length. */
export function objectAnswer(
  version: ObjectVersion,
  request: S3Request,
  customerKey: CustomerKeyHeaders | null,
  isVersioned: boolean,
): AnswerHeaders {
  const { description } = version;
  const metadata = Object.fromEntries(
    Object.entries(description.metadata).map(([name, value]) => [metadataPrefix + name, value]),
  );
  return {
    ...metadata,
    ...description.headers,
    ...overrides(request),
    etag: quoted(version.etag),
    'last-modified': new Date(version.lastModifiedMs).toUTCString(),
    'accept-ranges': 'bytes',
    ...versionHeader(version.versionId, isVersioned || version.versionId !== nullVersionId),
    ...encryptionAnswer(version.encryption, customerKey),
    'x-amz-storage-class': description.storageClass === 'STANDARD' ? undefined : description.storageClass,
    'x-amz-tagging-count': description.tags.length === 0 ? undefined : String(description.tags.length),
  };
}

/**
 * Returns the headers of the `response-*` parameters.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
 */
function overrides(request: S3Request): AnswerHeaders {
  const headers: Record<string, string> = {};
  for (const name of keptHeaders) {
    const value = request.query.get(`response-${name}`);
    if (value === null) continue;
    if (/[^\t\u0020-\u007e\u0080-\u00ff]/.test(value)) {
      throw invalidRequest(`The response-${name} parameter holds characters that a header cannot carry.`);
    }
    headers[name] = value;
  }
  return headers;
}
