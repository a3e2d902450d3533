import {
  type ChecksumAlgorithm,
  checksumAlgorithms,
  checksumHeader,
  checksumLength,
  sdkChecksumAlgorithmHeader,
  trailerHeader,
} from './algorithms.js';
import { ChecksumError } from './checksum-error.js';

/** Request headers by lower-case name, as `IncomingMessage.headers` has them. */
export type RequestHeaders = Readonly<Record<string, string | readonly string[] | undefined>>;

/** The checksum a client declared for the body it sends. */
export interface DeclaredChecksum {
  readonly algorithm: ChecksumAlgorithm;
  /** The value from the header; null when it follows the body as a trailer. */
  readonly base64: string | null;
}

/**
 * The checksum that the request's headers declare for its body (`x-amz-checksum-*`, or `x-amz-trailer` naming one),
 * null when there is none. Not for CompleteMultipartUpload, whose header is about the object: see
 * `declaredObjectChecksum`.
 *
 * @throws ChecksumError InvalidRequest for two different ones, an unknown algorithm, a value that is not one
 */
export function declaredChecksum(headers: RequestHeaders): DeclaredChecksum | null {
  const inHeader = checksumInHeader(headers, (algorithm, value) => isChecksum(algorithm, value));
  const inTrailer = checksumInTrailer(headers);
  if (inHeader !== null && inTrailer !== null) throw invalid('Expecting a single x-amz-checksum- header');
  const declared = inHeader ?? inTrailer;
  const named = headerValue(headers, sdkChecksumAlgorithmHeader);
  if (named === null) return declared;
  if (declared === null) {
    throw invalid(
      'x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers were found.',
    );
  }
  if (named.toUpperCase() !== declared.algorithm) throw invalidValue(sdkChecksumAlgorithmHeader);
  return declared;
}

/**
 * The whole object's checksum that CompleteMultipartUpload's headers declare, null when there is none. A COMPOSITE one
 * may end in a hyphen and the number of parts.
 *
 * @throws ChecksumError InvalidRequest as `declaredChecksum`
 */
export function declaredObjectChecksum(
  headers: RequestHeaders,
): { readonly algorithm: ChecksumAlgorithm; readonly base64: string } | null {
  return checksumInHeader(headers, (algorithm, value) =>
    isChecksum(algorithm, value.replace(/-[1-9]\d{0,4}$/, '')),
  );
}

/**
 * Compares what was computed with what the client declared, in the header or in the body's trailers.
 *
 * @throws ChecksumError BadDigest when they differ, MalformedTrailerError when the declared trailer did not come,
 *   InvalidRequest when it holds no checksum
 */
export function verifyDeclared(
  declared: DeclaredChecksum,
  computedBase64: string,
  trailers: ReadonlyMap<string, string>,
): void {
  const { algorithm } = declared;
  if (declared.base64 === null) {
    const value = trailers.get(checksumHeader[algorithm]);
    if (value === undefined) {
      throw new ChecksumError(
        'MalformedTrailerError',
        'The request contained trailing data that was not well-formed or did not conform to our published schema.',
      );
    }
    if (!isChecksum(algorithm, value)) {
      throw invalid(`Value for ${checksumHeader[algorithm]} trailing header is invalid.`);
    }
    if (value !== computedBase64) throw badDigest(algorithm);
  } else if (declared.base64 !== computedBase64) {
    throw badDigest(algorithm);
  }
}

/** True when `base64` is, in canonical base64, as many bytes as the algorithm's checksums have. */
export function isChecksum(algorithm: ChecksumAlgorithm, base64: string): boolean {
  const bytes = Buffer.from(base64, 'base64');
  return bytes.length === checksumLength[algorithm] && bytes.toString('base64') === base64;
}

/** The algorithm of a name in upper or lower case, as the clients write it; null when S3 has no such one. */
export function parseChecksumAlgorithm(name: string): ChecksumAlgorithm | null {
  return checksumAlgorithms.find((algorithm) => algorithm === name.toUpperCase()) ?? null;
}

export function badDigest(algorithm: ChecksumAlgorithm): ChecksumError {
  return new ChecksumError(
    'BadDigest',
    `The ${algorithm} you specified did not match the calculated checksum.`,
  );
}

function checksumInHeader(
  headers: RequestHeaders,
  accepts: (algorithm: ChecksumAlgorithm, value: string) => boolean,
): { readonly algorithm: ChecksumAlgorithm; readonly base64: string } | null {
  // x-amz-checksum-algorithm, -mode and -type share the prefix and carry no checksum.
  const names = Object.keys(headers).filter((name) =>
    /^x-amz-checksum-(?!(algorithm|mode|type)$)/.test(name),
  );
  const [name, ...others] = names;
  if (name === undefined) return null;
  if (others.length > 0) {
    throw invalid('Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.');
  }
  const algorithm = checksumAlgorithms.find((known) => checksumHeader[known] === name);
  if (algorithm === undefined) {
    throw invalid('The algorithm type you specified in x-amz-checksum- header is invalid.');
  }
  const value = headerValue(headers, name);
  if (value === null || !accepts(algorithm, value)) throw invalidValue(name);
  return { algorithm, base64: value };
}

function checksumInTrailer(headers: RequestHeaders): DeclaredChecksum | null {
  const announced = headerValue(headers, trailerHeader);
  if (announced === null || announced === '') return null;
  const algorithm = checksumAlgorithms.find((known) => checksumHeader[known] === announced.toLowerCase());
  if (algorithm === undefined)
    throw invalid('The value specified in the x-amz-trailer header is not supported');
  return { algorithm, base64: null };
}

function headerValue(headers: RequestHeaders, name: string): string | null {
  const value = headers[name];
  if (value === undefined) return null;
  return typeof value === 'string' ? value.trim() : value.join(',');
}

function invalid(message: string): ChecksumError {
  return new ChecksumError('InvalidRequest', message);
}

function invalidValue(header: string): ChecksumError {
  return invalid(`Value for ${header} header is invalid.`);
}
