import { formatIpAddress, parseIpAddress } from './ip-address.js';

const networkBytes = 8;
const networkSuffix = '::/64';

/**
 * Returns the text under which an address is counted and banned: an IPv4 address, or the IPv6 network of 64 bits, since
 * one client can use all addresses of a network. Text that is not an address is its own source.
 */
export function sourceOf(address: string): string {
  return parseSource(address) ?? address;
}

/** Returns the source of an address or of a network in the form that `sourceOf` returns. Returns null for other text. */
export function parseSource(text: string): string | null {
  const bytes = parseIpAddress(text.endsWith('/64') ? text.slice(0, -'/64'.length) : text);
  if (bytes === null) return null;
  if (bytes.byteLength === 4) return text.endsWith('/64') ? null : formatIpAddress(bytes);
  const groups = bytes.subarray(0, networkBytes).toString('hex').match(/.{4}/g) ?? [];
  const shown = groups.map((group) => Number.parseInt(group, 16).toString(16));
  return `${shown.join(':')}${networkSuffix}`;
}
