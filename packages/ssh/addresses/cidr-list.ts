import { parseIpAddress } from './ip-address.js';

interface Network {
  readonly address: Buffer;
  readonly prefixBits: number;
  readonly isNegated: boolean;
}

/** A list of networks such as `192.0.2.0/24,2001:db8::/32,!192.0.2.7`, as `source-address` has it (PROTOCOL.certkeys). */
export class CidrList {
  readonly #networks: readonly Network[];

  private constructor(networks: readonly Network[]) {
    this.#networks = networks;
  }

  /**
   * Reads a comma-separated list. An address without a mask is one host; `!` excludes a network. Returns null for an empty list, for
   * text that is not an address, and for a mask that is too long or leaves bits of the address behind it, as OpenSSH does.
   */
  static parse(text: string): CidrList | null {
    const networks: Network[] = [];
    for (const item of text.split(',')) {
      const network = parseNetwork(item);
      if (network === null) return null;
      networks.push(network);
    }
    return new CidrList(networks);
  }

  /** Returns true if a network contains the address and no excluded one does. Text that is not an address is in no network. */
  contains(address: string): boolean {
    const bytes = parseIpAddress(address);
    if (bytes === null) return false;
    let isContained = false;
    for (const network of this.#networks) {
      if (!sharesPrefix(network.address, bytes, network.prefixBits)) continue;
      if (network.isNegated) return false;
      isContained = true;
    }
    return isContained;
  }
}

function parseNetwork(item: string): Network | null {
  const isNegated = item.startsWith('!');
  const match = /^([0-9A-Fa-f.:]+)(?:\/(\d{1,3}))?$/.exec(isNegated ? item.slice(1) : item);
  const address = parseIpAddress(match?.[1] ?? '');
  if (match === null || address === null) return null;
  const bits = address.length * 8;
  // A mask of a mapped IPv4 network counts the 96 bits in front of it.
  const isMapped = bits === 32 && match[1]?.includes(':') === true;
  const prefixBits = match[2] === undefined ? bits : Number(match[2]) - (isMapped ? 96 : 0);
  if (prefixBits < 0 || prefixBits > bits) return null;
  const hasBitsBehind = !sharesPrefix(address, maskBytes(address, prefixBits), bits);
  return hasBitsBehind ? null : { address, prefixBits, isNegated };
}

function maskBytes(address: Buffer, prefixBits: number): Buffer {
  return Buffer.from(address.map((byte, at) => byte & maskOf(prefixBits - at * 8)));
}

function sharesPrefix(network: Buffer, address: Buffer, prefixBits: number): boolean {
  if (network.length !== address.length) return false;
  return network.every((byte, at) => ((byte ^ (address[at] ?? 0)) & maskOf(prefixBits - at * 8)) === 0);
}

/** Returns the mask of one byte of which `bits` bits belong to the prefix. */
function maskOf(bits: number): number {
  return 0xff & ~(0xff >> Math.min(8, Math.max(0, bits)));
}
