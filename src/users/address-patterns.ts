import { parseIpAddress } from '@sftpgw/ssh';
import { canonicalAddress, sharesPrefix } from './addresses.js';

interface Pattern {
  readonly isNegated: boolean;
  readonly matches: (text: string, address: Uint8Array | null) => boolean;
}

/**
 * The list of `from="..."` in authorized_keys: addresses, CIDR networks and patterns with `*` and `?`,
 * separated by commas. A pattern after `!` must not match (sshd(8), AUTHORIZED_KEYS FILE FORMAT;
 * ssh_config(5), PATTERNS). Host names never match, as in sshd with `UseDNS no`.
 */
export class AddressPatterns {
  readonly #patterns: readonly Pattern[];
  /** The list as it was parsed. */
  readonly text: string;

  private constructor(patterns: readonly Pattern[], text: string) {
    this.#patterns = patterns;
    this.text = text;
  }

  /**
   * Returns null for a malformed network: a mask that is too long, or address bits set after it. sshd then
   * refuses the key from every address.
   */
  static parse(list: string): AddressPatterns | null {
    const patterns: Pattern[] = [];
    for (const item of list.split(',')) {
      const pattern = parsePattern(item.trim());
      if (pattern === null) return null;
      patterns.push(pattern);
    }
    return new AddressPatterns(patterns, list);
  }

  /** Reports whether a pattern matches the address and no negated pattern does. */
  match(remoteAddress: string): boolean {
    const text = canonicalAddress(remoteAddress);
    const address = parseIpAddress(remoteAddress);
    let isMatched = false;
    for (const pattern of this.#patterns) {
      if (!pattern.matches(text, address)) continue;
      if (pattern.isNegated) return false;
      isMatched = true;
    }
    return isMatched;
  }
}

function parsePattern(item: string): Pattern | null {
  const isNegated = item.startsWith('!');
  const text = isNegated ? item.slice(1) : item;
  const [host = '', mask] = text.split('/');
  const network = parseIpAddress(host);
  if (network === null) {
    const wildcard = wildcardExpression(text);
    return { isNegated, matches: (remote) => wildcard.test(remote) };
  }
  const bits = network.length * 8;
  if (mask !== undefined && !/^\d{1,3}$/.test(mask)) return null;
  const prefixLength = mask === undefined ? bits : Number(mask);
  if (prefixLength > bits || !hasZerosAfter(network, prefixLength)) return null;
  return {
    isNegated,
    matches: (_remote, address) => address !== null && sharesPrefix(network, address, prefixLength),
  };
}

function hasZerosAfter(network: Uint8Array, prefixLength: number): boolean {
  return network.every((byte, at) => {
    const kept = Math.min(8, Math.max(0, prefixLength - at * 8));
    return (byte & (0xff >> kept)) === 0;
  });
}

function wildcardExpression(pattern: string): RegExp {
  const source = pattern
    .replace(/\*+/g, '*')
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${source}$`, 'is');
}
