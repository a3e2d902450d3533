import { BlockList } from 'node:net';
import { parseIpAddress } from '@sftpgw/ssh';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AddressPatterns } from './address-patterns.js';
import { sharesPrefix } from './addresses.js';

describe('from="..."', () => {
  it.each([
    ['192.0.2.1', '192.0.2.1', true],
    ['192.0.2.1', '192.0.2.10', false],
    ['192.0.2.1', '::ffff:192.0.2.1', true],
    ['192.0.2.0/24', '192.0.2.255', true],
    ['192.0.2.0/24', '192.0.3.0', false],
    ['0.0.0.0/0', '203.0.113.9', true],
    ['0.0.0.0/0', '2001:db8::1', false],
    ['2001:db8::/32', '2001:db8:ffff::1', true],
    ['2001:db8::/32', '2001:db9::1', false],
    ['2001:DB8::1', '2001:db8:0:0::1', true],
    ['fe80::1', 'fe80::1%eth0', true],
    ['192.0.2.*', '192.0.2.77', true],
    ['192.0.2.*', '192.0.20.7', false],
    ['192.0.2.*', '::ffff:192.0.2.7', true],
    ['FE80::*', 'fe80::1%eth0', true],
    ['192.0.2.?', '192.0.2.7', true],
    ['192.0.2.?', '192.0.2.77', false],
    ['*', '2001:db8::1', true],
    ['192.0.2.1,198.51.100.0/24', '198.51.100.3', true],
    ['192.0.2.0/24,!192.0.2.66', '192.0.2.66', false],
    ['!192.0.2.66,192.0.2.0/24', '192.0.2.65', true],
    ['!192.0.2.66,192.0.2.0/24', '192.0.2.66', false],
    ['!192.0.2.0/24,*', '192.0.2.66', false],
    ['192.0.2.66,!192.0.2.0/24,*', '192.0.2.66', false],
    ['!192.0.2.66', '192.0.2.65', false],
    ['*,!192.0.2.*', '192.0.2.1', false],
    ['*.example.org', '192.0.2.1', false],
    ['host.example.org,192.0.2.1', '192.0.2.1', true],
    ['192.0.2.1', 'not an address', false],
    ['', '192.0.2.1', false],
  ])('%j matches %s: %s', (list, address, expected) => {
    expect(AddressPatterns.parse(list)?.match(address)).toBe(expected);
  });

  it.each([
    '192.0.2.1/24',
    '192.0.2.0/33',
    '2001:db8::1/32',
    '192.0.2.0/x',
    '192.0.2.0/',
    '192.0.2.1,10.0.0.0/40',
  ])('refuses the malformed network %s', (list) => {
    expect(AddressPatterns.parse(list)).toBeNull();
  });
});

it('a network contains the same addresses as in net.BlockList', () => {
  const mixed = fc.oneof(fc.ipV4(), fc.ipV6());
  fc.assert(
    fc.property(mixed, mixed, fc.nat(128), (network, address, length) => {
      const [a, b] = [parseIpAddress(network), parseIpAddress(address)];
      if (a === null || b === null || a.length !== b.length) return;
      const prefixLength = Math.min(length, a.length * 8);
      const list = new BlockList();
      const text = (bytes: Uint8Array, original: string): string =>
        bytes.length === 4 ? bytes.join('.') : original;
      const family = a.length === 4 ? 'ipv4' : 'ipv6';
      list.addSubnet(text(a, network), prefixLength, family);
      expect(sharesPrefix(a, b, prefixLength)).toBe(list.check(text(b, address), family));
    }),
    { numRuns: 2000 },
  );
});
