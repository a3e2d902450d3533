import { accountId } from '../encryption-headers.js';
import { accessDenied, notImplemented } from '../errors.js';
import type { S3Request } from '../http/request.js';
import type { ServerContext } from './context.js';

/**
 * The input that an operation understands: the names of its query parameters, and of those request headers
 * that change what a request means. A name that ends with `*` stands for every name that begins so.
 */
export interface Inputs {
  readonly query: readonly string[];
  readonly headers: readonly string[];
}

/** Headers of the signature, the framing and the client, which every operation may have. */
const commonHeaders: readonly string[] = [
  'x-amz-content-sha256',
  'x-amz-date',
  'x-amz-decoded-content-length',
  'x-amz-expected-bucket-owner',
  'x-amz-request-payer',
  'x-amz-security-token',
  'x-amz-trailer',
  'x-amz-user-agent',
];

/** The parameter with which SDKs name the operation. */
const commonQuery: readonly string[] = ['x-id'];

/** Standard headers that make a request conditional or partial. An operation that lacks one refuses it. */
const effectiveHeaders: ReadonlySet<string> = new Set([
  'content-range',
  'if-match',
  'if-modified-since',
  'if-none-match',
  'if-unmodified-since',
  'range',
]);

const body = ['x-amz-checksum-*', 'x-amz-sdk-checksum-algorithm'];
const customerKey = ['x-amz-server-side-encryption-customer-*'];
const encryption = [
  'x-amz-server-side-encryption',
  'x-amz-server-side-encryption-aws-kms-key-id',
  'x-amz-server-side-encryption-bucket-key-enabled',
  ...customerKey,
];
const description = [
  'x-amz-acl',
  'x-amz-grant-*',
  'x-amz-meta-*',
  'x-amz-storage-class',
  'x-amz-tagging',
  'x-amz-website-redirect-location',
];
const writeCondition = ['if-match', 'if-none-match'];
const copySource = [
  'x-amz-copy-source',
  'x-amz-copy-source-if-*',
  'x-amz-copy-source-server-side-encryption-customer-*',
  'x-amz-source-expected-bucket-owner',
];
const read: Inputs = {
  query: ['partNumber', 'response-*', 'versionId'],
  headers: [
    ...customerKey,
    'if-match',
    'if-modified-since',
    'if-none-match',
    'if-unmodified-since',
    'range',
    'x-amz-checksum-mode',
    'x-amz-server-side-encryption',
  ],
};
const listing = ['delimiter', 'encoding-type', 'max-keys', 'prefix'];
const nothing: Inputs = { query: [], headers: [] };
const document: Inputs = { query: [], headers: body };
const ofVersion: Inputs = { query: ['versionId'], headers: [] };

/** The inputs of ListBuckets. */
export const serviceInputs: Inputs = {
  query: ['bucket-region', 'continuation-token', 'max-buckets', 'prefix'],
  headers: [],
};

/** The inputs of the operations on a bucket, by the names that the router gives them. */
export const bucketInputs: Readonly<Record<string, Inputs>> = {
  GET: { query: [...listing, 'marker'], headers: [] },
  'GET list-type': { query: [...listing, 'continuation-token', 'fetch-owner', 'start-after'], headers: [] },
  'GET versions': { query: [...listing, 'key-marker', 'version-id-marker'], headers: [] },
  'GET uploads': {
    query: ['delimiter', 'encoding-type', 'key-marker', 'max-uploads', 'prefix', 'upload-id-marker'],
    headers: [],
  },
  'GET location': nothing,
  'GET versioning': nothing,
  'GET encryption': nothing,
  'GET acl': nothing,
  'GET notification': nothing,
  HEAD: nothing,
  PUT: { query: [], headers: [...body, 'x-amz-acl', 'x-amz-bucket-object-lock-enabled'] },
  'PUT versioning': document,
  'PUT encryption': document,
  'PUT notification': {
    query: [],
    headers: [...body, 'x-amz-skip-destination-validation'],
  },
  'POST delete': document,
  DELETE: nothing,
  'DELETE encryption': nothing,
};

