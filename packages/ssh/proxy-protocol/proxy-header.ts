import { isIPv4, isIPv6 } from 'node:net';
import { formatIpAddress, parseIpAddress } from '../addresses/ip-address.js';

/** The bytes that a peer may send as a PROXY header: 107 for version 1, this for version 2 with its extensions. */
export const maxProxyHeaderBytes = 2048;

/** A fault in the first bytes of a connection that must begin with a PROXY header. */
export class ProxyProtocolError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'ProxyProtocolError';
  }
}

/** One end of the connection that the proxy accepted. */
export interface ProxyEndpoint {
  /** Text form; a mapped IPv4 address is IPv4. */
  readonly address: string;
  readonly port: number;
}

/** A PROXY header ("The PROXY protocol", versions 1 and 2, sections 2.1 and 2.2). */
export interface ProxyHeader {
  readonly version: 1 | 2;
  /**
   * The client. Null if the proxy itself connects (LOCAL, as for health checks) or does not know an IP address (UNKNOWN, UNSPEC,
   * UNIX): the address of the socket counts then.
   */
  readonly source: ProxyEndpoint | null;
  /** The address that the client connected to. Null if `source` is. */
  readonly destination: ProxyEndpoint | null;
  /** Bytes of the header. The SSH conversation starts behind them. */
  readonly bytes: number;
}

const signatureV1 = Buffer.from('PROXY ', 'latin1');
const signatureV2 = Buffer.from('0d0a0d0a000d0a515549540a', 'hex');
const maxBytesV1 = 107;
const fixedBytesV2 = 16;

/**
 * Reads the header at the start of `received`, which are all bytes of the connection so far. Returns null if more bytes are needed.
 * Throws `ProxyProtocolError` as soon as the bytes cannot become a valid header. The extensions of version 2 are skipped.
 */
export function parseProxyHeader(received: Buffer): ProxyHeader | null {
  if (startsLike(received, signatureV1))
    return received.length < signatureV1.length ? null : parseV1(received);
  if (startsLike(received, signatureV2)) return received.length < fixedBytesV2 ? null : parseV2(received);
  throw new ProxyProtocolError('the connection does not begin with a PROXY header');
}

function startsLike(received: Buffer, signature: Buffer): boolean {
  const common = Math.min(received.length, signature.length);
  return received.subarray(0, common).equals(signature.subarray(0, common));
}

function parseV1(received: Buffer): ProxyHeader | null {
  const end = received.subarray(0, maxBytesV1).indexOf('\r\n', 0, 'latin1');
  if (end < 0) {
    if (received.length < maxBytesV1) return null;
    throw new ProxyProtocolError(`PROXY header of version 1 is longer than ${maxBytesV1} bytes`);
  }
  const bytes = end + 2;
  const line = received.toString('latin1', 0, end);
  if (/^PROXY UNKNOWN(?: |$)/.test(line)) return { version: 1, source: null, destination: null, bytes };
  const [, protocol, source = '', destination = '', sourcePort = '', destinationPort = '', ...rest] =
    line.split(' ');
  const isAddress = protocol === 'TCP4' ? isIPv4 : protocol === 'TCP6' ? isIPv6 : () => false;
  if (rest.length > 0 || !isAddress(source) || !isAddress(destination)) throw malformedV1();
  return {
    version: 1,
    source: { address: canonicalAddress(source), port: parsePort(sourcePort) },
    destination: { address: canonicalAddress(destination), port: parsePort(destinationPort) },
    bytes,
  };
}

function malformedV1(): ProxyProtocolError {
  return new ProxyProtocolError('malformed PROXY header of version 1');
}

function canonicalAddress(text: string): string {
  const bytes = parseIpAddress(text);
  if (bytes === null || text.includes('%')) throw malformedV1();
  return formatIpAddress(bytes);
}

function parsePort(text: string): number {
  if (!/^(?:0|[1-9]\d{0,4})$/.test(text) || Number(text) > 65_535) throw malformedV1();
  return Number(text);
}

function parseV2(received: Buffer): ProxyHeader | null {
  const versionAndCommand = received.readUInt8(12);
  const bytes = fixedBytesV2 + received.readUInt16BE(14);
  if (versionAndCommand !== 0x20 && versionAndCommand !== 0x21) {
    throw new ProxyProtocolError('PROXY header of version 2 has an unknown version or command');
  }
  if (bytes > maxProxyHeaderBytes) {
    throw new ProxyProtocolError(`PROXY header of version 2 is longer than ${maxProxyHeaderBytes} bytes`);
  }
  if (received.length < bytes) return null;
  const isLocal = versionAndCommand === 0x20;
  const family = received.readUInt8(13);
  const unknown: ProxyHeader = { version: 2, source: null, destination: null, bytes };
  // A receiver ignores the addresses of LOCAL. UNSPEC (0x00) and UNIX streams (0x31) have no IP address.
  if (isLocal || family === 0x00 || family === 0x31) return unknown;
  const addressBytes = family === 0x11 ? 4 : family === 0x21 ? 16 : 0;
  if (addressBytes === 0)
    throw new ProxyProtocolError('PROXY header of version 2 is not for a TCP connection');
  if (bytes < fixedBytesV2 + 2 * addressBytes + 4) {
    throw new ProxyProtocolError('PROXY header of version 2 is too short for its addresses');
  }
  const portsAt = fixedBytesV2 + 2 * addressBytes;
  const addressAt = (at: number) => formatIpAddress(received.subarray(at, at + addressBytes));
  return {
    version: 2,
    source: { address: addressAt(fixedBytesV2), port: received.readUInt16BE(portsAt) },
    destination: {
      address: addressAt(fixedBytesV2 + addressBytes),
      port: received.readUInt16BE(portsAt + 2),
    },
    bytes,
  };
}
