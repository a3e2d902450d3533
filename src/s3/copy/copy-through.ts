import { releaseBytes } from '../../bytes/lent-bytes.js';
import { RunningChecksum } from '../../bytes/running-checksum.js';
import type { Call } from '../../model/call.js';
import { type Checksum, compareChecksums } from '../../model/checksum.js';
import type { CopiedObject, CopyOptions, ObjectRef } from '../../model/object-store.js';
import { wholeChecksum } from '../checksum-headers.js';
import type { S3Context } from '../context.js';
import { leanGet } from '../direct/lean-get.js';
import { leanOutput } from '../direct/lean-output.js';
import { leanPut } from '../direct/lean-put.js';
import { checkReadEcho, checkWriteEcho } from '../encryption-headers.js';
import type { Answer } from '../http/exchange.js';
import { bodyBytes, discardBody } from '../http/read-body.js';
import { objectInfo, versionOf } from '../object-info.js';
import { checkChecksum } from '../object-writes.js';
import { targetTags } from './copy-source.js';

/** What PutObject is told as GetObject says it; and all x-amz-meta-*. */
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

/** Metadata that no header can carry, and locks, which are no metadata: copies of such objects are the server's work. */
const hindrances = ['x-amz-missing-meta', 'x-amz-object-lock-mode', 'x-amz-object-lock-legal-hold'] as const;

/** The object as it was read. */
interface Read {
  readonly answer: Answer;
  readonly chunks: readonly Uint8Array[];
  readonly byteLength: number;
  /** Of the source's own algorithm, if it has any that is known. */
  readonly checksum: Checksum;
}

/**
 * Gives a small object another key by reading it and writing it again under its condition: for servers that overlook the
 * condition of CopyObject and honour that of PutObject. Two requests instead of the multipart copy's four, of which each costs
 * the server more. The bytes are in this process' memory meanwhile, as those of uploads and downloads are.
 *
 * Null when it is not for this way, or anything is not a plain success: then the server's copy, which says what is wrong. A
 * write whose answer was lost is no harm to that: it stands under the same condition, with the same content.
 */
export async function copyThrough(
  context: S3Context,
  call: Call,
  from: ObjectRef,
  to: ObjectRef,
  options: CopyOptions,
): Promise<CopiedObject | null> {
  if (!isForThis(context, from, to, options)) return null;
  const copy = async () => {
    const read = await readWhole(context, call, from, options);
    if (read === null) return null;
    try {
      return await writeAgain(context, call, to, options, read);
    } finally {
      for (const chunk of read.chunks) releaseBytes(chunk);
    }
  };
  return options.admission === undefined ? copy() : options.admission(copy);
}

function isForThis(context: S3Context, from: ObjectRef, to: ObjectRef, options: CopyOptions): boolean {
  const { sourceSize, sourceEtag, onlyIfMatches, sourceVersionId, metadataFrom, encryption } = options;
  return (
    context.copyConditions.areHonoured === false &&
    context.lean !== undefined &&
    from.bucket === to.bucket &&
    from.key === to.key &&
    sourceSize !== undefined &&
    sourceSize <= context.copyThroughBytes &&
    sourceEtag !== undefined &&
    sourceEtag === onlyIfMatches &&
    sourceVersionId === undefined &&
    metadataFrom === 'copy' &&
    encryption.kind === 'sse-c' &&
    options.sourceAccess.kind === 'sse-c'
  );
}

async function readWhole(
  context: S3Context,
  call: Call,
  from: ObjectRef,
  { sourceAccess, sourceEtag = '' }: CopyOptions,
): Promise<Read | null> {
  if (context.lean === undefined) return null;
  const condition = { ifMatch: sourceEtag };
  const asksForChecksums = context.checksums !== 'none';
  const answer = await leanGet(context.lean, call, from, sourceAccess, null, condition, asksForChecksums);
  if (answer === null) return null;
  const { headers, body } = answer;
  const byteLength = Number(headers['content-length']);
  const isExpected = headers['etag'] === sourceEtag && byteLength <= context.copyThroughBytes;
  const chunks: Uint8Array[] = [];
  const kept = wholeChecksum(leanOutput(headers));
  const sum = new RunningChecksum(kept?.algorithm ?? context.checksumAlgorithm);
  try {
    checkReadEcho(from, sourceAccess, leanOutput(headers));
    if (!isExpected || hindrances.some((name) => name in headers)) throw new Error('not for this way');
    for await (const chunk of bodyBytes(body, byteLength)) {
      chunks.push(chunk);
      sum.update(chunk);
    }
    if (compareChecksums(kept, sum.checksum) === 'different')
      throw new Error('not the bytes that S3 keeps the checksum of');
  } catch {
    discardBody(body);
    for (const chunk of chunks) releaseBytes(chunk);
    return null;
  }
  return { answer, chunks, byteLength, checksum: sum.checksum };
}

async function writeAgain(
  context: S3Context,
  call: Call,
  to: ObjectRef,
  options: CopyOptions,
  read: Read,
): Promise<CopiedObject | null> {
  const { encryption, acl } = options;
  if (encryption.kind !== 'sse-c') return null;
  const { headers } = read.answer;
  const source = leanOutput(headers);
  const tags = await targetTags({ context, call, from: to, options, source });
  const answer = await leanPut(context, call, to, {
    body: read,
    encryption,
    acl,
    tags,
    headers: { ...carried(headers), 'if-match': options.onlyIfMatches ?? '' },
  });
  if (answer === null) return null;
  checkWriteEcho(to, encryption, answer);
  const told = wholeChecksum(answer);
  checkChecksum(to, read.checksum, told);
  return {
    etag: answer.ETag ?? '',
    versionId: versionOf(answer.VersionId),
    checksum: told,
    source: { ...objectInfo(source, read.byteLength), checksum: read.checksum },
    isVerified: compareChecksums(told, read.checksum) === 'same' && answer.ETag !== undefined,
  };
}

function carried(headers: Readonly<Record<string, string>>): Record<string, string> {
  const entries = Object.entries(headers).filter(
    ([name]) => carriedHeaders.has(name) || name.startsWith('x-amz-meta-'),
  );
  return Object.fromEntries(entries);
}
