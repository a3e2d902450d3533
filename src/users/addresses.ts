import { parseIpAddress } from '@sftpgw/ssh';

export { sourceOf } from '@sftpgw/ssh';

/** Returns whether a text is an IPv4 or IPv6 address. */
export function isIpAddress(text: string): boolean {
  return parseIpAddress(text) !== null;
}

/** Returns an IPv4 address in dotted form, or other text in lower case without a zone. */
export function canonicalAddress(text: string): string {
  const bytes = parseIpAddress(text);
  return bytes?.length === 4 ? bytes.join('.') : text.replace(/%.*$/, '').toLowerCase();
}

/** Reports whether the first `prefixLength` bits are equal. Addresses of two families never match. */
export function sharesPrefix(a: Uint8Array, b: Uint8Array, prefixLength: number): boolean {
  if (a.length !== b.length) return false;
  for (let bit = 0, at = 0; bit < prefixLength; bit += 8, at++) {
    const mask = 0xff & (0xff << Math.max(0, 8 - (prefixLength - bit)));
    if ((((a[at] ?? 0) ^ (b[at] ?? 0)) & mask) !== 0) return false;
  }
  return true;
}
