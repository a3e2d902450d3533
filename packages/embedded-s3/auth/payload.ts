import { invalidContentSha256, notImplementedHeader } from './refusals.js';

/** The kind of body that `x-amz-content-sha256` announces. */
export type Payload =
  | { readonly kind: 'hashed'; readonly sha256: string }
  | { readonly kind: 'unsigned' }
  | { readonly kind: 'chunked'; readonly signed: boolean; readonly trailing: boolean };

/**
 * Reads `x-amz-content-sha256`.
 *
 * @throws S3AuthError InvalidArgument for a value that is neither a hash nor one of S3's words,
 *   NotImplemented for version 4a
 */
export function parsePayload(contentSha256: string): Payload {
  switch (contentSha256) {
    case 'UNSIGNED-PAYLOAD':
      return { kind: 'unsigned' };
    case 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD':
      return { kind: 'chunked', signed: true, trailing: false };
    case 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER':
      return { kind: 'chunked', signed: true, trailing: true };
    case 'STREAMING-UNSIGNED-PAYLOAD-TRAILER':
      return { kind: 'chunked', signed: false, trailing: true };
    case 'STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD':
    case 'STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER':
      throw notImplementedHeader('x-amz-content-sha256');
    default:
      if (!/^[0-9a-f]{64}$/i.test(contentSha256)) throw invalidContentSha256();
      return { kind: 'hashed', sha256: contentSha256.toLowerCase() };
  }
}
