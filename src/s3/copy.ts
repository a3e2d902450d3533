import {
  CopyObjectCommand,
  type CopyObjectCommandInput,
  HeadObjectCommand,
  type HeadObjectCommandOutput,
  UploadPartCopyCommand,
} from '@aws-sdk/client-s3';
import type { Call } from '../model/call.js';
import { accessFor, type ReadAccess } from '../model/encryption.js';
import { Fault, isFault } from '../model/fault.js';
import type { CopyOptions, ObjectRef, ObjectTagSet, WrittenObject } from '../model/object-store.js';
import { wholeCrc32 } from './checksum-text.js';
import { request, type S3Context } from './context.js';
import {
  checkPartEcho,
  checkReadEcho,
  checkWriteEcho,
  partInput,
  readInput,
  sourceInput,
  writeInput,
} from './encryption-headers.js';
import { checkMetadata, objectInfo, versionOf } from './object-info.js';
import { checkCrc32, describeTarget, writePermission } from './object-writes.js';
import { beginUpload, type CompletedPartEntry, type S3PartUpload } from './part-upload.js';
import { headObject } from './reads.js';
import { getTags, taggingInput, tagPermission, tagsOfCopy } from './tags.js';
import type { Attempt } from './translate.js';

/** Parts of one copy under way at once: the server does the work. */
const partsAtOnce = 8;
const mostParts = 10_000;

/** A server-side copy of any size. Null when the source is gone. */
export async function copyObject(
  context: S3Context,
  call: Call,
  from: ObjectRef,
  to: ObjectRef,
  options: CopyOptions,
): Promise<WrittenObject | null> {
  checkMetadata(to, options.metadata);
  const source = await headSource(context, call, from, options.sourceAccess);
  if (source === null) return null;
  if (options.sourceEtag !== undefined && options.sourceEtag !== source.ETag) {
    throw new Fault(
      'conflict',
      `"${from.key}" in bucket "${from.bucket}" is not the object that was expected any more`,
    );
  }
  if (options.onlyIfAbsent) await refuseExisting(context, call, to, options);
  const written =
    (source.ContentLength ?? 0) <= context.singleCopyLimitBytes
      ? await copyAtOnce(context, call, from, to, options, source)
      : await copyInParts(context, call, from, to, options, source);
  if (written !== null && written.crc32 !== null) {
    const before = objectInfo(source, source.ContentLength ?? 0).crc32;
    if (before !== null) checkCrc32(to, before, written.crc32);
  }
  return written;
}

async function headSource(
  context: S3Context,
  call: Call,
  from: ObjectRef,
  access: ReadAccess,
): Promise<HeadObjectCommandOutput | null> {
  const command = new HeadObjectCommand({
    Bucket: from.bucket,
    Key: from.key,
    ...(context.checksums === 'none' ? {} : { ChecksumMode: 'ENABLED' as const }),
    ...readInput(access),
  });
  const attempt: Attempt = { operation: 'HeadObject', ...from, permission: 's3:GetObject' };
  const source = await request(context, call, (sent) => context.client.send(command, sent), attempt, {
    does: 'read',
    ref: from,
    access,
  });
  if (source !== null) checkReadEcho(from, access, source);
  return source;
}

/** Servers exist that overlook If-None-Match on a copy (Ceph 20): what they would overwrite is looked for first. */
async function refuseExisting(
  context: S3Context,
  call: Call,
  to: ObjectRef,
  options: CopyOptions,
): Promise<void> {
  const exists = await headObject(context, call, to, accessFor(options.encryption), undefined).then(
    (info) => info !== null,
    (error: unknown) => {
      if (isFault(error, 'key-missing', 'key-mismatch')) return true;
      throw error;
    },
  );
  if (exists) throw new Fault('exists', `there is already an object "${to.key}" in bucket "${to.bucket}"`);
}

async function copyAtOnce(
  context: S3Context,
  call: Call,
  from: ObjectRef,
  to: ObjectRef,
  options: CopyOptions,
  source: HeadObjectCommandOutput,
): Promise<WrittenObject | null> {
  const tags = await targetTags(context, call, from, options, source);
  const command = new CopyObjectCommand({
    Bucket: to.bucket,
    Key: to.key,
    CopySource: copySource(from),
    ...(options.sourceEtag === undefined ? {} : { CopySourceIfMatch: options.sourceEtag }),
    ...(options.onlyIfAbsent ? { IfNoneMatch: '*' } : {}),
    ...targetDescription(from, to, options, source, tags),
    ...(context.checksums === 'none' ? {} : { ChecksumAlgorithm: 'CRC32' as const }),
    ...sourceInput(options.sourceAccess),
    ...writeInput(options.encryption),
  });
  const answer = await request(
    context,
    call,
    (sent) => context.client.send(command, sent),
    copyAttempt('CopyObject', from, to, options, tags),
    { does: 'write', ref: to, encryption: options.encryption, ifAbsent: options.onlyIfAbsent ?? false },
    { idleTimeoutMs: context.slowAnswerTimeoutMs },
  );
  if (answer === null) return null;
  checkWriteEcho(to, options.encryption, answer);
  const result = answer.CopyObjectResult;
  return {
    etag: result?.ETag ?? '',
    versionId: versionOf(answer.VersionId),
    crc32: wholeCrc32(result?.ChecksumCRC32, result?.ChecksumType),
  };
}

type Description = Pick<
  CopyObjectCommandInput,
  | 'ACL'
  | 'CacheControl'
  | 'ContentDisposition'
  | 'ContentEncoding'
  | 'ContentLanguage'
  | 'ContentType'
  | 'Metadata'
  | 'Expires'
  | 'MetadataDirective'
  | 'Tagging'
  | 'TaggingDirective'
