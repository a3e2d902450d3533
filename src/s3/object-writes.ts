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
import type { DirectOutput } from './direct/direct-output.js';
import { directPut } from './direct/direct-put.js';
import { checkWriteEcho, writeInput } from './encryption-headers.js';
import type { S3Error } from './errors/s3-error.js';
import type { Attempt } from './errors/translate.js';
import type { ExchangeOptions } from './http/exchange.js';
import { streamed } from './http/streamed-body.js';
import { checkMetadata, versionOf } from './object-info.js';
import { taggingInput, tagPermission, tagsOfWrite } from './tags.js';

/** Returns the description of the new object for PutObject and CreateMultipartUpload. */
export function describeTarget(options: WriteOptions): {
  Metadata: Record<string, string>;
  ContentType?: string;
  ACL?: ObjectCannedACL;
} {
  return {
    Metadata: { ...options.metadata },
    ...(options.contentType === null ? {} : { ContentType: options.contentType }),
    // The SDK's type lacks log-delivery-write, which S3 accepts.
    ...(options.acl === null ? {} : { ACL: options.acl as ObjectCannedACL }),
  };
}

interface OneWrite {
  readonly ref: ObjectRef;
  readonly body: ReplayableBody;
  readonly options: WriteOptions;
  readonly tags: ObjectTagSet;
}

/** Sends one PutObject. Throws `corrupt` when S3 does not confirm encryption or checksum. */
export async function putObject(
  context: S3Context,
  call: Call,
  ref: ObjectRef,
  body: ReplayableBody,
  options: WriteOptions,
): Promise<WrittenObject> {
  checkMetadata(ref, options.metadata);
  const write: OneWrite = { ref, body, options, tags: tagsOfWrite(context, options) };
  const isDirect = isForDirect(write) && (await context.direct.canReach(call, ref.bucket));
  const attempt: Attempt = {
    operation: 'PutObject',
    ...ref,
    permission: writePermission('s3:PutObject', options) + tagPermission(write.tags),
  };
  const ifAbsent = options.onlyIfAbsent ?? false;
  const subject = { does: 'write', ref, encryption: options.encryption, ifAbsent } as const;
  const answer = await request<PutOutput>(
    context,
    call,
    (sent) => (isDirect ? putDirectly(context, write, sent) : putBySdk(context, write, sent)),
    attempt,
    subject,
  );
  if (answer === null) throw nothingThere('PutObject', ref, options);
  checkWriteEcho(ref, options.encryption, answer);
  const checksum = wholeChecksum(answer);
  checkChecksum(ref, body.checksum, checksum);
  return { etag: answer.ETag ?? '', versionId: versionOf(answer.VersionId), checksum };
}

type PutOutput = DirectOutput | Omit<PutObjectCommandOutput, '$metadata'>;

/** True for the usual write of a file, which costs less CPU directly. */
function isForDirect({ options }: OneWrite): boolean {
  const { encryption, onlyIfAbsent, onlyIfMatches } = options;
  const isConditional = onlyIfAbsent === true || onlyIfMatches !== undefined;
  return !isConditional && encryption.kind === 'sse-c';
}

async function putDirectly(
  context: S3Context,
  { ref, body, options, tags }: OneWrite,
  sent: ExchangeOptions,
): Promise<PutOutput> {
  const { encryption, acl, metadata, contentType } = options;
  if (encryption.kind !== 'sse-c')
    throw new Fault('bug', 'only writes under a customer key are sent directly');
  const named = Object.entries(metadata).map(([name, value]) => [`x-amz-meta-${name}`, value]);
  const headers = {
    ...Object.fromEntries(named),
    // The SDK's default for bodies without a type.
    'content-type': contentType ?? 'application/octet-stream',
  };
  return directPut(context, { ref, body, encryption, acl, tags, headers }, sent);
}

function putBySdk(
  { client, checksums }: S3Context,
  { ref, body, options, tags }: OneWrite,
  sent: ExchangeOptions,
): Promise<PutOutput> {
  const command = new PutObjectCommand({
    Bucket: ref.bucket,
    Key: ref.key,
    ...describeTarget(options),
    ...writeInput(options.encryption),
    ...taggingInput(tags),
    ...conditionInput(options),
    ...streamed(body, checksums),
  });
  return client.send(command, sent);
}

/** Returns the condition of a write as fields of a request. */
export function conditionInput(options: WriteOptions): { IfNoneMatch?: '*'; IfMatch?: string } {
  if (options.onlyIfAbsent) return { IfNoneMatch: '*' };
  return options.onlyIfMatches === undefined ? {} : { IfMatch: options.onlyIfMatches };
}

/** Returns the fault for a write's 404. For a conditional write it means that there is nothing to match. */
export function nothingThere(operation: string, ref: ObjectRef, options: WriteOptions): Fault {
  return options.onlyIfMatches === undefined
    ? new Fault('not-found', `S3 answered ${operation} of "${ref.key}" with "not found"`)
    : new Fault('conflict', `"${ref.key}" in bucket "${ref.bucket}" is gone`);
}

/** Returns the permissions that a write needs; an ACL needs one more. */
export function writePermission(action: string, options: WriteOptions): string {
  return options.acl === null ? action : `${action} and s3:PutObjectAcl`;
}

/** Throws `corrupt` when S3 answers with another checksum than the one that was sent. */
export function checkChecksum(
  ref: ObjectRef,
  sent: Checksum | null,
  answered: Checksum | null,
  cause?: S3Error,
): void {
  if (compareChecksums(sent, answered) === 'different') {
    throw new Fault(
      'corrupt',
      `S3 stored different bytes for "${ref.key}" in bucket "${ref.bucket}" than were sent`,
      { cause },
    );
  }
}

/** Sends one DeleteObject. Absence is not a fault. */
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
