import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeListed } from './listed-name.js';

describe('a listed name', () => {
  it('is decoded from either encoding', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 40 }), (name) => {
        expect(decodeListed(encodeURIComponent(name))).toBe(name);
        expect(decodeListed(encodeURIComponent(name).replaceAll('%20', '+').replaceAll('%2F', '/'))).toBe(
          name,
        );
      }),
    );
  });

  it('that is not UTF-8 is marked and does not fail the page', () => {
    expect(decodeListed('a%FFb%20%C3%A9')).toBe('a\ufffdb é');
    expect(decodeListed('50%')).toBe('50%');
  });
});
