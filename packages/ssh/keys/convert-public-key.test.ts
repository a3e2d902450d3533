import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { KeygenDirectory } from '../testing/ssh-keygen.js';
import { makeUserKey } from '../testing/user-keys.js';
import { convertPublicKeys, isSsh2PublicKey } from './convert-public-key.js';
import { KeyError } from './key-error.js';
import { parseKeyLine } from './key-line.js';
import { parsePublicKey } from './public-key.js';

const key = makeUserKey('ssh-ed25519').blob.toString('base64');
const block = (...lines: readonly string[]) =>
  ['---- BEGIN SSH2 PUBLIC KEY ----', ...lines, '---- END SSH2 PUBLIC KEY ----', ''].join('\r\n');

describe.skipIf(!KeygenDirectory.isInstalled)('a key that ssh-keygen -e exported', () => {
  const directory = new KeygenDirectory();
  afterAll(() => directory.remove());

  it.each(['ed25519', 'ecdsa', 'rsa'])('of type %s is converted back', (type) => {
    const line = directory.make(type, type);
    const exported = directory.run('-e', '-f', `${type}.pub`);
    expect(isSsh2PublicKey(exported)).toBe(true);
    const converted = convertPublicKeys(exported).trim();
    expect(converted.split(' ').slice(0, 2)).toEqual(line.split(' ').slice(0, 2));
    expect(parsePublicKey(parseKeyLine(converted).blob).fingerprint).toMatch(/^SHA256:/);
  });
});

describe('the conversion of public keys', () => {
  it('reads the file that PuTTYgen saves', () => {
    const text = block('Comment: "ed25519-key-20260101"', key.slice(0, 64), key.slice(64));
    expect(convertPublicKeys(text).trim()).toBe(`ssh-ed25519 ${key} ed25519-key-20260101`);
  });

  it('joins headers that continue on the next line and ignores unknown ones', () => {
    const text = block('Subject: me', 'x-thing: a\\', 'b: c', 'Comment: "one \\', 'two"', key);
    expect(convertPublicKeys(text).trim()).toBe(`ssh-ed25519 ${key} one two`);
  });

  it('reads a key without headers', () => {
    expect(convertPublicKeys(block(key)).trim()).toBe(`ssh-ed25519 ${key}`);
  });

  it('leaves other lines as they are and converts every block', () => {
    const text = `# mine\nssh-ed25519 ${key} x\n${block(key)}${block('Comment: y', key)}`;
    expect(convertPublicKeys(text).split('\n').filter(Boolean)).toEqual([
      '# mine',
      `ssh-ed25519 ${key} x`,
      `ssh-ed25519 ${key}`,
      `ssh-ed25519 ${key} y`,
    ]);
  });

  it('does not let a comment begin a line of its own', () => {
    const text = block('Comment: "a\u2028\u0085\u000b b"', key);
    expect(
      convertPublicKeys(text)
        .trim()
        .split(/[\r\n]/),
    ).toHaveLength(1);
  });

  it.each([
    ['PuTTY-User-Key-File-3: ssh-ed25519\r\nEncryption: none\r\n', 'private'],
    ['-----BEGIN OPENSSH PRIVATE KEY-----\n', 'private'],
    ['-----BEGIN RSA PRIVATE KEY-----\n', 'private'],
    ['---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\n', 'private'],
    [block(), 'malformed'],
    [block('AAAA'), 'malformed'],
    [block(key.slice(4)), 'malformed'],
    [block(`${key}!`), 'malformed'],
    [block('---- BEGIN SSH2 PUBLIC KEY ----', key), 'malformed'],
    ['---- BEGIN SSH2 PUBLIC KEY ----\n', 'malformed'],
    ['x'.repeat(300_000), 'malformed'],
  ])('refuses %j', (text, problem) => {
    try {
      convertPublicKeys(text);
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(KeyError);
      expect((error as KeyError).problem).toBe(problem);
    }
  });

  it('throws nothing but a KeyError on arbitrary text', () => {
    const line = fc.oneof(fc.string(), fc.constantFrom(key, 'Comment: x\\', ...block('a').split('\r\n')));
    fc.assert(
      fc.property(fc.array(line), (lines) => {
        try {
          expect(convertPublicKeys(lines.join('\n'))).toBeTypeOf('string');
        } catch (error) {
          expect(error).toBeInstanceOf(KeyError);
        }
      }),
      { numRuns: 2000 },
    );
  });
});
