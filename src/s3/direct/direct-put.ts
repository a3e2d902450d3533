import type { WriteEncryption } from '../../model/encryption.js';
import type { ObjectRef, ObjectTagSet, ReplayableBody } from '../../model/object-store.js';
import { checksumHeaders } from '../checksum-headers.js';
import type { S3Context } from '../context.js';
import { keyHeaders } from '../encryption-headers.js';
import { type ExchangeOptions, maxSmallBytes } from '../http/exchange.js';
import { taggingHeader } from '../tags.js';
import { type DirectOutput, directOutput } from './direct-output.js';
import { directText } from './direct-text.js';

/** A PutObject under a customer key. */
export interface DirectWrite {
  readonly ref: ObjectRef;
  readonly body: ReplayableBody;
  readonly encryption: WriteEncryption & { readonly kind: 'sse-c' };
  readonly acl: string | null;
  readonly tags: ObjectTagSet;
  /** Further headers, lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
}

/** Sends PutObject under a customer key. Throws as `directText`. */
export async function directPut(
  { direct, checksums }: Pick<S3Context, 'direct' | 'checksums'>,
  { ref, body, encryption, acl, tags, headers }: DirectWrite,
  options: ExchangeOptions,
): Promise<DirectOutput> {
  const request = {
    method: 'PUT',
    ...ref,
    headers: {
      ...headers,
      ...(acl === null ? {} : { 'x-amz-acl': acl }),
      ...(Object.keys(tags).length === 0 ? {} : { 'x-amz-tagging': taggingHeader(tags) }),
      ...(checksums === 'none' ? {} : checksumHeaders(body.checksum)),
      ...keyHeaders(encryption),
      'content-length': String(body.byteLength),
    },
    body,
  } as const;
  const isSmall = 'chunks' in body && body.byteLength <= maxSmallBytes;
  return directOutput((await directText(direct, request, { ...options, isSmall })).headers);
}
