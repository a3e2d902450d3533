import { ownerElement } from '../acl.js';
import { invalidArgument } from '../errors.js';
import { type Answer, xmlAnswer } from '../http/answer.js';
import type { BucketRequest } from '../http/request.js';
import { compareKeys } from '../key-order.js';
import { quoted } from '../object-headers.js';
import type { AnyVersion } from '../storage/records.js';
import { isVersionId } from '../storage/version-index.js';
import type { XmlNode } from '../xml.js';
import { integerParameter, requireBucket, type ServerContext } from './context.js';
import { encodingElement, keyEncoder, prefixElements } from './list-encoding.js';
import { keyAfterMarker, listPage, type Position } from './list-page.js';

type ListedVersion = AnyVersion & { readonly isLatest: boolean };

/** ListObjectVersions. https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectVersions.html */
export async function listObjectVersions(server: ServerContext, request: BucketRequest): Promise<Answer> {
  requireBucket(server, request.bucket);
  const { query, bucket } = request;
  const encode = keyEncoder(request);
  const prefix = query.get('prefix') ?? '';
  const delimiter = query.get('delimiter') ?? '';
  const keyMarker = query.get('key-marker') ?? '';
  const limit = integerParameter(request, 'max-keys', { min: 0, max: 1000, absent: 1000 });
  const page = listPage<ListedVersion, number>(
    { prefix, delimiter, limit, marker: keyMarker, from: startOf(server, request, prefix, delimiter) },
    (from, upper, count) =>
      server.store.listing.versions(bucket, { key: from.key, belowSequence: from.within }, upper, count),
  );
  const next = page.isTruncated ? page.last : null;
  const nodes: XmlNode[] = [
    ['Name', bucket],
    ['Prefix', encode(prefix)],
    ['KeyMarker', encode(keyMarker)],
    ['VersionIdMarker', query.get('version-id-marker') ?? ''],
    ['NextKeyMarker', next === null ? null : encode(next.kind === 'row' ? next.row.key : next.prefix)],
    ['NextVersionIdMarker', next?.kind === 'row' ? next.row.versionId : null],
    ['MaxKeys', limit],
    ['Delimiter', delimiter === '' ? null : encode(delimiter)],
    encodingElement(request),
    ['IsTruncated', page.isTruncated],
    ...page.rows.map((row) => versionNode(row, encode)),
    ...prefixElements(page.prefixes, encode),
  ];
  return xmlAnswer('ListVersionsResult', nodes);
}

/**
 * Returns the position after the markers. Throws InvalidArgument for a version marker without a key,
 * or one that cannot be the id of a version.
 */
function startOf(
  server: ServerContext,
  request: BucketRequest,
  prefix: string,
  delimiter: string,
): Position<number> {
  const keyMarker = request.query.get('key-marker') ?? '';
  const versionMarker = request.query.get('version-id-marker') ?? '';
  const first: Position<number> = { key: prefix, within: null };
  if (keyMarker === '') {
    if (versionMarker === '') return first;
    throw invalidArgument(
      'A version-id marker cannot be specified without a key marker.',
      'version-id-marker',
      versionMarker,
    );
  }
  let after: Position<number> = { key: keyAfterMarker(keyMarker, prefix, delimiter), within: null };
  if (versionMarker !== '') {
    if (!isVersionId(versionMarker)) {
      throw invalidArgument('Invalid version id specified', 'version-id-marker', versionMarker);
    }
    const version = server.store.versions.byId(request.bucket, keyMarker, versionMarker);
    // The place of a version that was removed meanwhile is not known. The list then repeats the key's
    // other versions, so that it skips none.
    after = { key: keyMarker, within: version?.sequence ?? null };
  }
  return compareKeys(after.key, prefix) < 0 ? first : after;
}

function versionNode(version: ListedVersion, encode: (key: string) => string): XmlNode {
  const common: XmlNode[] = [
    ['Key', encode(version.key)],
    ['VersionId', version.versionId],
    ['IsLatest', version.isLatest],
    ['LastModified', new Date(version.lastModifiedMs).toISOString()],
  ];
  if (version.deleteMarker) return ['DeleteMarker', [...common, ownerElement]];
  return [
    'Version',
    [
      ...common,
      ['ETag', quoted(version.etag)],
      ['ChecksumAlgorithm', version.checksum?.algorithm],
      ['ChecksumType', version.checksum?.type],
      ['Size', version.size],
      ['StorageClass', version.description.storageClass],
      ownerElement,
    ],
  ];
}
