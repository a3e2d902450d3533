import {
  type ChecksumAlgorithm,
  checksumAlgorithms,
  checksumHeader,
  checksumLength,
  sdkChecksumAlgorithmHeader,
  trailerHeader,
} from './algorithms.js';
import { ChecksumError } from './checksum-error.js';

/** Request headers by lower-case name, as in `IncomingMessage.headers`. */
export type RequestHeaders = Readonly<Record<string, string | readonly string[] | undefined>>;

/** The checksum that a client declared for a body. */
export interface DeclaredChecksum {
  readonly algorithm: ChecksumAlgorithm;
  /** The value from the header; null if it follows the body as a trailer. */
  readonly base64: string | null;
}

/**
 * Returns the checksum that the headers of a request declare for its body (`x-amz-checksum-*`, or
 * `x-amz-trailer` naming one), or null. CompleteMultipartUpload's header is about the object
 * instead: see `declaredObjectChecksum`.
 *
 * @throws ChecksumError InvalidRequest for two checksums, an unknown algorithm or an invalid value
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
 * Returns the checksum of the whole object that CompleteMultipartUpload's headers declare, or null.
 * A COMPOSITE one may end in a hyphen and the number of parts.
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
 * Compares the computed checksum with the one that the client declared, in the header or in the
 * trailers.
 *
 * @throws ChecksumError BadDigest if they differ, MalformedTrailerError if the declared trailer is
 *   missing, InvalidRequest if it is not a checksum
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

/** Returns true if `base64` is canonical base64 of a checksum of the algorithm's length. */
export function isChecksum(algorithm: ChecksumAlgorithm, base64: string): boolean {
  const bytes = Buffer.from(base64, 'base64');
  return bytes.length === checksumLength[algorithm] && bytes.toString('base64') === base64;
}

/** Returns the algorithm with this name, in upper or lower case, or null if S3 has none. */
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
  // x-amz-checksum-algorithm, -mode and -type have the same prefix but are not checksums.
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
