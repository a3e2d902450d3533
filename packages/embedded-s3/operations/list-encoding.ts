import { invalidArgument } from '../errors.js';
import type { BucketRequest } from '../http/request.js';
import type { XmlNode } from '../xml.js';

/**
 * The encoding of keys in a list: unchanged, or percent-encoded (`encoding-type=url`) so that XML
 * can carry all of them. S3 keeps slashes and writes a space as `+`.
 */
export function keyEncoder(request: BucketRequest): (key: string) => string {
  const encoding = request.query.get('encoding-type');
  if (encoding === null || encoding === '') return (key) => key;
  if (encoding !== 'url') {
    throw invalidArgument('Invalid Encoding Method specified in Request', 'encoding-type', encoding);
  }
  return (key) =>
    encodeURIComponent(key)
      .replace(/[!'()]/g, (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`)
      .replaceAll('%2F', '/')
      .replaceAll('%20', '+');
}

export function encodingElement(request: BucketRequest): XmlNode {
  return ['EncodingType', request.query.get('encoding-type') === 'url' ? 'url' : null];
}

export function prefixElements(
  prefixes: readonly string[],
  encode: (key: string) => string,
): readonly XmlNode[] {
  return prefixes.map((prefix): XmlNode => ['CommonPrefixes', [['Prefix', encode(prefix)]]]);
}
