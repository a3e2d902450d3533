import { checksumOf } from '../../bytes/running-checksum.js';
import { beginUpload } from '../begin-upload.js';
import { wholeChecksum } from '../checksum-headers.js';
import type { S3PartUpload } from '../part-upload.js';
import type { CompletedPartEntry } from '../upload-outcome.js';
import { copyPartOnce } from './copy-part.js';
import {
  type Copied,
  type CopyJob,
  copyAlgorithm,
  copyAttempt,
  copySource,
  descriptionOf,
  isOntoItself,
  targetTags,
} from './copy-source.js';

/** Parts of one copy in parallel; the server does the work. */
const parallelParts = 8;
const maxParts = 10_000;

/**
 * Copies with a multipart upload whose parts the server copies: for objects larger than one CopyObject takes,
 * and for a condition on the target that the server honours only here. Null when the source is gone.
 */
export async function copyInParts(job: CopyJob): Promise<Copied | null> {
  const { context, call, to, options, source } = job;
  const size = source.ContentLength ?? 0;
  const description = options.metadataFrom === 'copy' ? descriptionOf(source, isOntoItself(job)) : {};
  const tags = await targetTags(job);
  const algorithm = copyAlgorithm(job);
  await using upload = await beginUpload(context, call, to, options, { description, tags, algorithm });
  const entries = size === 0 ? [await emptyPart(job, upload)] : await copyParts(job, upload, size);
  if (entries === null) return null;
  const written = await upload.completeEntries(call, entries, { size, checksum: wholeChecksum(source) });
  return { ...written, namesVersion: true };
}

/** Null when the source is gone. */
async function copyParts(
  job: CopyJob,
  upload: S3PartUpload,
  size: number,
): Promise<readonly CompletedPartEntry[] | null> {
  const ranges = partRanges(size, job.context.copyPartBytes);
  const entries: CompletedPartEntry[] = [];
  let next = 0;
  let gone = false;
  const worker = async () => {
    while (!gone && next < ranges.length) {
      const index = next;
      next += 1;
      const entry = await copyPart(job, upload, index + 1, ranges[index] ?? '');
      if (entry === null) gone = true;
      else entries[index] = entry;
    }
  };
  const settled = await Promise.allSettled(Array.from({ length: parallelParts }, worker));
  const failed = settled.find((one) => one.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
  return gone ? null : entries;
}

/** An empty object has no range to copy, but an upload needs a part. */
async function emptyPart({ call }: CopyJob, upload: S3PartUpload): Promise<CompletedPartEntry> {
  const checksum = checksumOf(upload.algorithm);
  return await upload.uploadPart(call, 1, { chunks: [], byteLength: 0, checksum });
}

/** Returns equal ranges of at least `partBytes` for UploadPartCopy, at most 10,000, both ends included. */
export function partRanges(size: number, partBytes: number): string[] {
  const length = Math.max(partBytes, Math.ceil(size / maxParts));
  const ranges: string[] = [];
  for (let start = 0; start < size; start += length) {
    ranges.push(`bytes=${start}-${Math.min(start + length, size) - 1}`);
  }
  return ranges;
}

async function copyPart(
  job: CopyJob,
  upload: S3PartUpload,
  partNumber: number,
  range: string,
): Promise<CompletedPartEntry | null> {
  const { context, call, to, options, source } = job;
  const copied = await copyPartOnce(context, call, {
    to,
    uploadId: upload.uploadId,
    partNumber,
    source: copySource(job),
    sourceEtag: source.ETag,
    range,
    access: options.sourceAccess,
    encryption: options.encryption,
    attempt: copyAttempt('UploadPartCopy', job),
  });
  return copied === null ? null : { partNumber, ...copied };
}
