import {
  DeleteObjectCommand,
  type ObjectCannedACL,
  PutObjectCommand,
  type PutObjectCommandOutput,
} from '@aws-sdk/client-s3';
import type { Call } from '../model/call.js';
import { type Checksum, compareChecksums } from '../model/checksum.js';
import { Fault } from '../model/fault.js';
import type {
  ObjectRef,
  ObjectTagSet,
  RemovalCondition,
  ReplayableBody,
  WriteOptions,
  WrittenObject,
} from '../model/object-store.js';
import { wholeChecksum } from './checksum-headers.js';
import { request, type S3Context } from './context.js';
import type { LeanOutput } from './direct/lean-output.js';
import { leanPut } from './direct/lean-put.js';
import { checkWriteEcho, writeInput } from './encryption-headers.js';
import type { Attempt } from './errors/translate.js';
import { streamed } from './http/streamed-body.js';
import { checkMetadata, versionOf } from './object-info.js';
import { keyTags, taggingInput, tagPermission } from './tags.js';

/** What is larger costs so much by itself that the SDK's layers do not matter. */
const mostLeanBytes = 1024 * 1024;

/** What PutObject and CreateMultipartUpload are told of the object to come. */
export function describeTarget(options: WriteOptions): {
  Metadata: Record<string, string>;
  ContentType?: string;
  ACL?: ObjectCannedACL;
} {
  return {
    Metadata: { ...options.metadata },
    ...(options.contentType === null ? {} : { ContentType: options.contentType }),
    // The SDK's list lacks log-delivery-write, which S3 takes all the same.
    ...(options.acl === null ? {} : { ACL: options.acl as ObjectCannedACL }),
  };
}

interface OneWrite {
  readonly ref: ObjectRef;
  readonly body: ReplayableBody;
  readonly options: WriteOptions;
  readonly tags: ObjectTagSet;
}

/** One PutObject. */
export async function putObject(
  context: S3Context,
  call: Call,
  ref: ObjectRef,
  body: ReplayableBody,
  options: WriteOptions,
): Promise<WrittenObject> {
  checkMetadata(ref, options.metadata);
  const write: OneWrite = { ref, body, options, tags: keyTags(context, options.encryption) };
  const answer = (await putLean(context, call, write)) ?? (await putBySdk(context, call, write));
  checkWriteEcho(ref, options.encryption, answer);
  const checksum = wholeChecksum(answer);
  checkChecksum(ref, body.checksum, checksum);
  return { etag: answer.ETag ?? '', versionId: versionOf(answer.VersionId), checksum };
}

/**
 * The usual write of a small file, for less CPU. A condition is for the SDK: a write that is said twice because its first answer was
 * lost would find itself in the way, and the retries know which was the first.
 */
async function putLean(
  context: S3Context,
  call: Call,
  { ref, body, options, tags }: OneWrite,
): Promise<LeanOutput | null> {
  const { encryption, acl, metadata, contentType, onlyIfAbsent, onlyIfMatches } = options;
  const isConditional = onlyIfAbsent === true || onlyIfMatches !== undefined;
  if (isConditional || encryption.kind !== 'sse-c' || body.byteLength > mostLeanBytes) return null;
  const named = Object.entries(metadata).map(([name, value]) => [`x-amz-meta-${name}`, value]);
  // What the SDK says of a body whose type nobody knows.
  const headers = {
    ...Object.fromEntries(named),
    'content-type': contentType ?? 'application/octet-stream',
  };
  return leanPut(context, call, ref, { body, encryption, acl, tags, headers });
}

async function putBySdk(
  context: S3Context,
  call: Call,
  { ref, body, options, tags }: OneWrite,
): Promise<PutObjectCommandOutput> {
  const attempt: Attempt = {
    operation: 'PutObject',
    ...ref,
    permission: writePermission('s3:PutObject', options) + tagPermission(tags),
  };
  const command = new PutObjectCommand({
    Bucket: ref.bucket,
    Key: ref.key,
    ...describeTarget(options),
    ...writeInput(options.encryption),
    ...taggingInput(tags),
    ...conditionInput(options),
    ...streamed(body, context.checksums),
  });
  const subject = {
    does: 'write',
    ref,
    encryption: options.encryption,
    ifAbsent: options.onlyIfAbsent ?? false,
  } as const;
  const answer = await request(context, call, (sent) => context.client.send(command, sent), attempt, subject);
  if (answer === null) throw nothingThere('PutObject', ref, options);
  return answer;
}

/** The condition of a write, as headers. */
export function conditionInput(options: WriteOptions): { IfNoneMatch?: '*'; IfMatch?: string } {
  if (options.onlyIfAbsent) return { IfNoneMatch: '*' };
  return options.onlyIfMatches === undefined ? {} : { IfMatch: options.onlyIfMatches };
}

/** What a write's 404 means: of a conditional one, that there is nothing to match. */
export function nothingThere(operation: string, ref: ObjectRef, options: WriteOptions): Fault {
  return options.onlyIfMatches === undefined
    ? new Fault('not-found', `S3 answered "not found" to ${operation} of "${ref.key}"`)
    : new Fault('conflict', `"${ref.key}" in bucket "${ref.bucket}" is gone`);
}

/** A write with an ACL needs one permission more. */
export function writePermission(action: string, options: WriteOptions): string {
  return options.acl === null ? action : `${action} and s3:PutObjectAcl`;
}

/** Throws `corrupt` when S3 says another checksum than the one that was sent. */
export function checkChecksum(ref: ObjectRef, sent: Checksum | null, answered: Checksum | null): void {
  if (compareChecksums(sent, answered) === 'different') {
    throw new Fault(
      'corrupt',
      `S3 stored other bytes for "${ref.key}" in bucket "${ref.bucket}" than were sent`,
    );
  }
}

export async function removeObject(
  context: S3Context,
  call: Call,
  ref: ObjectRef,
  { versionId, ifMatch }: RemovalCondition,
): Promise<void> {
  const attempt: Attempt = {
    operation: 'DeleteObject',
    ...ref,
    permission: versionId === undefined ? 's3:DeleteObject' : 's3:DeleteObjectVersion',
  };
  const command = new DeleteObjectCommand({
    Bucket: ref.bucket,
    Key: ref.key,
    ...(versionId === undefined ? {} : { VersionId: versionId }),
    ...(ifMatch === undefined ? {} : { IfMatch: ifMatch }),
  });
  await request(context, call, (sent) => context.client.send(command, sent), attempt, { does: 'other' });
}
