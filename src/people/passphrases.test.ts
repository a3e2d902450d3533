import { describe, expect, it } from 'vitest';
import { parseAdminName } from './names.js';
import { checkPassphrase } from './passphrases.js';

describe('a passphrase', () => {
  const words = 'abcdefghijkl';
  it.each([
    ['12 characters', words],
    ['256 characters', words.repeat(22).slice(0, 256)],
    ['12 characters outside the basic plane', '😀😁😂🤣😃😄😅😆😉😊😋😎'],
    ['five different characters', 'abcdeabcdeab'],
    ['the name and four characters more', 'alicealicewxyz'],
    ['a name of three letters, repeated', 'eve eve eve abd'],
  ])('may have %s', (_what, passphrase) => {
    const name = passphrase.startsWith('eve') ? 'eve' : 'alice';
    expect(() => checkPassphrase(passphrase, name)).not.toThrow();
  });

  it.each([
    ['11 characters', words.slice(1)],
    ['11 characters outside the basic plane', '😀😁😂🤣😃😄😅😆😉😊😋'],
    ['257 characters', words.repeat(22).slice(0, 257)],
    ['four different characters', 'abcdabcdabcd'],
    ['little more than the name', 'alicealicexyz'],
    ['little more than the name in other letters', 'xALICEaliceyz'],
  ])('does not have %s', (_what, passphrase) => {
    expect(() => checkPassphrase(passphrase, 'Alice')).toThrow(expect.objectContaining({ kind: 'invalid' }));
  });

  it('may consist of a name that is too short to count', () => {
    expect(() => checkPassphrase('1234512345 abc', 'abc')).not.toThrow();
    expect(() => checkPassphrase('abcdeabcdeabcde', 'abcde')).toThrow(
      expect.objectContaining({ kind: 'invalid' }),
    );
    expect(() => checkPassphrase('abcdabcdabcdefg', 'abcd')).toThrow(
      expect.objectContaining({ kind: 'invalid' }),
    );
  });
});

describe('the name of a person', () => {
  it.each([
    ['Alice', 'alice'],
    ['  a ', 'a'],
    ['0.b_c@d+e-f', '0.b_c@d+e-f'],
    ['a'.repeat(100), 'a'.repeat(100)],
  ])('%j is %j', (text, name) => expect(parseAdminName(text)).toBe(name));

  it.each(['', ' ', '.a', '@a', '-a', 'a b', 'a/b', 'ä', 'a\nb', 'a\0', `a${'b'.repeat(100)}`])(
    '%j is refused',
    (text) => expect(() => parseAdminName(text)).toThrow(expect.objectContaining({ kind: 'invalid' })),
  );
});
