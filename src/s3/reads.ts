import { GetObjectCommand, type GetObjectCommandOutput, HeadObjectCommand } from '@aws-sdk/client-s3';
import type { Call } from '../model/call.js';
import type { ReadAccess } from '../model/encryption.js';
import { Fault } from '../model/fault.js';
import type { ByteRange, ObjectBody, ObjectInfo, ObjectRef, ReadCondition } from '../model/object-store.js';
import { request, type S3Context } from './context.js';
import { leanGet } from './direct/lean-get.js';
import { leanOutput } from './direct/lean-output.js';
import type { LeanRequests } from './direct/lean-requests.js';
import { checkReadEcho, readInput } from './encryption-headers.js';
import type { Subject } from './errors/diagnosis.js';
import type { Attempt } from './errors/translate.js';
import { bodyBytes, discardBody } from './http/read-body.js';
import { objectInfo } from './object-info.js';

/** One HeadObject. Null when there is no such object. */
export async function headObject(
  context: S3Context,
  call: Call,
  ref: ObjectRef,
  access: ReadAccess,
  versionId: string | undefined,
): Promise<ObjectInfo | null> {
  const command = new HeadObjectCommand({
    Bucket: ref.bucket,
    Key: ref.key,
    ...(versionId === undefined ? {} : { VersionId: versionId }),
    ...(context.checksums === 'none' ? {} : { ChecksumMode: 'ENABLED' as const }),
    ...readInput(access),
  });
  const answer = await request(
    context,
    call,
    (sent) => context.client.send(command, sent),
    readAttempt('HeadObject', ref, versionId),
    readSubject(ref, access, versionId),
  );
  if (answer === null) return null;
  checkReadEcho(ref, access, answer);
  return objectInfo(answer, answer.ContentLength ?? 0);
}

/** One GetObject, of the whole or of a range. Null when there is no such object. */
export async function getObject(
  context: S3Context,
  call: Call,
  ref: ObjectRef,
  access: ReadAccess,
  range: ByteRange | null,
  condition: ReadCondition,
  lean: LeanRequests | null = null,
): Promise<ObjectBody | null> {
  if (range !== null && !(range.start >= 0 && range.end > range.start)) {
    throw new Fault('invalid', `${range.start} to ${range.end} is no range of bytes`);
  }
  const asksForChecksums = context.checksums !== 'none';
  const quick = lean && (await leanGet(lean, call, ref, access, range, condition, asksForChecksums));
  if (quick !== null) return objectBody(ref, access, range, leanOutput(quick.headers), quick.body);
  const { ifMatch, versionId } = condition;
  const command = new GetObjectCommand({
    Bucket: ref.bucket,
    Key: ref.key,
    ...(range === null ? {} : { Range: `bytes=${range.start}-${range.end - 1}` }),
    ...(ifMatch === undefined ? {} : { IfMatch: ifMatch }),
    ...(versionId === undefined ? {} : { VersionId: versionId }),
    ...readInput(access),
  });
  lean?.learnFrom(command, ref.bucket, ref.key);
  const answer = await request(
    context,
    call,
    (sent) => context.client.send(command, sent),
    readAttempt('GetObject', ref, versionId),
    readSubject(ref, access, versionId),
    { intoSlabs: true },
  );
  if (answer === null) return null;
  if (answer.Body === undefined) throw new Fault('unavailable', 'S3 sent no body');
  return objectBody(ref, access, range, answer, answer.Body);
}

type GetOutput = Omit<GetObjectCommandOutput, '$metadata' | 'Body'>;

function objectBody(
  ref: ObjectRef,
  access: ReadAccess,
  range: ByteRange | null,
  answer: GetOutput,
  body: unknown,
): ObjectBody {
  try {
    checkReadEcho(ref, access, answer);
    const sent = sentRange(ref, range, answer.ContentRange, answer.ContentLength);
    return { info: objectInfo(answer, sent.total), bytes: bodyBytes(body, sent.length) };
  } catch (error) {
    discardBody(body);
    throw error;
  }
}

function readAttempt(operation: string, ref: ObjectRef, versionId: string | undefined): Attempt {
  return {
    operation,
    ...ref,
    permission: versionId === undefined ? 's3:GetObject' : 's3:GetObjectVersion',
  };
}

function readSubject(ref: ObjectRef, access: ReadAccess, versionId: string | undefined): Subject {
  return { does: 'read', ref, access, ...(versionId === undefined ? {} : { versionId }) };
}

/**
 * How many bytes the body has, and how many the object. Throws `corrupt` when the answer is not the range that was asked
 * for (RFC 9110, section 14.4).
 */
function sentRange(
  ref: ObjectRef,
  asked: ByteRange | null,
  contentRange: string | undefined,
  contentLength: number | undefined,
): { length: number; total: number } {
  if (contentLength === undefined) throw new Fault('unavailable', 'S3 did not say how many bytes it sends');
  if (asked === null) return { length: contentLength, total: contentLength };
  const match = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(contentRange ?? '');
  const [first, last, total] = (match ?? []).slice(1).map(Number);
  if (
    first !== asked.start ||
    last === undefined ||
    total === undefined ||
    last !== Math.min(asked.end, total) - 1 ||
    contentLength !== last - first + 1
  ) {
    throw new Fault(
      'corrupt',
      `S3 sent another range of "${ref.key}" in bucket "${ref.bucket}" than was asked for`,
    );
  }
  return { length: contentLength, total };
}
