import { createHash } from 'node:crypto';

/**
 * The ETag that S3 gives an object of these parts: the MD5 of the parts' ETags, as bytes, and their number. Not documented,
 * but so everywhere; it is only taken as a sign that an object is the one just sent, never the other way round.
 */
export function multipartEtag(partEtags: readonly string[]): string {
  const hash = createHash('md5');
  for (const etag of partEtags) hash.update(Buffer.from(etag.replaceAll('"', ''), 'hex'));
  return `"${hash.digest('hex')}-${partEtags.length}"`;
}
