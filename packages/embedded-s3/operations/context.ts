import { accountId, carriesCustomerKey } from '../encryption-headers.js';
import { accessDenied, invalidArgument, noSuchBucket, type S3Error } from '../errors.js';
import type { Answer } from '../http/answer.js';
import type { ObjectRequest, S3Request } from '../http/request.js';
import type { Notifier } from '../notifications/notifier.js';
import type { Bucket } from '../storage/records.js';
import type { Store } from '../storage/store.js';
import { nullVersionId } from '../storage/version-index.js';

/** The dependencies of every operation. */
export interface ServerContext {
  readonly store: Store;
  readonly notifier: Notifier;
  readonly region: string;
  nowMs(): number;
}

export type Operation<R extends S3Request> = (server: ServerContext, request: R) => Promise<Answer>;

/** Throws NoSuchBucket. */
export function requireBucket(server: ServerContext, name: string): Bucket {
  const bucket = server.store.buckets.find(name);
  if (bucket === null) throw noSuchBucket(name);
  return bucket;
}

/** Returns true if versioning was ever enabled: only then do answers name versions. */
export function isVersioned(bucket: Bucket): boolean {
  return bucket.versioning !== 'never';
}

/**
 * Returns the id of a version as events name it: null for an object that was written while
 * versioning was off.
 */
export function namedVersion(versionId: string): string | null {
  return versionId === nullVersionId ? null : versionId;
}

/**
 * The 403 of a bucket that blocks SSE-C, with the text in
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/troubleshoot-403-errors.html.
 */
export function sseCBlocked(request: ObjectRequest, action: string): S3Error {
  return accessDenied(
    `User: arn:aws:iam::${accountId}:root is not authorized to perform: s3:${action} on resource: "arn:aws:s3:::${request.bucket}/${request.key}" because this bucket has blocked upload requests that specify Server Side Encryption with Customer provided keys (SSE-C). Please specify a different server-side encryption type`,
  );
}

/** Throws that 403 for a request with a customer's key. */
export function refuseBlockedKey(bucket: Bucket, request: ObjectRequest, action: string): void {
  if (bucket.blocksSseC && carriesCustomerKey(request.headers)) throw sseCBlocked(request, action);
}

/** Returns the `versionId` parameter, or null. Throws InvalidArgument if it is empty. */
export function requestedVersion(query: URLSearchParams): string | null {
  const versionId = query.get('versionId');
  if (versionId === '') {
    throw invalidArgument('Version id cannot be the empty string', 'versionId', '');
  }
  return versionId;
}

/**
 * Returns a whole number from the query, or the default if it is absent. Throws InvalidArgument if
 * it is out of bounds.
 */
export function integerParameter(
  request: Pick<S3Request, 'query'>,
  name: string,
  bounds: { readonly min: number; readonly max: number; readonly absent: number },
): number {
  const text = request.query.get(name);
  if (text === null || text === '') return bounds.absent;
  if (!/^\d{1,10}$/.test(text) || Number(text) < bounds.min || Number(text) > 2_147_483_647) {
    throw invalidArgument(
      `Argument ${name} must be an integer between ${bounds.min} and 2147483647`,
      name,
      text,
    );
  }
  return Math.min(Number(text), bounds.max);
}
