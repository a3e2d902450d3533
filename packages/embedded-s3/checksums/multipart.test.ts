import { describe, expect, it } from 'vitest';
import type { RequestHeaders } from './declared.js';
import { multipartChecksum, parseChecksumType } from './multipart.js';

const asked = (algorithm: string, type?: string): RequestHeaders => ({
  'x-amz-checksum-algorithm': algorithm,
  'x-amz-checksum-type': type,
});

describe('the checksum of a multipart upload', () => {
  it('is absent unless one is requested', () => {
    expect(multipartChecksum({})).toBeNull();
  });

  it.each([
    ['CRC32', 'COMPOSITE'],
    ['CRC32C', 'COMPOSITE'],
    ['SHA1', 'COMPOSITE'],
    ['SHA256', 'COMPOSITE'],
    ['CRC64NVME', 'FULL_OBJECT'],
  ])('by %s is %s unless the type is given', (algorithm, type) => {
    expect(multipartChecksum(asked(algorithm))).toEqual({ algorithm, type });
    expect(multipartChecksum(asked(algorithm.toLowerCase(), type.toLowerCase()))).toEqual({
      algorithm,
      type,
    });
  });

  it.each(['CRC32', 'CRC32C'])('by %s may be FULL_OBJECT', (algorithm) => {
    expect(multipartChecksum(asked(algorithm, 'FULL_OBJECT'))).toEqual({ algorithm, type: 'FULL_OBJECT' });
  });

  it.each([
    [
      asked('SHA1', 'FULL_OBJECT'),
      'The FULL_OBJECT checksum type cannot be used with the sha1 checksum algorithm.',
    ],
    [
      asked('CRC64NVME', 'COMPOSITE'),
      'The COMPOSITE checksum type cannot be used with the crc64nvme checksum algorithm.',
    ],
    [asked('CRC32', 'HALF'), 'Value for x-amz-checksum-type header is invalid.'],
    [
      { 'x-amz-checksum-type': 'COMPOSITE' },
      'The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.',
    ],
    [
      asked('CRC16'),
      'Checksum algorithm provided is unsupported. Please try again with any of the valid types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]',
    ],
  ])('is refused: %o', (headers, message) => {
    expect(() => multipartChecksum(headers)).toThrow(
      expect.objectContaining({ code: 'InvalidRequest', status: 400, message }),
    );
  });

  it('keeps its type when the upload is completed', () => {
    expect(parseChecksumType({ 'x-amz-checksum-type': 'COMPOSITE' })).toBe('COMPOSITE');
    expect(parseChecksumType({})).toBeNull();
  });
});
