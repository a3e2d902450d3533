import {
  GetObjectCommand,
  type GetObjectCommandOutput,
  HeadObjectCommand,
  type HeadObjectCommandOutput,
} from '@aws-sdk/client-s3';
import type { Call } from '../model/call.js';
import { noKey, type ReadAccess } from '../model/encryption.js';
import { Fault, isFault } from '../model/fault.js';
import type { ByteRange, ObjectBody, ObjectInfo, ObjectRef, ReadCondition } from '../model/object-store.js';
import { request, type S3Context } from './context.js';
import { directGet, directHead } from './direct/direct-get.js';
import { directOutput } from './direct/direct-output.js';
import { keyNotApplicable, readInput } from './encryption-headers.js';
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
  if (output === null) return null;
  if (output.ContentLength === undefined) throw faultyAnswer('HeadObject', ref, 'it has no length');
  await checkAnswer(context, call, { ref, access, versionId }, output);
  return output;
}

/**
 * Checks the headers of an answer to a read. Throws `unavailable` when it is faulty, and `key-mismatch` when
 * the object has no customer key although one was sent.
 */
async function checkAnswer(
  context: S3Context,
  call: Call,
  { ref, access, versionId }: { ref: ObjectRef; access: ReadAccess; versionId: string | undefined },
  output: GetOutput,
): Promise<void> {
  if (!output.ETag) throw faultyAnswer('a read', ref, 'it has no ETag');
  if (access.kind !== 'sse-c' || output.SSECustomerKeyMD5 === access.key.md5Base64) return;
  if (output.SSECustomerKeyMD5 !== undefined)
    throw faultyAnswer('a read', ref, 'it names another customer key');
  // Servers other than AWS ignore a key that the object does not need. Without a key, S3 tells.
  try {
    if ((await headOutput(context, call, ref, noKey, versionId)) !== null) throw keyNotApplicable(ref);
  } catch (error) {
    if (!isFault(error, 'key-missing')) throw error;
  }
  throw faultyAnswer('a read', ref, 'it does not name the customer key');
}

function faultyAnswer(operation: string, ref: ObjectRef, why: string): Fault {
  return new Fault(
    'unavailable',
    `S3 sent a faulty answer to ${operation} of "${ref.key}" in bucket "${ref.bucket}": ${why}`,
  );
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
  if (answer === null) return null;
  const { output, body } = answer;
  try {
    const received = receivedRange(ref, range, output.ContentRange, output.ContentLength);
    await checkAnswer(context, call, { ref, access, versionId: condition.versionId }, output);
    return { info: objectInfo(output, received.total), bytes: bodyBytes(body, received.length) };
  } catch (error) {
    closeBody(body);
    throw error;
  }
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
 * Returns the size of the body and that of the object, in bytes. Throws `unavailable` when S3 answers with
 * another range than was requested (RFC 9110, section 14.4).
 */
function receivedRange(
  ref: ObjectRef,
  requested: ByteRange | null,
  contentRange: string | undefined,
  contentLength: number | undefined,
): { length: number; total: number } {
  if (contentLength === undefined) throw faultyAnswer('GetObject', ref, 'it has no length');
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
    throw faultyAnswer('GetObject', ref, 'it has another range than was requested');
  }
  return { length: contentLength, total };
}
