import type { Checksum, ChecksumAlgorithm } from '../model/checksum.js';

/** What of an answer's fields tells of checksums. */
interface ChecksumOutput {
  readonly ChecksumCRC32?: string | undefined;
  readonly ChecksumCRC32C?: string | undefined;
  readonly ChecksumType?: string | undefined;
}

/** The name that S3's API gives to an algorithm. */
export const algorithmInput = { crc32: 'CRC32', crc32c: 'CRC32C' } as const satisfies Record<
  ChecksumAlgorithm,
  string
>;

/** A checksum as the field of a request. */
export function checksumInput({ algorithm, value }: Checksum): {
  ChecksumCRC32?: string;
  ChecksumCRC32C?: string;
} {
  const text = base64Of(value);
  return algorithm === 'crc32' ? { ChecksumCRC32: text } : { ChecksumCRC32C: text };
}

/** A checksum as headers, for requests without the SDK. Ceph verifies it only when the algorithm is named too. */
export function checksumHeaders({ algorithm, value }: Checksum): Readonly<Record<string, string>> {
  return {
    'x-amz-sdk-checksum-algorithm': algorithmInput[algorithm],
    [`x-amz-checksum-${algorithm}`]: base64Of(value),
  };
}

/** As S3 writes it: base64 of its four bytes, the highest first. */
function base64Of(value: number): string {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeUInt32BE(value);
  return bytes.toString('base64');
}

/**
 * The checksum of a whole object, or null when S3 says none that is known here, or a composite one (of the parts' checksums),
 * which tells nothing of the bytes. https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html
 */
export function wholeChecksum(said: ChecksumOutput | undefined): Checksum | null {
  if (said === undefined || said.ChecksumType === 'COMPOSITE') return null;
  return checksumFrom('crc32c', said.ChecksumCRC32C) ?? checksumFrom('crc32', said.ChecksumCRC32);
}

/** The checksum of a part: its type is that of the upload, not its own. */
export function partChecksum(said: Omit<ChecksumOutput, 'ChecksumType'> | undefined): Checksum | null {
  return checksumFrom('crc32c', said?.ChecksumCRC32C) ?? checksumFrom('crc32', said?.ChecksumCRC32);
}

function checksumFrom(algorithm: ChecksumAlgorithm, text: string | undefined): Checksum | null {
  if (text === undefined || !/^[A-Za-z0-9+/]{6}==$/.test(text)) return null;
  return { algorithm, value: Buffer.from(text, 'base64').readUInt32BE(0) };
}
