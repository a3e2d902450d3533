import { parseIpAddress } from '@sftpgw/ssh';
import { sharesPrefix } from '../users/addresses.js';

type Network = readonly [address: string, bits: number];

/** IPv4 networks that are not on the public internet (the IANA registry of RFC 6890, and multicast). */
const specialIpv4: readonly Network[] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
];

/** The unicast addresses of the public internet are in this network (RFC 4291 section 2.4). */
const unicastIpv6: Network = ['2000::', 3];
/** Parts of it that are not public: protocols such as Teredo, and documentation (RFC 6890, RFC 9637). */
const specialIpv6: readonly Network[] = [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['3fff::', 20],
];

/** IPv6 networks whose addresses contain an IPv4 address, at this byte: NAT64 (RFC 6052) and 6to4 (RFC 3056). */
const translated: readonly { readonly network: Network; readonly at: number }[] = [
  { network: ['64:ff9b::', 96], at: 12 },
  { network: ['2002::', 16], at: 2 },
];

/**
 * Reports whether an address is one of the public internet. Private, shared, link-local, loopback, multicast and
 * reserved addresses are not, nor are their forms in IPv6, nor is text that is not an address.
 */
export function isPublicAddress(address: string): boolean {
  // An address with a zone is link-local.
  const bytes = address.includes('%') ? null : parseIpAddress(address);
  return bytes !== null && isPublic(bytes);
}

/** A mapped IPv4 address arrives as its four bytes. */
function isPublic(bytes: Uint8Array): boolean {
  if (bytes.length === 4) return !specialIpv4.some((network) => isIn(bytes, network));
  const embedding = translated.find(({ network }) => isIn(bytes, network));
  if (embedding !== undefined) return isPublic(bytes.subarray(embedding.at, embedding.at + 4));
  return isIn(bytes, unicastIpv6) && !specialIpv6.some((network) => isIn(bytes, network));
}

function isIn(bytes: Uint8Array, [address, bits]: Network): boolean {
  const network = parseIpAddress(address);
  return network !== null && sharesPrefix(network, bytes, bits);
}
