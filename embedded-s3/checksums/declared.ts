import type { ChecksumAlgorithm, ChecksumType } from './algorithms.js';

/** Request headers by lower-case name, as `IncomingMessage.headers` has them. */
export type RequestHeaders = Readonly<Record<string, string | readonly string[] | undefined>>;

/** The checksum a client declared for the body it sends. */
export interface DeclaredChecksum {
  readonly algorithm: ChecksumAlgorithm;
  /** The value from the header; null when it follows the body as a trailer. */
  readonly base64: string | null;
}

/**
 * The checksum that the request's headers declare (`x-amz-checksum-*`, or `x-amz-trailer` naming one), null when
 * there is none.
 *
 * @throws ChecksumError InvalidRequest for two different ones, an unknown algorithm, a value that is not one
 */
export function declaredChecksum(_headers: RequestHeaders): DeclaredChecksum | null {
  throw new Error('not yet');
}

/**
 * Compares what was computed with what the client declared, in the header or in the body's trailers.
 *
 * @throws ChecksumError BadDigest when they differ, InvalidRequest when the declared trailer did not come
 */
export function verifyDeclared(
  _declared: DeclaredChecksum,
  _computedBase64: string,
  _trailers: ReadonlyMap<string, string>,
): void {
  throw new Error('not yet');
}

/** What CreateMultipartUpload asks for: the algorithm of every part and how the whole is checksummed. */
export interface MultipartChecksum {
  readonly algorithm: ChecksumAlgorithm;
  readonly type: ChecksumType;
}

/**
 * The checksum that CreateMultipartUpload's headers ask for (`x-amz-checksum-algorithm`, `x-amz-checksum-type`), with
 * AWS's default type for the algorithm; null when they ask for none.
 *
 * @throws ChecksumError InvalidRequest for an unknown algorithm or type, or a pair that S3 does not allow
 */
export function multipartChecksum(_headers: RequestHeaders): MultipartChecksum | null {
  throw new Error('not yet');
}
