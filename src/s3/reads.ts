import {
  GetObjectCommand,
  type GetObjectCommandOutput,
  HeadObjectCommand,
  type HeadObjectCommandOutput,
} from '@aws-sdk/client-s3';
import type { Call } from '../model/call.js';
import type { ReadAccess } from '../model/encryption.js';
import { Fault } from '../model/fault.js';
import type { ByteRange, ObjectBody, ObjectInfo, ObjectRef, ReadCondition } from '../model/object-store.js';
import { request, type S3Context } from './context.js';
import { directGet, directHead } from './direct/direct-get.js';
import { directOutput } from './direct/direct-output.js';
import { checkReadEcho, readInput } from './encryption-headers.js';
import type { Subject } from './errors/diagnosis.js';
import type { Attempt } from './errors/translate.js';
import { bodyBytes, closeBody } from './http/read-body.js';
import { objectInfo } from './object-info.js';

/** The response headers of HeadObject. */
export type HeadOutput = Omit<HeadObjectCommandOutput, '$metadata'>;
type GetOutput = Omit<GetObjectCommandOutput, '$metadata' | 'Body'>;

/** Sends one HeadObject and returns its headers. Null when there is no such object. */
export async function headOutput(
  context: S3Context,
  call: Call,
  ref: ObjectRef,
  access: ReadAccess,
  versionId: string | undefined,
): Promise<HeadOutput | null> {
  const withChecksum = context.checksums !== 'none';
  const version = versionId === undefined ? {} : { versionId };
  const command = new HeadObjectCommand({
    Bucket: ref.bucket,
    Key: ref.key,
    ...(versionId === undefined ? {} : { VersionId: versionId }),
    ...(withChecksum ? { ChecksumMode: 'ENABLED' as const } : {}),
    ...readInput(access),
  });
  const isDirect = await context.direct.canReach(call, ref.bucket);
  const output = await request<HeadOutput>(
    context,
    call,
    async (sent) => {
      if (!isDirect) return context.client.send(command, sent);
      const read = { ref, access, withChecksum, ...version };
      return directOutput(await directHead(context.direct, read, sent));
    },
    readAttempt('HeadObject', ref, versionId),
    readSubject(ref, access, versionId),
  );
  if (output !== null) checkReadEcho(ref, access, output);
  return output;
}

/** Sends one HeadObject. Null when there is no such object. */
export async function headObject(
  context: S3Context,
  call: Call,
  ref: ObjectRef,
  access: ReadAccess,
  versionId: string | undefined,
): Promise<ObjectInfo | null> {
  const output = await headOutput(context, call, ref, access, versionId);
  return output && objectInfo(output, output.ContentLength ?? 0);
}

/** Sends one GetObject, for the whole object or a range. Null when there is no such object. */
export async function getObject(
  context: S3Context,
  call: Call,
  ref: ObjectRef,
  access: ReadAccess,
  range: ByteRange | null,
  condition: ReadCondition,
): Promise<ObjectBody | null> {
  if (range !== null && !(range.start >= 0 && range.end > range.start)) {
    throw new Fault('invalid', `${range.start} to ${range.end} is not a range of bytes`);
  }
  const isDirect = await context.direct.canReach(call, ref.bucket);
  const answer = await request<{ readonly output: GetOutput; readonly body: unknown }>(
    context,
    call,
    async (sent) => {
      if (!isDirect) return getBySdk(context, ref, access, range, condition, sent);
      // S3 keeps checksums of whole objects only.
      const withChecksum = range === null && context.checksums !== 'none';
      const read = { ref, access, range, withChecksum, ...condition };
      const { headers, body } = await directGet(context.direct, read, sent);
      return { output: directOutput(headers), body };
    },
    readAttempt('GetObject', ref, condition.versionId),
    readSubject(ref, access, condition.versionId),
    { intoSlabs: true },
  );
  return answer && objectBody(ref, access, range, answer.output, answer.body);
}

async function getBySdk(
  { client }: S3Context,
  ref: ObjectRef,
  access: ReadAccess,
  range: ByteRange | null,
  { ifMatch, versionId }: ReadCondition,
  sent: Parameters<Parameters<typeof request>[2]>[0],
): Promise<{ readonly output: GetOutput; readonly body: unknown }> {
  const command = new GetObjectCommand({
    Bucket: ref.bucket,
    Key: ref.key,
    ...(range === null ? {} : { Range: `bytes=${range.start}-${range.end - 1}` }),
    ...(ifMatch === undefined ? {} : { IfMatch: ifMatch }),
    ...(versionId === undefined ? {} : { VersionId: versionId }),
    ...readInput(access),
  });
  const output = await client.send(command, sent);
  return { output, body: output.Body };
}

function objectBody(
  ref: ObjectRef,
  access: ReadAccess,
  range: ByteRange | null,
  output: GetOutput,
  body: unknown,
): ObjectBody {
  try {
    checkReadEcho(ref, access, output);
    const received = receivedRange(ref, range, output.ContentRange, output.ContentLength);
    return { info: objectInfo(output, received.total), bytes: bodyBytes(body, received.length) };
  } catch (error) {
    closeBody(body);
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
 * Returns the size of the body and that of the object, in bytes. Throws `corrupt` when S3 answers with
 * another range than was requested (RFC 9110, section 14.4).
 */
function receivedRange(
  ref: ObjectRef,
  requested: ByteRange | null,
  contentRange: string | undefined,
  contentLength: number | undefined,
): { length: number; total: number } {
  if (contentLength === undefined) throw new Fault('unavailable', 'S3 sent a body without its length');
  if (requested === null) return { length: contentLength, total: contentLength };
  const match = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(contentRange ?? '');
  const [first, last, total] = (match ?? []).slice(1).map(Number);
  if (
    first !== requested.start ||
    last === undefined ||
    total === undefined ||
    last !== Math.min(requested.end, total) - 1 ||
    contentLength !== last - first + 1
  ) {
    throw new Fault(
      'corrupt',
      `S3 sent another range of "${ref.key}" in bucket "${ref.bucket}" than was requested`,
    );
  }
  return { length: contentLength, total };
}
