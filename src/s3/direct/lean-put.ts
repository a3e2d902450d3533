import type { Call } from '../../model/call.js';
import type { WriteEncryption } from '../../model/encryption.js';
import type { ObjectRef, ObjectTagSet, ReplayableBody } from '../../model/object-store.js';
import { checksumHeaders } from '../checksum-headers.js';
import type { S3Context } from '../context.js';
import { keyHeaders } from '../encryption-headers.js';
import { taggingHeader } from '../tags.js';
import { leanCall } from './lean-calls.js';
import { type LeanOutput, leanOutput } from './lean-output.js';

/** What is written, and how it is to rest. */
export interface LeanWrite {
  readonly body: ReplayableBody;
  readonly encryption: WriteEncryption & { readonly kind: 'sse-c' };
  readonly acl: string | null;
  readonly tags: ObjectTagSet;
  /** Further ones, by lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
}

/** PutObject under a customer key without the SDK's layers. The answer when it is a plain success; null when the SDK has to ask. */
export async function leanPut(
  context: S3Context,
  call: Call,
  ref: ObjectRef,
  { body, encryption, acl, tags, headers }: LeanWrite,
): Promise<LeanOutput | null> {
  const answer = await leanCall(context, call, ref, {
    method: 'PUT',
    headers: {
      ...headers,
      ...(acl === null ? {} : { 'x-amz-acl': acl }),
      ...(Object.keys(tags).length === 0 ? {} : { 'x-amz-tagging': taggingHeader(tags) }),
      ...(context.checksums === 'none' ? {} : checksumHeaders(body.checksum)),
      ...keyHeaders(encryption),
      'content-length': String(body.byteLength),
    },
    body,
  });
  return answer && leanOutput(answer.headers);
}
