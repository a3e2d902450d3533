import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ProtocolError } from './fault.js';
import { Message, messageKind } from './message-numbers.js';
import { WireReader } from './reader.js';
import { encodeMpint, WireWriter } from './writer.js';

const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex');

describe('mpint', () => {
  // RFC 4251 section 5.
  const examples: readonly (readonly [string, string])[] = [
    ['', '00000000'],
    ['09a378f9b2e332a7', '00000008 09a378f9b2e332a7'],
    ['80', '00000002 0080'],
  ];

  it.each(examples)('encodes and decodes the example %s of the RFC', (magnitude, encoded) => {
    expect(encodeMpint(hex(magnitude))).toEqual(hex(encoded));
    expect(new WireReader(hex(encoded)).mpint()).toEqual(hex(magnitude));
  });

  it('drops leading zeros when it encodes', () => {
    expect(encodeMpint(hex('0000 7f'))).toEqual(hex('00000001 7f'));
    expect(encodeMpint(hex('0000'))).toEqual(hex('00000000'));
  });

  it.each([
    ['a negative number', '00000002 edcc'],
    ['a needless leading zero', '00000002 007f'],
    ['a zero that is not empty', '00000001 00'],
  ])('refuses %s', (_, encoded) => {
    expect(() => new WireReader(hex(encoded)).mpint()).toThrow(ProtocolError);
  });
});

describe('name-list', () => {
  it.each([
    [[], '00000000'],
    [['zlib'], '00000004 7a6c6962'],
    [['zlib', 'none'], '00000009 7a6c69622c6e6f6e65'],
  ])('encodes and decodes the example %j of RFC 4251', (names, encoded) => {
    expect(new WireWriter().nameList(names).finish()).toEqual(hex(encoded));
    expect(new WireReader(hex(encoded)).nameList()).toEqual(names);
  });

  it.each([['a\0b'], ['\u00e9'], ['x,'.repeat(300)], [','.repeat(300)]])('refuses %j', (list) => {
    expect(() => new WireReader(new WireWriter().string(list).finish()).nameList()).toThrow(ProtocolError);
  });

  it.each([
    [',', []],
    ['a,', ['a']],
    [',a', ['a']],
    ['a,,b', ['a', 'b']],
  ])('ignores empty names, which libssh sends: %j', (list, names) => {
    expect(new WireReader(new WireWriter().string(list).finish()).nameList()).toEqual(names);
  });
});

describe('text', () => {
  it('refuses bytes that are not UTF-8', () => {
    expect(() => new WireReader(hex('00000002 c3 28')).text()).toThrow('not UTF-8');
  });

  it('refuses a string above the bound', () => {
    expect(() => new WireReader(hex('00000003 616263')).text(2)).toThrow('at most 2');
  });
});

describe('reader and writer', () => {
  it('reads back every sequence of values that was written', () => {
    const value = fc.oneof(
      fc.record({ kind: fc.constant('u8' as const), value: fc.integer({ min: 0, max: 255 }) }),
      fc.record({ kind: fc.constant('u32' as const), value: fc.integer({ min: 0, max: 0xffff_ffff }) }),
      fc.record({ kind: fc.constant('u64' as const), value: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }) }),
      fc.record({ kind: fc.constant('boolean' as const), value: fc.boolean() }),
      fc.record({ kind: fc.constant('string' as const), value: fc.uint8Array({ maxLength: 600 }) }),
      fc.record({ kind: fc.constant('text' as const), value: fc.string({ unit: 'grapheme' }) }),
      fc.record({ kind: fc.constant('mpint' as const), value: fc.bigInt({ min: 0n, max: 2n ** 2048n }) }),
    );
    fc.assert(
      fc.property(fc.array(value, { maxLength: 20 }), (values) => {
        const writer = new WireWriter(1);
        for (const item of values) {
          if (item.kind === 'u8') writer.u8(item.value);
          else if (item.kind === 'u32') writer.u32(item.value);
          else if (item.kind === 'u64') writer.u64(item.value);
          else if (item.kind === 'boolean') writer.boolean(item.value);
          else if (item.kind === 'mpint') writer.mpint(magnitudeOf(item.value));
          else writer.string(item.value);
        }
        const reader = new WireReader(writer.finish());
        for (const item of values) {
          if (item.kind === 'mpint') expect(reader.mpint()).toEqual(magnitudeOf(item.value));
          else if (item.kind === 'string') expect(Uint8Array.from(reader.string())).toEqual(item.value);
          else expect(reader[item.kind]()).toBe(item.value);
        }
        reader.end();
      }),
    );
  });

  it('throws nothing but a ProtocolError for arbitrary bytes', () => {
    const methods = [
      'u8',
      'u32',
      'u64',
      'boolean',
      'string',
      'text',
      'name',
      'nameList',
      'mpint',
      'rest',
      'end',
    ] as const;
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), fc.array(fc.constantFrom(...methods)), (bytes, calls) => {
        const reader = new WireReader(bytes);
        try {
          for (const call of calls) reader[call]();
        } catch (error) {
          expect(error).toBeInstanceOf(ProtocolError);
        }
      }),
    );
  });
});

describe('messageKind', () => {
  it('sorts numbers by the ranges of RFC 4250', () => {
    expect([1, 19, 20, 21, 30, 49, 50, 79, 80, 127, 128, 192].map(messageKind)).toEqual([
      'transport',
      'transport',
      'kexInit',
      'newKeys',
      'kexMethod',
      'kexMethod',
      'userauth',
      'userauth',
      'connection',
      'connection',
      'other',
      'other',
    ]);
    expect(messageKind(Message.channelData)).toBe('connection');
  });
});

function magnitudeOf(value: bigint): Buffer {
  if (value === 0n) return Buffer.alloc(0);
  const digits = value.toString(16);
  return Buffer.from(digits.length % 2 === 0 ? digits : `0${digits}`, 'hex');
}
