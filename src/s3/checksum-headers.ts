import type { Checksum, ChecksumAlgorithm } from '../model/checksum.js';

/** The checksum fields of an answer. */
interface ChecksumOutput {
  readonly ChecksumCRC32?: string | undefined;
  readonly ChecksumCRC32C?: string | undefined;
  readonly ChecksumType?: string | undefined;
}

/** The names of the algorithms in S3's API. */
export const algorithmInput = { crc32: 'CRC32', crc32c: 'CRC32C' } as const satisfies Record<
  ChecksumAlgorithm,
  string
>;

/** Returns a checksum as a field of a request. */
export function checksumInput({ algorithm, value }: Checksum): {
  ChecksumCRC32?: string;
  ChecksumCRC32C?: string;
} {
  const text = base64Of(value);
  return algorithm === 'crc32' ? { ChecksumCRC32: text } : { ChecksumCRC32C: text };
}

/**
 * Returns a checksum as headers, for requests without the SDK. Ceph verifies it only if the algorithm is
 * named too.
 */
export function checksumHeaders({ algorithm, value }: Checksum): Readonly<Record<string, string>> {
  return {
    'x-amz-sdk-checksum-algorithm': algorithmInput[algorithm],
    [`x-amz-checksum-${algorithm}`]: base64Of(value),
  };
}

/** Returns the base64 of the four bytes, most significant first, as S3 does. */
function base64Of(value: number): string {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeUInt32BE(value);
  return bytes.toString('base64');
}

/**
 * Returns the checksum of a whole object. Null when S3 sends none, one of an unknown algorithm, or a
 * composite one (of the parts' checksums), which cannot be compared with the bytes.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html
 */
export function wholeChecksum(fields: ChecksumOutput | undefined): Checksum | null {
  if (fields === undefined || fields.ChecksumType === 'COMPOSITE') return null;
  return checksumFrom('crc32c', fields.ChecksumCRC32C) ?? checksumFrom('crc32', fields.ChecksumCRC32);
}

/** Returns the checksum of a part. The type in its answer is that of the upload. */
export function partChecksum(fields: Omit<ChecksumOutput, 'ChecksumType'> | undefined): Checksum | null {
  return checksumFrom('crc32c', fields?.ChecksumCRC32C) ?? checksumFrom('crc32', fields?.ChecksumCRC32);
}

function checksumFrom(algorithm: ChecksumAlgorithm, text: string | undefined): Checksum | null {
  if (text === undefined || !/^[A-Za-z0-9+/]{6}==$/.test(text)) return null;
  return { algorithm, value: Buffer.from(text, 'base64').readUInt32BE(0) };
}
