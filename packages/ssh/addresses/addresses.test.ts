import { BlockList } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CidrList } from './cidr-list.js';
import { formatIpAddress, parseIpAddress } from './ip-address.js';

describe('an IP address', () => {
  it.each([
    ['192.0.2.1', 'c0000201'],
    ['::ffff:192.0.2.1', 'c0000201'],
    ['::FFFF:c000:201', 'c0000201'],
    ['::', '00'.repeat(16)],
    ['::1', `${'00'.repeat(15)}01`],
    ['2001:db8::', `20010db8${'00'.repeat(12)}`],
    ['1:2:3:4:5:6:7:8', '00010002000300040005000600070008'],
    ['64:ff9b::192.0.2.33', '0064ff9b0000000000000000c0000221'],
    ['fe80::1%eth0', `fe80${'00'.repeat(13)}01`],
  ])('in the form %s has the bytes %s', (text, hex) => {
    expect(parseIpAddress(text)?.toString('hex')).toBe(hex);
  });

  it.each(['', 'localhost', '1.2.3', '1.2.3.4.5', '256.1.1.1', '::1%', '1::2::3', '1.2.3.4/8', ' ::1'])(
    'does not have the form %j',
    (text) => expect(parseIpAddress(text)).toBeNull(),
  );

  it('has the same bytes after formatting and parsing', () => {
    const bytes = fc.oneof(
      fc.uint8Array({ minLength: 4, maxLength: 4 }),
      fc.uint8Array({ minLength: 16, maxLength: 16 }),
      fc
        .array(fc.constantFrom(0, 0, 0, 255), { minLength: 16, maxLength: 16 })
        .map((b) => Uint8Array.from(b)),
    );
    fc.assert(
      fc.property(bytes, (address) => {
        const again = parseIpAddress(formatIpAddress(address));
        expect(again).not.toBeNull();
        expect(formatIpAddress(again ?? Buffer.alloc(4))).toBe(formatIpAddress(address));
      }),
    );
  });

  it('is formatted as RFC 5952 requires', () => {
    expect(formatIpAddress(Buffer.from('20010db8000000000001000000000001', 'hex'))).toBe('2001:db8::1:0:0:1');
    expect(formatIpAddress(Buffer.from('00000000000000000000ffff01020304', 'hex'))).toBe('1.2.3.4');
  });
});

describe('a list of networks', () => {
  it.each([
    ['192.0.2.0/24', '192.0.2.255', true],
    ['192.0.2.0/24', '192.0.3.0', false],
    ['192.0.2.0/24', '::ffff:192.0.2.9', true],
    ['::ffff:192.0.2.0/120', '192.0.2.9', true],
    ['192.0.2.7', '192.0.2.7', true],
    ['0.0.0.0/0', '8.8.8.8', true],
    ['0.0.0.0/0', '::1', false],
    ['2001:db8::/32', '2001:db8:ffff::1', true],
    ['10.0.0.0/8,!10.1.0.0/16', '10.1.2.3', false],
    ['10.0.0.0/8,!10.1.0.0/16', '10.2.2.3', true],
    ['10.0.0.0/8', 'not an address', false],
  ])('%s contains %s: %s', (list, address, isContained) => {
    expect(CidrList.parse(list)?.contains(address)).toBe(isContained);
  });

  it.each([
    '',
    ',',
    '10.0.0.0/33',
    '10.0.0.1/8',
    'host',
    '10.0.0.0/8,',
    '10.0.0.0/-1',
    '::/129',
    '10.0.0.0/ 8',
    'fe80::1%eth0',
  ])('does not have the form %j', (list) => expect(CidrList.parse(list)).toBeNull());

  it('agrees with the BlockList of Node', () => {
    fc.assert(
      fc.property(fc.ipV4(), fc.ipV4(), fc.integer({ min: 1, max: 32 }), (network, other, bits) => {
        const masked = ((parseIpAddress(network)?.readUInt32BE() ?? 0) & (-1 << (32 - bits))) >>> 0;
        const base = [24, 16, 8, 0].map((shift) => (masked >>> shift) & 255).join('.');
        const list = new BlockList();
        list.addSubnet(base, bits, 'ipv4');
        expect(CidrList.parse(`${base}/${bits}`)?.contains(other)).toBe(list.check(other, 'ipv4'));
        expect(CidrList.parse(`${base}/${bits}`)?.contains(network)).toBe(true);
      }),
    );
  });

  it('never throws', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (list, address) => void CidrList.parse(list)?.contains(address)),
    );
  });
});
