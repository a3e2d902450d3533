import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { CustomerKey } from '../model/customer-key.js';
import { checkNewKey, weaknessOf } from './weak-keys.js';

const page = CustomerKey.fromBase64('fS9LLRGAy8twrmcPSjhT9d0IhWPq4mhY93dFD5uaMEs=');
const keyOf = (byteAt: (index: number) => number) =>
  CustomerKey.fromBytes(Uint8Array.from({ length: 32 }, (_, index) => byteAt(index)));

describe('a weak key', () => {
  it.each([
    ['the key of the page', page, /is the example key of the documentation of SFTP Gateway/],
    [
      'the key of S3 examples',
      CustomerKey.fromBase64('pO3upElrwuEXSoFwCfnZPdSsmt/xWeFa0N9KgDijwVs='),
      /is the example key/,
    ],
    ['zeros', keyOf(() => 0), /all its bytes are equal/],
    ['one byte', keyOf(() => 0x41), /all its bytes are equal/],
    ['two bytes', keyOf((index) => index % 2), /only 2 different bytes/],
    ['half of a key, twice', keyOf((index) => (index % 15) * 7), /only 15 different bytes/],
    ['a sequence', keyOf((index) => (250 + index) % 256), /a sequence/],
    ['a sequence backwards', keyOf((index) => 255 - 3 * index), /a sequence/],
    ['a passphrase', CustomerKey.fromBytes(Buffer.from('32byteslongsecretkeymustbegiven2')), /text/],
  ])('is recognised: %s', (_, key, reason) => {
    expect(weaknessOf(key)?.text).toMatch(reason);
  });

  it('is never a random one', () => {
    for (let i = 0; i < 10_000; i += 1) expect(weaknessOf(CustomerKey.fromBytes(randomBytes(32)))).toBeNull();
  });
});

describe('a new key', () => {
  const use = (username: string | null, allowsExample = false) => ({ username, allowsExample });

  it('may not be an example, except for the user of the walk-through or if that is allowed', () => {
    for (const username of ['bob', 'testuser2', null])
      expect(() => checkNewKey(page, use(username))).toThrow(/which anyone can know.*--allow-example-key/);
    for (const allowed of [use('testuser'), use('bob', true)])
      expect(checkNewKey(page, allowed)).toMatch(/^The key 661490c1\w+ is the example key/);
  });

  it('that can be guessed is accepted with a warning, and a random one without', () => {
    expect(
      checkNewKey(
        keyOf(() => 1),
        use('bob'),
      ),
    ).toMatch(/can be guessed: all its bytes are equal/);
    expect(checkNewKey(CustomerKey.fromBytes(randomBytes(32)), use('bob'))).toBeNull();
  });
});
