import { ListPartsCommand } from '@aws-sdk/client-s3';
import type { Call } from '../model/call.js';
import { type Checksum, compareChecksums } from '../model/checksum.js';
import { Fault, isFault } from '../model/fault.js';
import type {
  ObjectInfo,
  ObjectRef,
  WholeObject,
  WriteOptions,
  WrittenObject,
} from '../model/object-store.js';
import { request, type S3Context } from './context.js';
import { partInput } from './encryption-headers.js';
import type { ExchangeOptions } from './http/exchange.js';
import { multipartEtag } from './multipart-etag.js';

/** After these faults a Complete may have succeeded: a retried one finds no upload, or its own object. */
export const mayHaveSucceeded = [
  'unavailable',
  'timed-out',
  'throttled',
  'not-found',
  'exists',
  'conflict',
] as const;

/** A part as Complete names it. A copied part has no checksum if the server keeps none. */
export interface CompletedPartEntry {
  readonly partNumber: number;
  readonly etag: string;
  readonly checksum: Checksum | null;
}

/** Returns the object if it is that of these parts: by its ETag, or by size and checksum. Else null. */
export function objectOfParts(
  info: ObjectInfo,
  parts: readonly CompletedPartEntry[],
  whole: WholeObject,
): WrittenObject | null {
  if (info.size !== whole.size) return null;
  const sameEtag = info.etag === multipartEtag(parts.map((part) => part.etag));
  const sameBytes = compareChecksums(info.checksum, whole.checksum) === 'same';
  if (!sameEtag && !sameBytes) return null;
  return { etag: info.etag, versionId: info.versionId, checksum: info.checksum };
}

/** Returns the fault of an upload that does not exist, or null if it exists or S3 does not say. */
export async function absenceOf(
  context: S3Context,
  call: Call,
  ref: ObjectRef,
  uploadId: string,
  { encryption }: WriteOptions,
): Promise<Fault | null> {
  const command = new ListPartsCommand({
    Bucket: ref.bucket,
    Key: ref.key,
    UploadId: uploadId,
    MaxParts: 1,
    ...partInput(encryption),
  });
  const attempt = { operation: 'ListParts', ...ref, permission: 's3:ListMultipartUploadParts' };
  const subject = { does: 'write', ref, encryption, ifAbsent: false } as const;
  try {
    const send = (sent: ExchangeOptions) => context.client.send(command, sent);
    const found = await request(context, call, send, attempt, subject);
    return found === null
      ? new Fault('not-found', `S3 has no multipart upload of "${ref.key}" with this id`)
      : null;
  } catch (error) {
    return isFault(error, 'not-found') ? error : null;
  }
}
