import { describe, expect, it } from 'vitest';
import {
  declaredChecksum,
  declaredObjectChecksum,
  isChecksum,
  type RequestHeaders,
  verifyDeclared,
} from './declared.js';

const noTrailers = new Map<string, string>();

describe('the declared checksum of a request', () => {
  it('is absent if no header names one', () => {
    expect(declaredChecksum({})).toBeNull();
    expect(
      declaredChecksum({ 'x-amz-checksum-mode': 'ENABLED', 'x-amz-checksum-algorithm': 'CRC32' }),
    ).toBeNull();
    expect(declaredChecksum({ 'x-amz-checksum-type': 'FULL_OBJECT' })).toBeNull();
  });

  it('is in a header', () => {
    expect(declaredChecksum({ 'x-amz-checksum-crc32': 'y/Q5Jg==' })).toEqual({
      algorithm: 'CRC32',
      base64: 'y/Q5Jg==',
    });
  });

  it('is announced as a trailer', () => {
    expect(
      declaredChecksum({
        'x-amz-trailer': 'x-amz-checksum-crc64nvme',
        'x-amz-sdk-checksum-algorithm': 'CRC64NVME',
      }),
    ).toEqual({ algorithm: 'CRC64NVME', base64: null });
  });

  it('may be named in lower case by x-amz-sdk-checksum-algorithm', () => {
    const headers = { 'x-amz-checksum-crc32': 'y/Q5Jg==', 'x-amz-sdk-checksum-algorithm': 'crc32' };
    expect(declaredChecksum(headers)?.algorithm).toBe('CRC32');
  });

  it.each<[string, RequestHeaders, string]>([
    [
      'two different ones',
      { 'x-amz-checksum-crc32': 'y/Q5Jg==', 'x-amz-checksum-crc32c': '4waSgw==' },
      'Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.',
    ],
    [
      'one in a header and one in a trailer',
      { 'x-amz-checksum-crc32': 'y/Q5Jg==', 'x-amz-trailer': 'x-amz-checksum-crc32c' },
      'Expecting a single x-amz-checksum- header',
    ],
    [
      'one that is not of its length',
      { 'x-amz-checksum-crc32': 'y/Q5' },
      'Value for x-amz-checksum-crc32 header is invalid.',
    ],
    [
      'one that is not base64',
      { 'x-amz-checksum-crc32': 'cbf43926' },
      'Value for x-amz-checksum-crc32 header is invalid.',
    ],
    [
      'an unknown algorithm',
      { 'x-amz-checksum-crc16': 'AAA=' },
      'The algorithm type you specified in x-amz-checksum- header is invalid.',
    ],
    [
      'a trailer that is not a checksum',
      { 'x-amz-trailer': 'x-amz-meta-late' },
      'The value specified in the x-amz-trailer header is not supported',
    ],
    [
      'an algorithm other than that of the value',
      { 'x-amz-checksum-crc32': 'y/Q5Jg==', 'x-amz-sdk-checksum-algorithm': 'SHA1' },
      'Value for x-amz-sdk-checksum-algorithm header is invalid.',
    ],
    [
      'an algorithm without a value',
      { 'x-amz-sdk-checksum-algorithm': 'CRC32' },
      'x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers were found.',
    ],
  ])('is refused if it is %s', (_, headers, message) => {
    expect(() => declaredChecksum(headers)).toThrow(
      expect.objectContaining({ name: 'ChecksumError', code: 'InvalidRequest', status: 400, message }),
    );
  });
});

describe('the computed checksum', () => {
  const inHeader = { algorithm: 'CRC32', base64: 'y/Q5Jg==' } as const;
  const inTrailer = { algorithm: 'CRC32', base64: null } as const;
  const trailer = (value: string) => new Map([['x-amz-checksum-crc32', value]]);

  it('passes if it equals the declared one', () => {
    expect(() => verifyDeclared(inHeader, 'y/Q5Jg==', noTrailers)).not.toThrow();
    expect(() => verifyDeclared(inTrailer, 'y/Q5Jg==', trailer('y/Q5Jg=='))).not.toThrow();
  });

  it('fails with BadDigest if it differs', () => {
    const refusal = expect.objectContaining({
      code: 'BadDigest',
      message: 'The CRC32 you specified did not match the calculated checksum.',
    });
    expect(() => verifyDeclared(inHeader, 'AAAAAA==', noTrailers)).toThrow(refusal);
    expect(() => verifyDeclared(inTrailer, 'AAAAAA==', trailer('y/Q5Jg=='))).toThrow(refusal);
  });

  it('is refused if the trailer is missing or is not a checksum', () => {
    expect(() => verifyDeclared(inTrailer, 'y/Q5Jg==', noTrailers)).toThrow(
      expect.objectContaining({ code: 'MalformedTrailerError', status: 400 }),
    );
    expect(() => verifyDeclared(inTrailer, 'y/Q5Jg==', trailer('late'))).toThrow(
      expect.objectContaining({
        code: 'InvalidRequest',
        message: 'Value for x-amz-checksum-crc32 trailing header is invalid.',
      }),
    );
  });
});

describe('the checksum of a completed multipart upload', () => {
  it('may be declared with the number of parts after it', () => {
    const headers = { 'x-amz-checksum-sha256': '47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=-3' };
    expect(declaredObjectChecksum(headers)).toEqual({
      algorithm: 'SHA256',
      base64: '47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=-3',
    });
    expect(() => declaredChecksum(headers)).toThrow('is invalid');
  });

  it('may be declared without that number', () => {
    expect(declaredObjectChecksum({ 'x-amz-checksum-crc32': 'y/Q5Jg==' })?.base64).toBe('y/Q5Jg==');
    expect(declaredObjectChecksum({})).toBeNull();
  });
});

it('a checksum is canonical base64 of the right length', () => {
  expect(isChecksum('CRC32', 'y/Q5Jg==')).toBe(true);
  expect(isChecksum('CRC32', 'y/Q5Jg')).toBe(false);
  expect(isChecksum('CRC32', 'y/Q5Jh==')).toBe(false);
  expect(isChecksum('CRC64NVME', 'y/Q5Jg==')).toBe(false);
});
