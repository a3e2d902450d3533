import {
  type CopyObjectCommandInput,
  HeadObjectCommand,
  type HeadObjectCommandOutput,
} from '@aws-sdk/client-s3';
import type { Call } from '../model/call.js';
import type { ChecksumAlgorithm } from '../model/checksum.js';
import type { CopyOptions, ObjectRef, ObjectTagSet } from '../model/object-store.js';
import { wholeChecksum } from './checksum-headers.js';
import { request, type S3Context } from './context.js';
import { checkReadEcho, readInput } from './encryption-headers.js';
import { writePermission } from './object-writes.js';
import { getTags, tagPermission, tagsOfCopy } from './tags.js';
import type { Attempt } from './translate.js';

/** One copy to be made. */
export interface CopyJob {
  readonly context: S3Context;
  readonly call: Call;
  readonly from: ObjectRef;
  readonly to: ObjectRef;
  readonly options: CopyOptions;
  /** What HEAD said of the source. */
  readonly source: HeadObjectCommandOutput;
}

export async function headSource(
  context: S3Context,
  call: Call,
  from: ObjectRef,
  options: CopyOptions,
): Promise<HeadObjectCommandOutput | null> {
  const { sourceAccess: access, sourceVersionId: versionId } = options;
  const command = new HeadObjectCommand({
    Bucket: from.bucket,
    Key: from.key,
    ...(versionId === undefined ? {} : { VersionId: versionId }),
    ...(context.checksums === 'none' ? {} : { ChecksumMode: 'ENABLED' as const }),
    ...readInput(access),
  });
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

/** `bucket/key`, percent-encoded as x-amz-copy-source wants it, with the version where one is meant. */
export function copySource({ from, options }: Pick<CopyJob, 'from' | 'options'>): string {
  const path = `${from.bucket}/${from.key.split('/').map(encodeURIComponent).join('/')}`;
  const { sourceVersionId } = options;
  return sourceVersionId === undefined ? path : `${path}?versionId=${encodeURIComponent(sourceVersionId)}`;
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
>;

/** What a source says of itself, for a target whose metadata has to be said. */
export function descriptionOf(source: HeadObjectCommandOutput): Description {
  const { CacheControl, ContentDisposition, ContentEncoding, ContentLanguage, ContentType } = source;
  const expires = new Date(source.ExpiresString ?? '');
  return {
    Metadata: source.Metadata ?? {},
    ...(CacheControl === undefined ? {} : { CacheControl }),
    ...(ContentDisposition === undefined ? {} : { ContentDisposition }),
    ...(ContentEncoding === undefined ? {} : { ContentEncoding }),
    ...(ContentLanguage === undefined ? {} : { ContentLanguage }),
    ...(ContentType === undefined ? {} : { ContentType }),
    ...(Number.isNaN(expires.getTime()) ? {} : { Expires: expires }),
  };
}

/** All tags of the target. One request more, when the source has tags that the caller does not know. */
export async function targetTags({ context, call, from, options, source }: CopyJob): Promise<ObjectTagSet> {
  const known = options.sourceTags ?? {};
  const isCountRight = (source.TagCount ?? 0) === Object.keys(known).length;
  const tags = isCountRight ? known : await getTags(context, call, from, options.sourceVersionId);
  return tagsOfCopy(context, call, from, tags ?? {}, options.encryption);
}

/** Sends a request that copies bytes, when there is room for it. */
export function whenAdmitted<T>({ options }: CopyJob, send: () => Promise<T>): Promise<T> {
  return options.admission === undefined ? send() : options.admission(send);
}
