import { releaseBytes } from '../../bytes/buffer-pool.js';
import { RunningChecksum } from '../../bytes/running-checksum.js';
import type { Call } from '../../model/call.js';
import { type Checksum, compareChecksums } from '../../model/checksum.js';
import type { CopiedObject, CopyOptions, ObjectRef } from '../../model/object-store.js';
import { wholeChecksum } from '../checksum-headers.js';
import { request, type S3Context } from '../context.js';
import { directGet } from '../direct/direct-get.js';
import { directOutput } from '../direct/direct-output.js';
import { directPut } from '../direct/direct-put.js';
import { checkReadEcho, checkWriteEcho } from '../encryption-headers.js';
import type { HttpResponse } from '../http/exchange.js';
import { bodyBytes, closeBody } from '../http/read-body.js';
import { objectInfo, versionOf } from '../object-info.js';
import { checkChecksum, nothingThere } from '../object-writes.js';
import { copyAttempt, targetTags } from './copy-source.js';
import { refuseExisting } from './refuse-existing.js';

/** Response headers of GetObject that PutObject takes as they are, besides all x-amz-meta-*. */
const carriedHeaders: ReadonlySet<string> = new Set([
  'cache-control',
  'content-disposition',
  'content-encoding',
  'content-language',
  'content-type',
  'expires',
  'x-amz-storage-class',
  'x-amz-website-redirect-location',
]);

/** Metadata that headers cannot carry, and object locks: the server has to copy such objects. */
const unsupportedHeaders = [
  'x-amz-missing-meta',
  'x-amz-object-lock-mode',
  'x-amz-object-lock-legal-hold',
] as const;

/** The object as it was read. */
interface ReadObject {
  readonly headers: HttpResponse['headers'];
  readonly chunks: readonly Uint8Array[];
  readonly byteLength: number;
  /** Of the source's own algorithm, if it is a known one. */
  readonly checksum: Checksum;
}

/**
 * Re-encrypts a small object, or copies it to a new name, by reading and writing it under a condition. For servers
 * that ignore the condition of CopyObject and honour that of PutObject. Takes two requests instead of the multipart
 * copy's four, each of which costs the server more. The bytes are in this process's memory meanwhile, as those of
 * uploads and downloads are.
 *
 * Null when the object does not qualify, or is gone: the server's copy is due. Throws `conflict` when the
 * object has changed before the read or before the write, `exists` for a name that is taken, and what a read or a
 * write throws. A write whose
 * answer was lost has stored the same content.
 */
export async function copyThrough(
  context: S3Context,
  call: Call,
  from: ObjectRef,
  to: ObjectRef,
  options: CopyOptions,
): Promise<CopiedObject | null> {
  if (!qualifies(context, from, to, options)) return null;
  if (!(await context.direct.canReach(call, to.bucket))) return null;
  if (options.onlyIfAbsent) await refuseExisting(context, call, to, options);
  const read = await readWhole(context, call, from, options);
  if (read === null) return null;
  try {
    return await writeAgain(context, call, to, options, read);
  } finally {
    for (const chunk of read.chunks) releaseBytes(chunk);
  }
}

function qualifies(context: S3Context, from: ObjectRef, to: ObjectRef, options: CopyOptions): boolean {
  const { sourceSize, sourceEtag, sourceVersionId, metadataFrom, encryption } = options;
  const { areHonoured } = context.copyConditions;
  const isConditional =
    from.key === to.key
      ? areHonoured === false && sourceEtag === options.onlyIfMatches
      : areHonoured !== true && options.onlyIfAbsent === true && options.onlyIfMatches === undefined;
  return (
    isConditional &&
    from.bucket === to.bucket &&
    sourceSize !== undefined &&
    sourceSize <= context.copyThroughBytes &&
    sourceEtag !== undefined &&
    sourceVersionId === undefined &&
    metadataFrom === 'copy' &&
    encryption.kind === 'sse-c' &&
    options.sourceAccess.kind === 'sse-c'
  );
}

/** Null when the object is gone, or does not qualify after all. */
async function readWhole(
  context: S3Context,
  call: Call,
  from: ObjectRef,
  { sourceAccess: access, sourceEtag: ifMatch = '' }: CopyOptions,
): Promise<ReadObject | null> {
  const read = { ref: from, access, ifMatch, range: null, withChecksum: context.checksums !== 'none' };
  const answer = await request(
    context,
    call,
    (sent) => directGet(context.direct, read, sent),
    { operation: 'GetObject', ...from, permission: 's3:GetObject' },
    { does: 'read', ref: from, access },
  );
  if (answer === null) return null;
  const { headers, body } = answer;
  const chunks: Uint8Array[] = [];
  try {
    const output = directOutput(headers);
    checkReadEcho(from, access, output);
    const byteLength = output.ContentLength ?? Number.POSITIVE_INFINITY;
    const isExpected = output.ETag === ifMatch && byteLength <= context.copyThroughBytes;
    const isSupported = !unsupportedHeaders.some((name) => name in headers);
    if (isExpected && isSupported) {
      const kept = wholeChecksum(output);
      const sum = new RunningChecksum(kept?.algorithm ?? context.checksumAlgorithm);
      for await (const chunk of bodyBytes(body, byteLength)) {
        chunks.push(chunk);
        sum.update(chunk);
      }
      if (compareChecksums(kept, sum.checksum) !== 'different') {
        return { headers, chunks, byteLength, checksum: sum.checksum };
      }
      call.log.debug('S3 server copies an object whose checksum does not match its bytes', { ...from });
    }
  } catch (error) {
    release(body, chunks);
    throw error;
  }
  release(body, chunks);
  return null;
}

function release(body: unknown, chunks: readonly Uint8Array[]): void {
  closeBody(body);
  for (const chunk of chunks) releaseBytes(chunk);
}

async function writeAgain(
  context: S3Context,
  call: Call,
  to: ObjectRef,
  options: CopyOptions,
  read: ReadObject,
): Promise<CopiedObject | null> {
  const { encryption, acl } = options;
  if (encryption.kind !== 'sse-c') return null;
  const source = directOutput(read.headers);
  const tags = await targetTags({ context, call, from: to, options, source });
  const { onlyIfMatches: etag } = options;
  const condition: Record<string, string> =
    etag === undefined ? { 'if-none-match': '*' } : { 'if-match': etag };
  const headers = { ...carried(read.headers), ...condition };
  const write = { ref: to, body: read, encryption, acl, tags, headers };
  const answer = await request(
    context,
    call,
    (sent) => directPut(context, write, sent),
    copyAttempt('PutObject', { from: to, to, options }, tags),
    { does: 'write', ref: to, encryption, ifAbsent: etag === undefined },
  );
  if (answer === null) throw nothingThere('PutObject', to, options);
  checkWriteEcho(to, encryption, answer);
  const answered = wholeChecksum(answer);
  checkChecksum(to, read.checksum, answered);
  return {
    etag: answer.ETag ?? '',
    versionId: versionOf(answer.VersionId),
    checksum: answered,
    source: { ...objectInfo(source, read.byteLength), checksum: read.checksum },
    isVerified: compareChecksums(answered, read.checksum) === 'same' && answer.ETag !== undefined,
  };
}

function carried(headers: Readonly<Record<string, string>>): Record<string, string> {
  const entries = Object.entries(headers).filter(
    ([name]) => carriedHeaders.has(name) || name.startsWith('x-amz-meta-'),
  );
  return Object.fromEntries(entries);
}
