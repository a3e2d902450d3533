import { isIP, SocketAddress } from 'node:net';

const mappedPrefix = Buffer.from('00000000000000000000ffff', 'hex');

/**
 * Returns the 4 or 16 bytes of an address in text form. An IPv4 address that is mapped into IPv6 (RFC 4291 section 2.5.5.2) has 4
 * bytes; the zone of a link-local address is dropped. Returns null for other text.
 */
export function parseIpAddress(text: string): Buffer | null {
  const zone = text.indexOf('%');
  const plain = zone < 0 ? text : text.slice(0, zone);
  const version = isIP(plain);
  if (version === 4) return ipv4Bytes(plain);
  if (version !== 6 || (zone >= 0 && zone === text.length - 1)) return null;
  const bytes = ipv6Bytes(plain);
  return bytes.subarray(0, 12).equals(mappedPrefix) ? bytes.subarray(12) : bytes;
}

/** Returns the text form of 4 or 16 bytes, IPv6 as in RFC 5952. A mapped IPv4 address is formatted as IPv4. */
export function formatIpAddress(bytes: Uint8Array): string {
  const at = bytes.byteLength === 16 && mappedPrefix.equals(bytes.subarray(0, 12)) ? 12 : 0;
  if (bytes.byteLength - at === 4) return bytes.subarray(at).join('.');
  const groups = Buffer.from(bytes).toString('hex').match(/.{4}/g) ?? [];
  return new SocketAddress({ address: groups.join(':'), family: 'ipv6' }).address;
}

function ipv4Bytes(text: string): Buffer {
  return Buffer.from(text.split('.').map(Number));
}

/** Takes text that `isIP` accepts as version 6. */
function ipv6Bytes(text: string): Buffer {
  const [head = '', tail] = text.split('::');
  const front = groupBytes(head);
  const back = tail === undefined ? Buffer.alloc(0) : groupBytes(tail);
  return Buffer.concat([front, Buffer.alloc(16 - front.length - back.length), back]);
}

function groupBytes(text: string): Buffer {
  if (text === '') return Buffer.alloc(0);
  return Buffer.concat(
    text
      .split(':')
      .map((group) => (group.includes('.') ? ipv4Bytes(group) : Buffer.from(group.padStart(4, '0'), 'hex'))),
  );
}
