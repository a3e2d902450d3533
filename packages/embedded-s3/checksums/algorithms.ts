/** The checksums that S3 accepts and stores, by their names in the API. */
export const checksumAlgorithms = ['CRC32', 'CRC32C', 'CRC64NVME', 'SHA1', 'SHA256'] as const;

export type ChecksumAlgorithm = (typeof checksumAlgorithms)[number];

/**
 * The algorithms whose part checksums can be combined into the checksum of the whole without
 * reading it again.
 */
export type CrcAlgorithm = 'CRC32' | 'CRC32C' | 'CRC64NVME';

/** The algorithms that S3 allows for a checksum of checksums. */
export type CompositeAlgorithm = 'CRC32' | 'CRC32C' | 'SHA1' | 'SHA256';

export type ChecksumType = 'FULL_OBJECT' | 'COMPOSITE';

/** The request and response header (and trailer) of each checksum, in lower case. */
export const checksumHeader: Readonly<Record<ChecksumAlgorithm, string>> = {
  CRC32: 'x-amz-checksum-crc32',
  CRC32C: 'x-amz-checksum-crc32c',
  CRC64NVME: 'x-amz-checksum-crc64nvme',
  SHA1: 'x-amz-checksum-sha1',
  SHA256: 'x-amz-checksum-sha256',
};

export const sdkChecksumAlgorithmHeader = 'x-amz-sdk-checksum-algorithm';
export const checksumAlgorithmHeader = 'x-amz-checksum-algorithm';
export const checksumTypeHeader = 'x-amz-checksum-type';
export const trailerHeader = 'x-amz-trailer';

/** The length of a checksum in bytes, before base64. */
export const checksumLength: Readonly<Record<ChecksumAlgorithm, number>> = {
  CRC32: 4,
  CRC32C: 4,
  CRC64NVME: 8,
  SHA1: 20,
  SHA256: 32,
};
