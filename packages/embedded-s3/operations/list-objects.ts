import { ownerElement } from '../acl.js';
import { invalidArgument, notImplemented } from '../errors.js';
import { type Answer, xmlAnswer } from '../http/answer.js';
import type { BucketRequest } from '../http/request.js';
import { quoted } from '../object-headers.js';
import type { ListedObject } from '../storage/listing-index.js';
import type { XmlNode } from '../xml.js';
import { integerParameter, requireBucket, type ServerContext } from './context.js';
import { encodingElement, keyEncoder, prefixElements } from './list-encoding.js';
import { keyAfterMarker, listPage, type Page } from './list-page.js';

const maxKeys = { min: 0, max: 1000, absent: 1000 };

/** ListObjectsV2. https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html */
export async function listObjectsV2(server: ServerContext, request: BucketRequest): Promise<Answer> {
  requireBucket(server, request.bucket);
  const { query } = request;
  if (query.get('list-type') !== '2') throw notImplemented('A list-type other than 2');
  const encode = keyEncoder(request);
  const token = query.get('continuation-token');
  const startAfter = query.get('start-after');
  const marker = token === null ? (startAfter ?? '') : decodeToken(token);
  const limit = integerParameter(request, 'max-keys', maxKeys);
  const page = pageAfter(server, request, marker, limit);
  const withOwner = query.get('fetch-owner') === 'true';
  const nodes: XmlNode[] = [
    ['Name', request.bucket],
    ['Prefix', encode(query.get('prefix') ?? '')],
    ['Delimiter', encoded(query.get('delimiter'), encode)],
    ['StartAfter', encoded(startAfter, encode)],
    ['ContinuationToken', token],
    ['NextContinuationToken', page.isTruncated ? encodeToken(lastName(page)) : null],
    ['KeyCount', page.rows.length + page.prefixes.length],
    ['MaxKeys', limit],
    encodingElement(request),
    ['IsTruncated', page.isTruncated],
    ...page.rows.map((row) => contents(row, encode, withOwner)),
    ...prefixElements(page.prefixes, encode),
  ];
  return xmlAnswer('ListBucketResult', nodes);
}

/** ListObjects. https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjects.html */
export async function listObjectsV1(server: ServerContext, request: BucketRequest): Promise<Answer> {
  requireBucket(server, request.bucket);
  const { query } = request;
  const encode = keyEncoder(request);
  const marker = query.get('marker') ?? '';
  const limit = integerParameter(request, 'max-keys', maxKeys);
  const page = pageAfter(server, request, marker, limit);
  const hasDelimiter = (query.get('delimiter') ?? '') !== '';
  const nodes: XmlNode[] = [
    ['Name', request.bucket],
    ['Prefix', encode(query.get('prefix') ?? '')],
    ['Marker', encode(marker)],
    // Without a delimiter the last key is the marker, and S3 does not repeat it.
    ['NextMarker', page.isTruncated && hasDelimiter ? encode(lastName(page)) : null],
    ['MaxKeys', limit],
    ['Delimiter', encoded(query.get('delimiter'), encode)],
    encodingElement(request),
    ['IsTruncated', page.isTruncated],
    ...page.rows.map((row) => contents(row, encode, true)),
    ...prefixElements(page.prefixes, encode),
  ];
  return xmlAnswer('ListBucketResult', nodes);
}

function pageAfter(
  server: ServerContext,
  request: BucketRequest,
  marker: string,
  limit: number,
): Page<ListedObject> {
  const { bucket, query } = request;
  const prefix = query.get('prefix') ?? '';
  const delimiter = query.get('delimiter') ?? '';
  const from = { key: keyAfterMarker(marker, prefix, delimiter), within: null };
  return listPage<ListedObject, never>({ prefix, delimiter, limit, marker, from }, (from, upper, count) =>
    server.store.listing.visible(bucket, from.key, upper, count),
  );
}

/** Returns the key or common prefix at the end of a page: the marker of the next page. */
function lastName(page: Page<ListedObject>): string {
  if (page.last === null) return '';
  return page.last.kind === 'row' ? page.last.row.key : page.last.prefix;
}

function contents(row: ListedObject, encode: (key: string) => string, withOwner: boolean): XmlNode {
  return [
    'Contents',
    [
      ['Key', encode(row.key)],
      ['LastModified', new Date(row.lastModifiedMs).toISOString()],
      ['ETag', quoted(row.etag)],
      ['ChecksumAlgorithm', row.checksum?.algorithm],
      ['ChecksumType', row.checksum?.type],
      ['Size', row.size],
      withOwner ? ownerElement : ['Owner', null],
      ['StorageClass', row.storageClass],
    ],
  ];
}

function encoded(value: string | null, encode: (key: string) => string): string | null {
  return value === null || value === '' ? null : encode(value);
}

function encodeToken(marker: string): string {
  return Buffer.from(`1:${marker}`).toString('base64url');
}

function decodeToken(token: string): string {
  const text = Buffer.from(token, 'base64url').toString('utf8');
  if (!text.startsWith('1:')) {
    throw invalidArgument('The continuation token provided is incorrect', 'continuation-token', token);
  }
  return text.slice(2);
}