>;

/**
 * Metadata and tags are said again, both or neither: Ceph 20 lets the tags go the way of the metadata, whatever
 * x-amz-tagging-directive says. An object that is copied onto itself has them said again too: Ceph takes a change of the key
 * alone for no change at all, and refuses it.
 */
function targetDescription(
  from: ObjectRef,
  to: ObjectRef,
  options: CopyOptions,
  source: HeadObjectCommandOutput,
  tags: ObjectTagSet,
): Description {
  const { ACL } = describeTarget(options);
  const acl = ACL === undefined ? {} : { ACL };
  const ontoItself = from.bucket === to.bucket && from.key === to.key;
  const hasTags = (source.TagCount ?? 0) > 0 || Object.keys(tags).length > 0;
  if (options.metadataFrom === 'copy' && !ontoItself && !hasTags) {
    return { ...acl, MetadataDirective: 'COPY', TaggingDirective: 'COPY' };
  }
  const description = options.metadataFrom === 'options' ? describeTarget(options) : descriptionOf(source);
  return {
    ...acl,
    ...description,
    MetadataDirective: 'REPLACE',
    TaggingDirective: 'REPLACE',
    ...taggingInput(tags),
  };
}

/** All tags of the target. One request more, when the source has tags that the caller does not know. */
async function targetTags(
  context: S3Context,
  call: Call,
  from: ObjectRef,
  options: CopyOptions,
  source: HeadObjectCommandOutput,
): Promise<ObjectTagSet> {
  const known = options.sourceTags ?? {};
  const isCountRight = (source.TagCount ?? 0) === Object.keys(known).length;
  const tags = isCountRight ? known : await getTags(context, call, from, undefined);
  return tagsOfCopy(context, call, from, tags ?? {}, options.encryption);
}

/** What a source says of itself, for a target whose metadata has to be said. */
function descriptionOf(source: HeadObjectCommandOutput): Description {
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

/** `bucket/key`, percent-encoded as CopyObject's x-amz-copy-source wants it. */
function copySource(from: ObjectRef): string {
  return `${from.bucket}/${from.key.split('/').map(encodeURIComponent).join('/')}`;
}

function copyAttempt(
  operation: string,
  from: ObjectRef,
  to: ObjectRef,
  options: CopyOptions,
  tags: ObjectTagSet,
): Attempt {
  return {
    operation,
    ...to,
    permission: `${writePermission('s3:PutObject', options)}${tagPermission(tags)}, and s3:GetObject on "${from.key}" in bucket "${from.bucket}"`,
  };
}

async function copyInParts(
  context: S3Context,
  call: Call,
  from: ObjectRef,
  to: ObjectRef,
  options: CopyOptions,
  source: HeadObjectCommandOutput,
): Promise<WrittenObject | null> {
  const size = source.ContentLength ?? 0;
  const description = options.metadataFrom === 'copy' ? descriptionOf(source) : {};
  const tags = await targetTags(context, call, from, options, source);
  await using upload = await beginUpload(context, call, to, options, { description, tags });
  const ranges = partRanges(size, context.copyPartBytes);
  const entries: CompletedPartEntry[] = [];
  let next = 0;
  let gone = false;
  const worker = async () => {
    while (!gone && next < ranges.length) {
      const index = next;
      next += 1;
      const entry = await copyPart(
        context,
        call,
        from,
        to,
        options,
        source,
        upload,
        index + 1,
        ranges[index] ?? '',
      );
      if (entry === null) gone = true;
      else entries[index] = entry;
    }
  };
  const settled = await Promise.allSettled(Array.from({ length: partsAtOnce }, worker));
  const failed = settled.find((one) => one.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
  if (gone) return null;
  const { crc32 } = objectInfo(source, size);
  return await upload.completeEntries(call, entries, { size, crc32 });
}

/** Equal parts, larger when there would be too many. As UploadPartCopy wants them: both ends included. */
export function partRanges(size: number, partBytes: number): string[] {
  const length = Math.max(partBytes, Math.ceil(size / mostParts));
  const ranges: string[] = [];
  for (let start = 0; start < size; start += length) {
    ranges.push(`bytes=${start}-${Math.min(start + length, size) - 1}`);
  }
  return ranges;
}

async function copyPart(
  context: S3Context,
  call: Call,
  from: ObjectRef,
  to: ObjectRef,
  options: CopyOptions,
  source: HeadObjectCommandOutput,
  upload: S3PartUpload,
  partNumber: number,
  range: string,
): Promise<CompletedPartEntry | null> {
  const command = new UploadPartCopyCommand({
    Bucket: to.bucket,
    Key: to.key,
    UploadId: upload.uploadId,
    PartNumber: partNumber,
    CopySource: copySource(from),
    CopySourceRange: range,
    CopySourceIfMatch: source.ETag,
    ...sourceInput(options.sourceAccess),
    ...partInput(options.encryption),
  });
  const answer = await request(
    context,
    call,
    (sent) => context.client.send(command, sent),
    copyAttempt('UploadPartCopy', from, to, options, {}),
    { does: 'write', ref: to, encryption: options.encryption },
    { idleTimeoutMs: context.slowAnswerTimeoutMs },
  );
  if (answer === null) return null;
  checkPartEcho(to, options.encryption, answer);
  const result = answer.CopyPartResult;
  return {
    partNumber,
    etag: result?.ETag ?? '',
    crc32: wholeCrc32(result?.ChecksumCRC32, undefined),
  };
}