/** The inputs of the operations on an object, by the names that the router gives them. */
export const objectInputs: Readonly<Record<string, Inputs>> = {
  GET: read,
  'GET uploadId': { query: ['max-parts', 'part-number-marker'], headers: customerKey },
  'GET tagging': ofVersion,
  'GET acl': ofVersion,
  'GET attributes': {
    query: ['versionId'],
    headers: [...customerKey, 'x-amz-max-parts', 'x-amz-object-attributes', 'x-amz-part-number-marker'],
  },
  HEAD: read,
  PUT: { query: [], headers: [...body, ...encryption, ...description, ...writeCondition] },
  'PUT copy': {
    query: [],
    headers: [
      ...copySource,
      ...encryption,
      ...description,
      ...writeCondition,
      'x-amz-checksum-algorithm',
      'x-amz-metadata-directive',
      'x-amz-tagging-directive',
    ],
  },
  'PUT uploadId': {
    query: ['partNumber'],
    headers: [...body, ...customerKey, 'x-amz-server-side-encryption'],
  },
  'PUT uploadId copy': {
    query: ['partNumber'],
    headers: [...copySource, ...customerKey, 'x-amz-copy-source-range', 'x-amz-server-side-encryption'],
  },
  'PUT tagging': { query: ['versionId'], headers: body },
  'PUT acl': { query: ['versionId'], headers: [...body, 'x-amz-acl', 'x-amz-grant-*'] },
  'POST uploads': {
    query: [],
    headers: [...encryption, ...description, 'x-amz-checksum-algorithm', 'x-amz-checksum-type'],
  },
  'POST uploadId': {
    query: [],
    headers: [...body, ...customerKey, ...writeCondition, 'x-amz-mp-object-size'],
  },
  DELETE: { query: ['versionId'], headers: ['if-match'] },
  'DELETE uploadId': nothing,
  'DELETE tagging': ofVersion,
};

/**
 * Throws NotImplemented for a header or query parameter that the operation does not understand: to
 * ignore it would change another thing than the client requested. S3 reserves parameters that begin
 * with `x-` for the client's own use (`x-amz-` excepted, which become headers).
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/LogFormat.html
 */
export function refuseUnknownInputs(request: S3Request, operation: string, inputs: Inputs): void {
  const words = operation.split(' ');
  for (const name of request.query.keys()) {
    const isOwn = name.startsWith('x-') || /^x-amz-/i.test(name) || words.includes(name);
    if (isOwn || matches(name, commonQuery) || matches(name, inputs.query)) continue;
    throw notImplemented(`The query parameter "${name}" of "${operation}"`);
  }
  for (const [name, value] of Object.entries(request.headers)) {
    if (value === undefined) continue;
    if (!name.startsWith('x-amz-') && !effectiveHeaders.has(name)) continue;
    if (matches(name, commonHeaders) || matches(name, inputs.headers)) continue;
    throw notImplemented(`The header "${name}" of "${operation}"`);
  }
}

function matches(name: string, known: readonly string[]): boolean {
  return known.some((one) => (one.endsWith('*') ? name.startsWith(one.slice(0, -1)) : one === name));
}

/**
 * Throws AccessDenied if the request names another owner of an existing bucket than its account.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-owner-condition.html
 */
export function checkExpectedOwners({ store }: ServerContext, request: S3Request): void {
  const named = [
    [request.bucket, request.headers['x-amz-expected-bucket-owner']],
    [sourceBucket(request), request.headers['x-amz-source-expected-bucket-owner']],
  ] as const;
  for (const [bucket, owner] of named) {
    if (owner === undefined || owner.trim() === accountId) continue;
    if (bucket !== null && store.buckets.find(bucket) !== null) throw accessDenied('Access Denied');
  }
}

function sourceBucket({ headers }: S3Request): string | null {
  const source = headers['x-amz-copy-source'];
  return source === undefined ? null : (source.replace(/^(\/|%2F)/i, '').split(/\/|%2F/i)[0] ?? null);
}
