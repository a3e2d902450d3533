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

/** A part of a multipart upload that has begun. */
export interface DirectPart {
  readonly ref: ObjectRef;
  readonly uploadId: string;
  readonly partNumber: number;
  readonly body: ReplayableBody;
  readonly encryption: WriteEncryption;
}

type DirectContext = Pick<S3Context, 'direct' | 'checksums'>;

/** Sends PutObject under a customer key. Throws as `directText`. */
export async function directPut(
  context: DirectContext,
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
      ...bodyHeaders(context, body, encryption),
    },
    body,
  } as const;
  const isSmall = 'chunks' in body && body.byteLength <= maxSmallBytes;
  return directOutput((await directText(context.direct, request, { ...options, isSmall })).headers);
}

/** Sends UploadPart. Of the encryption, only a customer key is sent again with each part. Throws as `directText`. */
export async function directPart(
  context: DirectContext,
  { ref, uploadId, partNumber, body, encryption }: DirectPart,
  options: ExchangeOptions,
): Promise<DirectOutput> {
  const request = {
    method: 'PUT',
    ...ref,
    query: { partNumber: String(partNumber), uploadId },
    headers: bodyHeaders(context, body, encryption),
    body,
  } as const;
  return directOutput((await directText(context.direct, request, options)).headers);
}

function bodyHeaders(
  { checksums }: DirectContext,
  body: ReplayableBody,
  encryption: WriteEncryption,
): Readonly<Record<string, string>> {
  return {
    ...(checksums === 'none' ? {} : checksumHeaders(body.checksum)),
    ...keyHeaders(encryption),
    'content-length': String(body.byteLength),
  };
}
