import type { Call } from '../model/call.js';
import { accessFor } from '../model/encryption.js';
import { isFault } from '../model/fault.js';
import {
  isSameEtag,
  type ObjectRef,
  type ReplayableBody,
  type WriteOptions,
  type WrittenObject,
} from '../model/object-store.js';
import { beginUpload } from './begin-upload.js';
import type { S3Context } from './context.js';
import { putObject } from './object-writes.js';
import { headObject } from './reads.js';

/**
 * Puts an object. Ceph before 20 refuses every If-Match of PutObject. If the object there is still the expected
 * one after a refusal, the body is sent as an upload with one part, whose completion has the condition. That server
 * ignores it there, so a HEAD right before takes its place. Throws `conflict` when another object is there, or one
 * that the key of the write does not open.
 */
export async function putConditionally(
  context: S3Context,
  call: Call,
  ref: ObjectRef,
  body: ReplayableBody,
  options: WriteOptions,
): Promise<WrittenObject> {
  const { onlyIfMatches } = options;
  try {
    return await putObject(context, call, ref, body, options);
  } catch (error) {
    if (onlyIfMatches === undefined || !isFault(error, 'conflict')) throw error;
    const isExpected = async () => {
      const access = accessFor(options.encryption);
      const found = await headObject(context, call, ref, access, undefined).catch((fault: unknown) => {
        if (isFault(fault, 'key-missing', 'key-mismatch')) return null;
        throw fault;
      });
      return isSameEtag(found?.etag, onlyIfMatches);
    };
    if (!(await isExpected())) throw error;
    await using upload = await beginUpload(context, call, ref, options);
    const part = await upload.uploadPart(call, 1, body);
    if (!(await isExpected())) throw error;
    return await upload.complete(call, [part], { size: body.byteLength, checksum: body.checksum });
  }
}
