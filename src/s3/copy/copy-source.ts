import type { CopyObjectCommandInput } from '@aws-sdk/client-s3';
import type { Call } from '../../model/call.js';
import type { ChecksumAlgorithm } from '../../model/checksum.js';
import type { CopyOptions, ObjectRef, ObjectTagSet, WrittenObject } from '../../model/object-store.js';
import { wholeChecksum } from '../checksum-headers.js';
import type { S3Context } from '../context.js';
import type { Attempt } from '../errors/translate.js';
import { writePermission } from '../object-writes.js';
import { type HeadOutput, headOutput } from '../reads.js';
import { getTags, tagPermission, tagsOfCopy } from '../tags.js';

/** One copy to be made. */
export interface CopyJob {
  readonly context: S3Context;
  readonly call: Call;
  readonly from: ObjectRef;
  readonly to: ObjectRef;
  readonly options: CopyOptions;
  /** The HEAD of the source. */
  readonly source: HeadOutput;
}

/** The server's answer to a copy. */
export interface Copied extends WrittenObject {
  /** Whether the answer would name the version, if there were any. Ceph's answer to CopyObject does not. */
  readonly namesVersion: boolean;
}

/** Returns the HEAD of a copy's source. Null when it is gone. */
export function headCopySource(
  context: S3Context,
  call: Call,
  from: ObjectRef,
  { sourceAccess, sourceVersionId }: Pick<CopyOptions, 'sourceAccess' | 'sourceVersionId'>,
): Promise<HeadOutput | null> {
  return headOutput(context, call, from, sourceAccess, sourceVersionId);
}

/**
 * Returns the source's checksum algorithm, so that both checksums can be compared; the store's if the source
 * has none.
 */
export function copyAlgorithm({ context, source }: CopyJob): ChecksumAlgorithm {
  return wholeChecksum(source)?.algorithm ?? context.checksumAlgorithm;
}

/** Returns `bucket/key`, percent-encoded for x-amz-copy-source, with the version if there is one. */
export function copySource({ from, options }: Pick<CopyJob, 'from' | 'options'>): string {
  return copySourceOf(from, options.sourceVersionId);
}

/** Returns `bucket/key`, percent-encoded for x-amz-copy-source, with the version if one is given. */
export function copySourceOf({ bucket, key }: ObjectRef, versionId: string | null = null): string {
  const path = `${bucket}/${key.split('/').map(encodeURIComponent).join('/')}`;
  return versionId === null ? path : `${path}?versionId=${encodeURIComponent(versionId)}`;
}

/** Describes a request of this copy for the text of a fault. */
export function copyAttempt(
  operation: string,
  { from, to, options }: Pick<CopyJob, 'from' | 'to' | 'options'>,
  tags: ObjectTagSet = {},
): Attempt {
  return {
    operation,
    ...to,
    permission: `${writePermission('s3:PutObject', options)}${tagPermission(tags)}, and s3:GetObject on "${from.key}" in bucket "${from.bucket}"`,
  };
}

/** The description of an object that a write sends, besides encryption and ACL. */
export type Description = Pick<
  CopyObjectCommandInput,
  | 'CacheControl'
  | 'ContentDisposition'
  | 'ContentEncoding'
  | 'ContentLanguage'
  | 'ContentType'
  | 'Expires'
  | 'Metadata'
  | 'StorageClass'
  | 'WebsiteRedirectLocation'
>;

/**
 * Returns the source's description, for a target whose metadata has to be sent again. With `isSameObject` (an
 * object is copied onto itself) it includes storage class and redirect, which S3 does not copy.
 */
export function descriptionOf(source: HeadOutput, isItself: boolean): Description {
  const { StorageClass, WebsiteRedirectLocation } = source;
  const { CacheControl, ContentDisposition, ContentEncoding, ContentLanguage, ContentType } = source;
  const expires = new Date(source.ExpiresString ?? '');
  return {
    Metadata: source.Metadata ?? {},
    ...(CacheControl === undefined ? {} : { CacheControl }),
    ...(ContentDisposition === undefined ? {} : { ContentDisposition }),
    ...(ContentEncoding === undefined ? {} : { ContentEncoding }),
    ...(ContentLanguage === undefined ? {} : { ContentLanguage }),
    ...(ContentType === undefined ? {} : { ContentType }),
    ...(isItself && StorageClass !== undefined ? { StorageClass } : {}),
    ...(isItself && WebsiteRedirectLocation !== undefined ? { WebsiteRedirectLocation } : {}),
    ...(Number.isNaN(expires.getTime()) ? {} : { Expires: expires }),
  };
}

/** True when an object is copied onto itself. */
export function isOntoItself({ from, to }: Pick<CopyJob, 'from' | 'to'>): boolean {
  return from.bucket === to.bucket && from.key === to.key;
}

/**
 * Returns all tags of the target. Sends one more request if the source has tags that the caller does not
 * know.
 */
export async function targetTags({
  context,
  call,
  from,
  options,
  source,
}: Omit<CopyJob, 'to' | 'source'> & {
  readonly source: Pick<HeadOutput, 'TagCount'>;
}): Promise<ObjectTagSet> {
  const known = options.sourceTags ?? {};
  const isCountRight = (source.TagCount ?? 0) === Object.keys(known).length;
  const tags = isCountRight ? known : await getTags(context, call, from, options.sourceVersionId);
  return tagsOfCopy(context, call, from, tags ?? {}, options.encryption);
}
