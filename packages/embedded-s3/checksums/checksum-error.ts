/** A checksum that was declared wrongly or does not match: S3's error `code`, HTTP `status` and text. */
export class ChecksumError extends Error {
  readonly code: 'InvalidRequest' | 'BadDigest' | 'MalformedTrailerError';
  readonly status = 400;

  constructor(code: ChecksumError['code'], message: string) {
    super(message);
    this.name = 'ChecksumError';
    this.code = code;
  }
}
