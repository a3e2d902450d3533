/** A CRC-32 as S3 writes it: base64 of its four bytes, the highest first. */
export function crc32Text(crc32: number): string {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeUInt32BE(crc32 >>> 0);
  return bytes.toString('base64');
}

/**
 * The CRC-32 of a whole object, or null when S3 says none, or a composite one (of the parts' checksums), which tells nothing
 * of the bytes. https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html
 */
export function wholeCrc32(text: string | undefined, type: string | undefined): number | null {
  if (text === undefined || type === 'COMPOSITE' || !/^[A-Za-z0-9+/]{6}==$/.test(text)) return null;
  return Buffer.from(text, 'base64').readUInt32BE(0);
}
