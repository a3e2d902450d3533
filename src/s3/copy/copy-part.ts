import { UploadPartCopyCommand } from '@aws-sdk/client-s3';
import type { Call } from '../../model/call.js';
import type { Checksum } from '../../model/checksum.js';
import type { ReadAccess, WriteEncryption } from '../../model/encryption.js';
import type { ObjectRef } from '../../model/object-store.js';
import { partChecksum } from '../checksum-headers.js';
import { request, type S3Context } from '../context.js';
import { checkPartEcho, isConfirmed, partInput, sourceInput } from '../encryption-headers.js';
import type { Attempt } from '../errors/translate.js';
import { quotedEtag } from '../object-info.js';

/** A part for the server to copy. */
export interface PartCopy {
  readonly to: ObjectRef;
  readonly uploadId: string;
  readonly partNumber: number;
  /** The value of x-amz-copy-source. */
  readonly source: string;
  readonly sourceEtag: string | undefined;
  /** `bytes=0-4`, both ends included; the whole object by default. */
  readonly range?: string;
  readonly access: ReadAccess;
  readonly encryption: WriteEncryption;
  readonly attempt: Attempt;
}

export interface CopiedPart {
  readonly etag: string;
  /** Null when the server keeps none. */
  readonly checksum: Checksum | null;
}

/**
 * Sends one UploadPartCopy, and records when the server confirms the encryption. Null when the source is gone.
 * Throws `UnconfirmedEncryption` when the answer does not name the customer key.
 */
export async function copyPartOnce(
  context: S3Context,
  call: Call,
  part: PartCopy,
): Promise<CopiedPart | null> {
  const { to, encryption, attempt } = part;
  const command = new UploadPartCopyCommand({
    Bucket: to.bucket,
    Key: to.key,
    UploadId: part.uploadId,
    PartNumber: part.partNumber,
    CopySource: part.source,
    CopySourceIfMatch: part.sourceEtag,
    ...(part.range === undefined ? {} : { CopySourceRange: part.range }),
    ...sourceInput(part.access),
    ...partInput(encryption),
  });
  const answer = await request(
    context,
    call,
    (sent) => context.client.send(command, sent),
    attempt,
    { does: 'write', ref: to, encryption },
    { idleTimeoutMs: context.slowAnswerTimeoutMs },
  );
  if (answer === null) return null;
  checkPartEcho(to, encryption, answer);
  if (isConfirmed(encryption, answer)) context.serverCopies.confirm(encryption.kind);
  const result = answer.CopyPartResult;
  return { etag: quotedEtag(result?.ETag), checksum: partChecksum(result) };
}
