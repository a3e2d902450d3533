import { PutObjectCommand, type PutObjectCommandInput } from '@aws-sdk/client-s3';
import { releaseBytes } from '../../bytes/buffer-pool.js';
import { JoinedChecksum } from '../../bytes/joined-checksum.js';
import { RunningChecksum } from '../../bytes/running-checksum.js';
import { type Checksum, type ChecksumAlgorithm, compareChecksums } from '../../model/checksum.js';
import { accessFor } from '../../model/encryption.js';
import { Fault, isFault } from '../../model/fault.js';
import { type ByteRange, isSameEtag, type MemoryBody } from '../../model/object-store.js';
import { beginUpload } from '../begin-upload.js';
import { wholeChecksum } from '../checksum-headers.js';
import { request } from '../context.js';
import { checkWriteEcho, writeInput } from '../encryption-headers.js';
import { streamed } from '../http/streamed-body.js';
import { versionOf } from '../object-info.js';
import { checkChecksum, conditionInput, describeTarget, nothingThere } from '../object-writes.js';
import type { S3PartUpload } from '../part-upload.js';
import { getObject, headObject } from '../reads.js';
import { taggingInput } from '../tags.js';
import type { CompletedPartEntry } from '../upload-outcome.js';
import {
  type Copied,
  type CopyJob,
  copyAlgorithm,
  copyAttempt,
  descriptionOf,
  isOntoItself,
  targetTags,
} from './copy-source.js';

/** Parts of one copy in parallel, as far as the memory for copies allows. */
const parallelParts = 4;
const maxParts = 10_000;

/** A copy whose bytes passed through the gateway. */
export interface StreamedCopy extends Copied {
  /** The checksum of the bytes as they were read. */
  readonly read: Checksum;
}

/**
 * Copies by reading and writing, for servers that refuse to copy: a small object in one PutObject, a larger
 * one in parts. Both ends are conditional, like the server's own copy. A copy that replaces a certain object is
 * always sent in parts, because Ceph before 20 refuses every If-Match of PutObject. A HEAD right before
 * CompleteMultipartUpload takes the place of a condition that the server ignores. The bytes are in the memory of this
 * process meanwhile (`context.copyMemory`), never on disk. Null when the source is gone.
 */
export async function copyStreamed(job: CopyJob): Promise<StreamedCopy | null> {
  const { context, from, source } = job;
  if ((source.MissingMeta ?? 0) > 0) {
    throw new Fault('unsupported', `"${from.key}" has metadata that only the S3 server itself could copy`);
  }
  const size = source.ContentLength ?? 0;
  const isOnePut = size <= context.streamPartBytes && job.options.onlyIfMatches === undefined;
  return isOnePut ? await copyInOnePut(job, size) : await copyInParts(job, size);
}

async function copyInOnePut(job: CopyJob, size: number): Promise<StreamedCopy | null> {
  const { context, call, to, options } = job;
  const { encryption } = options;
  const tags = await targetTags(job);
  return await withRange(job, size, null, copyAlgorithm(job), async (body) => {
    checkRead(job, body.checksum);
    await requireTarget(job);
    const command = new PutObjectCommand({
      Bucket: to.bucket,
      Key: to.key,
      ...descriptionFor(job),
      ...writeInput(encryption),
      ...taggingInput(tags),
      ...conditionInput(options),
      ...streamed(body, context.checksums),
    });
    const answer = await request(
      context,
      call,
      (sent) => context.client.send(command, sent),
      copyAttempt('PutObject', job, tags),
      { does: 'write', ref: to, encryption, ifAbsent: options.onlyIfAbsent ?? false },
    );
    if (answer === null) throw nothingThere('PutObject', to, options);
    checkWriteEcho(to, encryption, answer);
    const checksum = wholeChecksum(answer);
    checkChecksum(to, body.checksum, checksum);
    const written = { etag: answer.ETag ?? '', versionId: versionOf(answer.VersionId), checksum };
    return { ...written, namesVersion: true, read: body.checksum };
  });
}

async function copyInParts(job: CopyJob, size: number): Promise<StreamedCopy | null> {
  const { context, call, to, options } = job;
  const tags = await targetTags(job);
  const algorithm = copyAlgorithm(job);
  const described = { description: descriptionFor(job), tags, algorithm };
  await using upload = await beginUpload(context, call, to, options, described);
  const parts = await sendParts(job, upload, partsOf(size, context.streamPartBytes));
  if (parts === null) return null;
  const joined = new JoinedChecksum(algorithm);
  for (const { body } of parts) joined.add(body.checksum, body.byteLength);
  checkRead(job, joined.checksum);
  await requireTarget(job);
  const entries = parts.map(({ entry }) => entry);
  const written = await upload.completeEntries(call, entries, { size, checksum: joined.checksum });
  return { ...written, namesVersion: true, read: joined.checksum };
}

interface SentPart {
  readonly entry: CompletedPartEntry;
  readonly body: Pick<MemoryBody, 'byteLength' | 'checksum'>;
}

