import { createHash } from 'node:crypto';

/**
 * Returns the ETag of an object with these parts: the MD5 of the parts' binary ETags, and their number. It is
 * not documented, but all servers do it. A match proves that an object is the one just sent; a difference
 * proves nothing.
 */
export function multipartEtag(partEtags: readonly string[]): string {
  const hash = createHash('md5');
  for (const etag of partEtags) hash.update(Buffer.from(etag.replaceAll('"', ''), 'hex'));
  return `"${hash.digest('hex')}-${partEtags.length}"`;
}
