import type { Call } from '../../model/call.js';
import { accessFor, type WriteEncryption } from '../../model/encryption.js';
import { isFault } from '../../model/fault.js';
import type { ObjectRef, WriteOptions } from '../../model/object-store.js';
import { beginUpload } from '../begin-upload.js';
import type { S3Context } from '../context.js';
import { copyPartOnce } from '../copy/copy-part.js';
import { copySourceOf } from '../copy/copy-source.js';
import { UnconfirmedEncryption } from '../encryption-headers.js';

/**
 * Makes the server copy an object as a part of an upload, and aborts the upload, which leaves no version. Returns
 * the problem and the solution when the server refuses, or does not confirm the customer key; null otherwise.
 * Another fault says nothing about copies, and is left to the checks of what failed.
 */
export async function findRefusedCopies(
  context: S3Context,
  call: Call,
  ref: ObjectRef,
  encryption: WriteEncryption,
): Promise<{ readonly what: string; readonly whatToDo: string } | null> {
  const options: WriteOptions = { encryption, acl: null, metadata: {}, contentType: null };
  try {
    await using upload = await beginUpload(context, call, ref, options);
    await copyPartOnce(context, call, {
      to: ref,
      uploadId: upload.uploadId,
      partNumber: 1,
      source: copySourceOf(ref),
      sourceEtag: undefined,
      access: accessFor(encryption),
      encryption,
      attempt: { operation: 'UploadPartCopy', ...ref, permission: 's3:PutObject and s3:GetObject' },
    });
    return null;
  } catch (error) {
    if (!isFault(error, 'unsupported') && !(error instanceof UnconfirmedEncryption)) return null;
    const objects =
      encryption.kind === 'sse-c' ? 'objects that are encrypted with a customer key' : 'objects';
    return {
      what: `The S3 server does not copy ${objects}.`,
      whatToDo:
        'Use a server that copies them, such as Ceph from 20. Until then copies go through the gateway: each rename, append and key rotation transfers every byte twice.',
    };
  }
}
