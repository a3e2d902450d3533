import type { Call } from '../../model/call.js';
import { compareChecksums } from '../../model/checksum.js';
import { Fault } from '../../model/fault.js';
import type { CopiedObject, CopyOptions, ObjectRef } from '../../model/object-store.js';
import type { S3Context } from '../context.js';
import { checkMetadata, objectInfo } from '../object-info.js';
import { checkChecksum } from '../object-writes.js';
import { copyAtOnce } from './copy-at-once.js';
import { copyInParts } from './copy-in-parts.js';
import { type Copied, type CopyJob, headCopySource } from './copy-source.js';
import { copyStreamed, type StreamedCopy } from './copy-streamed.js';
import { copyThrough } from './copy-through.js';
import { areCopyConditionsHonoured } from './copy-trial.js';
import { refuseExisting } from './refuse-existing.js';
import { type CopyRequest, copyKind } from './server-copies.js';

/**
 * Copies an object of any size, on the server or, if that refuses, through the gateway. Null when the source
 * is gone.
 */
export async function copyObject(
  context: S3Context,
  call: Call,
  from: ObjectRef,
  to: ObjectRef,
  options: CopyOptions,
): Promise<CopiedObject | null> {
  checkMetadata(to, options.metadata);
  const through = await copyThrough(context, call, from, to, options);
  if (through !== null) return through;
  const source = await headCopySource(context, call, from, options);
  if (source === null) return null;
  if (options.sourceEtag !== undefined && options.sourceEtag !== source.ETag) throw changed(from);
  if (options.onlyIfAbsent) await refuseExisting(context, call, to, options);
  const size = source.ContentLength ?? 0;
  const job: CopyJob = { context, call, from, to, options, source };
  const written = await copyInBestWay(job, size);
  if (written === null) return null;
  const { namesVersion, read = null, ...answered } = written;
  const info = objectInfo(source, size);
  const known = info.checksum ?? read;
  checkChecksum(to, known, written.checksum);
  const isSame = compareChecksums(known, written.checksum) === 'same';
  const isVerified = namesVersion && isSame && options.encryption.kind === 'sse-c';
  return { ...answered, source: { ...info, checksum: known }, isVerified };
}

/**
 * Copies with one CopyObject, else with a multipart upload whose parts the server copies, else through the
 * gateway. CopyObject waits until a part copy has confirmed the encryption, because its result would be visible
 * without it. A refusal is remembered once another way has worked: an archived object is refused too, but in
 * every way.
 */
async function copyInBestWay(job: CopyJob, size: number): Promise<AnyCopy | null> {
  const { context, call, options, source } = job;
  const { serverCopies } = context;
  const kind = copyKind(options, source);
  const refused: CopyRequest[] = [];
  const worked = (written: AnyCopy | null) => {
    if (written !== null) for (const way of refused) serverCopies.refuse(way, kind, call.log);
    return written;
  };
  const { kind: wanted } = options.encryption;
  const isAtOnce = size <= context.singleCopyLimitBytes && serverCopies.isConfirmed(wanted);
  const ways: readonly CopyRequest[] = isAtOnce ? ['CopyObject', 'UploadPartCopy'] : ['UploadPartCopy'];
  for (const way of ways) {
    if (serverCopies.isRefused(way, kind)) continue;
    try {
      return worked(way === 'CopyObject' ? await copyConditionally(job) : await copyInParts(job));
    } catch (error) {
      if (!serverCopies.isRefusal(error, wanted)) throw error;
      refused.push(way);
    }
  }
  return worked(await copyStreamed(job));
}

type AnyCopy = Copied & Partial<Pick<StreamedCopy, 'read'>>;

function changed(from: ObjectRef): Fault {
  return new Fault('conflict', `"${from.key}" in bucket "${from.bucket}" is no longer the expected object`);
}

/**
 * AWS honours a condition on the target of CopyObject. Ceph 20.2.4 ignores it there but honours it in
 * CompleteMultipartUpload, which is also used for servers that could not be tried.
 */
async function copyConditionally(job: CopyJob): Promise<Copied | null> {
  const { context, call, to, options } = job;
  if (options.onlyIfMatches === undefined && !options.onlyIfAbsent) return copyAtOnce(job, {});
  if (options.onlyIfMatches !== undefined) {
    await context.copyConditions.learn(() =>
      areCopyConditionsHonoured(context, call, to.bucket, options.encryption),
    );
  }
  if (!context.copyConditions.areHonoured) return copyInParts(job);
  const written = await copyAtOnce(job, options);
  if (written === null && options.onlyIfMatches !== undefined) return requireSource(job);
  return written;
}

/**
 * Explains the 404 of a conditional copy: null when the source is gone, `conflict` when there is no target to
 * match.
 */
async function requireSource({ context, call, from, to, options }: CopyJob): Promise<null> {
  const isItself = from.bucket === to.bucket && from.key === to.key;
  if (isItself || (await headCopySource(context, call, from, options)) === null) return null;
  throw new Fault('conflict', `"${to.key}" in bucket "${to.bucket}" is gone`);
}
