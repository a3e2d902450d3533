import { isIPv4, isIPv6 } from 'node:net';

/** Returns 4 or 16 bytes, or null for text that is not an address. Maps `::ffff:192.0.2.1` to IPv4. */
export function parseAddress(text: string): Uint8Array | null {
  const bare = text.replace(/%.*$/, '');
  if (isIPv4(bare)) return Uint8Array.from(bare.split('.'), Number);
  if (!isIPv6(bare)) return null;
  const bytes = parseIPv6(bare);
  const isMapped =
    bytes.subarray(0, 10).every((byte) => byte === 0) && bytes[10] === 0xff && bytes[11] === 0xff;
  return isMapped ? bytes.slice(12) : bytes;
}

/** Parses text that `isIPv6` accepts (RFC 4291 section 2.2). */
function parseIPv6(text: string): Uint8Array {
  const hex = text.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, a, b, c, d) => {
    const pair = (high: string, low: string): string => (Number(high) * 256 + Number(low)).toString(16);
    return `${pair(a, b)}:${pair(c, d)}`;
  });
  const [before = '', after] = hex.split('::');
  const groups = (half: string): number[] =>
    half === '' ? [] : half.split(':').map((group) => Number.parseInt(group, 16));
  const head = groups(before);
  const tail = groups(after ?? '');
  const zeros = new Array<number>(8 - head.length - tail.length).fill(0);
  return Uint8Array.from([...head, ...zeros, ...tail].flatMap((group) => [group >> 8, group & 0xff]));
}

/** Returns an IPv4 address in dotted form, or other text in lower case without a zone. */
export function canonicalAddress(text: string): string {
  const bytes = parseAddress(text);
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

/** Returns the name under which clients of an address are counted: IPv6 addresses by their network of 64 bits. */
export function sourceOf(address: string): string {
  const bytes = parseAddress(address);
  if (bytes === null) return address;
  return Buffer.from(bytes.byteLength === 4 ? bytes : bytes.subarray(0, 8)).toString('hex');
}