/** Null when the source is gone. */
async function sendParts(
  job: CopyJob,
  upload: S3PartUpload,
  ranges: readonly ByteRange[],
): Promise<readonly SentPart[] | null> {
  const sent: SentPart[] = [];
  let next = 0;
  let isOver = false;
  const worker = async () => {
    while (!isOver && next < ranges.length) {
      const index = next;
      next += 1;
      try {
        const part = await sendPart(job, upload, index + 1, ranges[index]);
        if (part === null) isOver = true;
        else sent[index] = part;
      } catch (error) {
        isOver = true;
        throw error;
      }
    }
  };
  const settled = await Promise.allSettled(Array.from({ length: parallelParts }, worker));
  const failed = settled.find((one) => one.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
  return isOver ? null : sent;
}

/** Reads and sends one part, again after a transient fault, so that a long copy need not begin again. */
function sendPart(
  job: CopyJob,
  upload: S3PartUpload,
  partNumber: number,
  range: ByteRange = { start: 0, end: 0 },
): Promise<SentPart | null> {
  const { context, call } = job;
  return context.retries.run(call, 'copy a part', () =>
    withRange(
      job,
      range.end - range.start,
      range.end === 0 ? null : range,
      upload.algorithm,
      async (body) => {
        const { etag, checksum } = await upload.uploadPart(call, partNumber, body);
        const { byteLength } = body;
        return { entry: { partNumber, etag, checksum }, body: { byteLength, checksum: body.checksum } };
      },
    ),
  );
}

/** Returns equal ranges of at least `partBytes`, at most 10,000; one that is empty for an empty object. */
function partsOf(size: number, partBytes: number): readonly ByteRange[] {
  if (size === 0) return [{ start: 0, end: 0 }];
  const length = Math.max(partBytes, Math.ceil(size / maxParts));
  const ranges: ByteRange[] = [];
  for (let start = 0; start < size; start += length) {
    ranges.push({ start, end: Math.min(start + length, size) });
  }
  return ranges;
}

/**
 * Passes a range of the source to `use`, or all of it, and releases its memory afterwards. Null when the
 * source is gone. Throws `conflict` when it has changed.
 */
async function withRange<T>(
  { context, call, from, options, source }: CopyJob,
  byteLength: number,
  range: ByteRange | null,
  algorithm: ChecksumAlgorithm,
  use: (body: MemoryBody) => Promise<T>,
): Promise<T | null> {
  const { sourceAccess, sourceVersionId } = options;
  const condition = {
    ...(source.ETag === undefined ? {} : { ifMatch: source.ETag }),
    ...(sourceVersionId === undefined ? {} : { versionId: sourceVersionId }),
  };
  const chunks: Uint8Array[] = [];
  const release = await context.copyMemory.acquire(byteLength, call.signal);
  try {
    const sum = new RunningChecksum(algorithm);
    const found = await getObject(context, call, from, sourceAccess, range, condition);
    if (found === null) return null;
    for await (const chunk of found.bytes) {
      chunks.push(chunk);
      sum.update(chunk);
    }
    if (found.info.size !== source.ContentLength || !isSameEtag(found.info.etag, source.ETag ?? '')) {
      throw new Fault('conflict', `"${from.key}" was replaced while it was copied`);
    }
    return await use({ chunks, byteLength, checksum: sum.checksum });
  } finally {
    for (const chunk of chunks) releaseBytes(chunk);
    release();
  }
}

/** Throws `corrupt` when S3 returned other bytes than those of which it keeps the checksum. */
function checkRead({ from, source }: CopyJob, read: Checksum): void {
  if (compareChecksums(wholeChecksum(source), read) !== 'different') return;
  throw new Fault(
    'corrupt',
    `S3 returned different bytes of "${from.key}" in bucket "${from.bucket}" than it stored`,
  );
}

/**
 * Throws `exists` or `conflict` when the target does not fulfil the condition of the copy. Only an object
 * that can be read with the key of the copy can be compared; S3 itself compares every one.
 */
async function requireTarget(job: CopyJob): Promise<void> {
  const { context, call, to, options } = job;
  const { onlyIfAbsent = false, onlyIfMatches } = options;
  if (!onlyIfAbsent && onlyIfMatches === undefined) return;
  const access = isOntoItself(job) ? options.sourceAccess : accessFor(options.encryption);
  const unreadable = Symbol('there is an object of another key');
  const found = await headObject(context, call, to, access, undefined).catch((error: unknown) => {
    if (isFault(error, 'key-missing', 'key-mismatch')) return unreadable;
    throw error;
  });
  const at = `object "${to.key}" in bucket "${to.bucket}"`;
  if (onlyIfAbsent) {
    if (found !== null) throw new Fault('exists', `there is already an ${at}`);
    return;
  }
  if (found === null) throw new Fault('conflict', `the ${at} is gone`);
  if (found === unreadable ? !isOntoItself(job) : isSameEtag(etagOf(found), onlyIfMatches ?? '')) return;
  throw new Fault('conflict', `the ${at} is no longer the expected one`);
}

function etagOf(found: { readonly etag: string } | symbol): string {
  return typeof found === 'symbol' ? '' : found.etag;
}

function descriptionFor(
  job: CopyJob,
): Partial<Pick<PutObjectCommandInput, 'ACL' | 'ContentType' | 'Metadata'>> {
  const { ACL, ...own } = describeTarget(job.options);
  const described =
    job.options.metadataFrom === 'options' ? own : descriptionOf(job.source, isOntoItself(job));
  return { ...described, ...(ACL === undefined ? {} : { ACL }) };
}
