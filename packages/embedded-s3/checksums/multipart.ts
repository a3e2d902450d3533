import {
  type ChecksumAlgorithm,
  type ChecksumType,
  checksumAlgorithmHeader,
  checksumAlgorithms,
  checksumTypeHeader,
} from './algorithms.js';
import { ChecksumError } from './checksum-error.js';
import { parseChecksumAlgorithm, type RequestHeaders } from './declared.js';

/**
 * The checksum that CreateMultipartUpload requests: the algorithm of the parts, and the type of the
 * whole.
 */
export interface MultipartChecksum {
  readonly algorithm: ChecksumAlgorithm;
  readonly type: ChecksumType;
}

/**
 * The allowed types for the whole object, the default first
 * (https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html).
 */
const types: Readonly<Record<ChecksumAlgorithm, readonly [ChecksumType, ...ChecksumType[]]>> = {
  CRC32: ['COMPOSITE', 'FULL_OBJECT'],
  CRC32C: ['COMPOSITE', 'FULL_OBJECT'],
  CRC64NVME: ['FULL_OBJECT'],
  SHA1: ['COMPOSITE'],
  SHA256: ['COMPOSITE'],
};

/**
 * Returns the checksum that CreateMultipartUpload's headers request (`x-amz-checksum-algorithm`,
 * `x-amz-checksum-type`), with AWS's default type for the algorithm, or null.
 *
 * @throws ChecksumError InvalidRequest for an unknown algorithm or type, or a pair that S3 does not
 *   allow
 */
export function multipartChecksum(headers: RequestHeaders): MultipartChecksum | null {
  const type = parseChecksumType(headers);
  const name = headers[checksumAlgorithmHeader];
  if (name === undefined) {
    if (type === null) return null;
    throw new ChecksumError(
      'InvalidRequest',
      'The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.',
    );
  }
  const algorithm = parseChecksumAlgorithm(String(name));
  if (algorithm === null) {
    throw new ChecksumError(
      'InvalidRequest',
      `Checksum algorithm provided is unsupported. Please try again with any of the valid types: [${checksumAlgorithms.join(', ')}]`,
    );
  }
  const allowed = types[algorithm];
  if (type !== null && !allowed.includes(type)) {
    throw new ChecksumError(
      'InvalidRequest',
      `The ${type} checksum type cannot be used with the ${algorithm.toLowerCase()} checksum algorithm.`,
    );
  }
  return { algorithm, type: type ?? allowed[0] };
}

/**
 * Returns the `x-amz-checksum-type` header, or null. CompleteMultipartUpload may repeat the type of
 * its upload.
 *
 * @throws ChecksumError InvalidRequest for a value other than FULL_OBJECT or COMPOSITE
 */
export function parseChecksumType(headers: RequestHeaders): ChecksumType | null {
  const value = headers[checksumTypeHeader];
  if (value === undefined) return null;
  const type = String(value).toUpperCase();
  if (type === 'FULL_OBJECT' || type === 'COMPOSITE') return type;
  throw new ChecksumError('InvalidRequest', `Value for ${checksumTypeHeader} header is invalid.`);
}
