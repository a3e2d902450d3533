import {
  type CopyObjectCommandInput,
  HeadObjectCommand,
  type HeadObjectCommandOutput,
} from '@aws-sdk/client-s3';
import type { Call } from '../../model/call.js';
import type { ChecksumAlgorithm } from '../../model/checksum.js';
import type { ReadAccess } from '../../model/encryption.js';
import type { CopyOptions, ObjectRef, ObjectTagSet, WrittenObject } from '../../model/object-store.js';
import { wholeChecksum } from '../checksum-headers.js';
import { request, type S3Context } from '../context.js';
import { leanCall } from '../direct/lean-calls.js';
import { leanOutput } from '../direct/lean-output.js';
import { checkReadEcho, keyHeaders, readInput } from '../encryption-headers.js';
import type { Attempt } from '../errors/translate.js';
import { writePermission } from '../object-writes.js';
import { getTags, tagPermission, tagsOfCopy } from '../tags.js';

/** What HEAD says of a source. */
export type SourceHead = Omit<HeadObjectCommandOutput, '$metadata'>;

/** One copy to be made. */
export interface CopyJob {
  readonly context: S3Context;
  readonly call: Call;
  readonly from: ObjectRef;
  readonly to: ObjectRef;
  readonly options: CopyOptions;
  /** What HEAD said of the source. */
  readonly source: SourceHead;
}

/** What the server said of a copy. */
export interface Copied extends WrittenObject {
  /** Whether it would have named the version, if there were any: Ceph does not in its answer to CopyObject. */
  readonly tellsVersion: boolean;
}

export async function headSource(
  context: S3Context,
  call: Call,
  from: ObjectRef,
  options: CopyOptions,
): Promise<SourceHead | null> {
  const { sourceAccess: access, sourceVersionId: versionId } = options;
  const quick = versionId === undefined ? await headLean(context, call, from, access) : null;
  if (quick !== null) return quick;
  const command = new HeadObjectCommand({
    Bucket: from.bucket,
    Key: from.key,
    ...(versionId === undefined ? {} : { VersionId: versionId }),
    ...(context.checksums === 'none' ? {} : { ChecksumMode: 'ENABLED' as const }),
    ...readInput(access),
  });
  context.lean?.learnFrom(command, from.bucket, from.key);
  const permission = versionId === undefined ? 's3:GetObject' : 's3:GetObjectVersion';
  const attempt: Attempt = { operation: 'HeadObject', ...from, permission };
  const source = await request(context, call, (sent) => context.client.send(command, sent), attempt, {
    does: 'read',
    ref: from,
    access,
    ...(versionId === undefined ? {} : { versionId }),
  });
  if (source !== null) checkReadEcho(from, access, source);
  return source;
}

/** The source's own, so that its checksum stays comparable; the store's where it has none. */
export function copyAlgorithm({ context, source }: CopyJob): ChecksumAlgorithm {
  return wholeChecksum(source)?.algorithm ?? context.checksumAlgorithm;
}

async function headLean(
  context: S3Context,
  call: Call,
  from: ObjectRef,
  access: ReadAccess,
): Promise<SourceHead | null> {
  const headers = {
    ...keyHeaders(access),
    ...(context.checksums === 'none' ? {} : { 'x-amz-checksum-mode': 'ENABLED' }),
  };
  const answer = await leanCall(context, call, from, { method: 'HEAD', headers });
  if (!answer) return null;
  const source = leanOutput(answer.headers);
  checkReadEcho(from, access, source);
  return source;
}

/** `bucket/key`, percent-encoded as x-amz-copy-source wants it, with the version where one is meant. */
export function copySource({ from, options }: Pick<CopyJob, 'from' | 'options'>): string {
  const path = copySourceOf(from);
  const { sourceVersionId } = options;
  return sourceVersionId === undefined ? path : `${path}?versionId=${encodeURIComponent(sourceVersionId)}`;
}

export function copySourceOf({ bucket, key }: ObjectRef): string {
  return `${bucket}/${key.split('/').map(encodeURIComponent).join('/')}`;
}

export function copyAttempt(
  operation: string,
  { from, to, options }: CopyJob,
  tags: ObjectTagSet = {},
): Attempt {
  return {
    operation,
    ...to,
    permission: `${writePermission('s3:PutObject', options)}${tagPermission(tags)}, and s3:GetObject on "${from.key}" in bucket "${from.bucket}"`,
  };
}

/** What a write is told of an object besides its encryption and its ACL. */
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
 * What a source says of itself, for a target whose metadata has to be said. `isItself` for an object that is copied onto itself:
 * then it stays where it rests, and goes on redirecting, which S3 lets no copy do by itself.
 */
export function descriptionOf(source: SourceHead, isItself: boolean): Description {
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

export function isOntoItself({ from, to }: Pick<CopyJob, 'from' | 'to'>): boolean {
  return from.bucket === to.bucket && from.key === to.key;
}

/** All tags of the target. One request more, when the source has tags that the caller does not know. */
export async function targetTags({
  context,
  call,
  from,
  options,
  source,
}: Omit<CopyJob, 'to' | 'source'> & {
  readonly source: Pick<SourceHead, 'TagCount'>;
}): Promise<ObjectTagSet> {
  const known = options.sourceTags ?? {};
  const isCountRight = (source.TagCount ?? 0) === Object.keys(known).length;
  const tags = isCountRight ? known : await getTags(context, call, from, options.sourceVersionId);
  return tagsOfCopy(context, call, from, tags ?? {}, options.encryption);
}

/** Sends a request that copies bytes, when there is room for it. */
export function whenAdmitted<T>({ options }: CopyJob, send: () => Promise<T>): Promise<T> {
  return options.admission === undefined ? send() : options.admission(send);
}
