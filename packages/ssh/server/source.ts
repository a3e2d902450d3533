import { parseIpAddress } from '../addresses/ip-address.js';

const networkBytes = 8;

/**
 * Returns the name under which connections of an address are counted: IPv4 addresses one by one, IPv6 addresses by their network of
 * 64 bits, since one client can use all of its addresses. Other text is its own source.
 */
export function sourceOf(address: string): string {
  const bytes = parseIpAddress(address);
  if (bytes === null) return address;
  if (bytes.byteLength === 4) return bytes.join('.');
  return `${bytes.toString('hex', 0, networkBytes)}/64`;
}
