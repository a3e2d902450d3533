import { CreateMultipartUploadCommand, type CreateMultipartUploadCommandInput } from '@aws-sdk/client-s3';
import type { Call } from '../model/call.js';
import type { ChecksumAlgorithm } from '../model/checksum.js';
import { Fault } from '../model/fault.js';
import type { ObjectRef, ObjectTagSet, WriteOptions } from '../model/object-store.js';
import { algorithmInput } from './checksum-headers.js';
import { request, type S3Context } from './context.js';
import { checkWriteEcho, writeInput } from './encryption-headers.js';
import type { Attempt } from './errors/translate.js';
import { checkMetadata } from './object-info.js';
import { describeTarget, writePermission } from './object-writes.js';
import { abortTimeoutMs, S3PartUpload } from './part-upload.js';
import { taggingInput, tagPermission, tagsOfWrite } from './tags.js';

/** Properties that an upload takes from the object that it copies: its description, and all tags of the new object. */
export interface CopiedDescription {
  readonly description?: Partial<CreateMultipartUploadCommandInput>;
  readonly tags?: ObjectTagSet;
  /** Checksum algorithm of the new object; defaults to the store's. */
  readonly algorithm?: ChecksumAlgorithm;
}

/** Time limit for one attempt to begin an upload, which the call's signal does not interrupt. */
const beginTimeoutMs = 120_000;

/**
 * Sends CreateMultipartUpload, with one checksum over the whole object. If the call is cancelled meanwhile,
 * waits for the answer, aborts the upload and then throws `cancelled`: an interrupted request could leave an
 * upload with an unknown id. Throws the abort's fault when the upload may still exist.
 */
export async function beginUpload(
  context: S3Context,
  call: Call,
  ref: ObjectRef,
  options: WriteOptions,
  copied: CopiedDescription = {},
): Promise<S3PartUpload> {
  checkMetadata(ref, options.metadata);
  const tags = copied.tags ?? tagsOfWrite(context, options);
  const algorithm = copied.algorithm ?? context.checksumAlgorithm;
  const command = new CreateMultipartUploadCommand({
    Bucket: ref.bucket,
    Key: ref.key,
    ...describeTarget(options),
    ...copied.description,
    ...writeInput(options.encryption),
    ...taggingInput(tags),
    ...(context.checksums === 'none'
      ? {}
      : { ChecksumAlgorithm: algorithmInput[algorithm], ChecksumType: 'FULL_OBJECT' as const }),
  });
  const attempt: Attempt = {
    operation: 'CreateMultipartUpload',
    ...ref,
    permission: writePermission('s3:PutObject', options) + tagPermission(tags),
  };
  const subject = { does: 'write', ref, encryption: options.encryption } as const;
  if (call.signal.aborted) throw new Fault('cancelled', 'the request was cancelled');
  const begun: Call = { ...call, signal: AbortSignal.timeout(beginTimeoutMs) };
  const answer = await request(
    context,
    begun,
    (sent) => context.client.send(command, sent),
    attempt,
    subject,
  );
  if (!answer?.UploadId) throw new Fault('unavailable', `S3 did not begin an upload of "${ref.key}"`);
  const upload = new S3PartUpload(context, call, ref, options, answer.UploadId, algorithm);
  try {
    checkWriteEcho(ref, options.encryption, answer);
  } catch (error) {
    await upload[Symbol.asyncDispose]();
    throw error;
  }
  if (!call.signal.aborted) return upload;
  await upload.abort({ ...call, signal: AbortSignal.timeout(abortTimeoutMs) });
  throw new Fault('cancelled', 'the request was cancelled');
}
