import { afterAll, describe, expect, it } from 'vitest';
import { KeygenDirectory } from '../testing/ssh-keygen.js';
import { makeUserKey } from '../testing/user-keys.js';
import { WireReader } from '../wire/reader.js';
import { WireWriter } from '../wire/writer.js';
import { KeyError } from './key-error.js';
import { decodeKeyBase64, isKeyType, parseKeyLine } from './key-line.js';
import { keyTypes, type PublicKeyType } from './key-types.js';
import { maxKeyBytes, parsePublicKey } from './public-key.js';

const types = Object.keys(keyTypes) as PublicKeyType[];

function problemOf(action: () => unknown): string | undefined {
  try {
    action();
    return undefined;
  } catch (error) {
    if (error instanceof KeyError) return error.problem;
    throw error;
  }
}

describe.skipIf(!KeygenDirectory.isInstalled)('a key that ssh-keygen made', () => {
  const directory = new KeygenDirectory();
  afterAll(() => directory.remove());

  it.each([
    ['ed25519', undefined, 'ssh-ed25519'],
    ['ecdsa', 256, 'ecdsa-sha2-nistp256'],
    ['ecdsa', 384, 'ecdsa-sha2-nistp384'],
    ['ecdsa', 521, 'ecdsa-sha2-nistp521'],
    ['rsa', 2048, 'ssh-rsa'],
    ['rsa', 3072, 'ssh-rsa'],
  ])('of type %s %s is read, with the fingerprint of ssh-keygen', (type, bits, name) => {
    const file = `${type}-${bits}`;
    const line = parseKeyLine(directory.make(file, type, bits));
    const key = parsePublicKey(line.blob);
    expect(key.type).toBe(name);
    expect(line).toMatchObject({ type: name, comment: file });
    expect(key.blob).toEqual(line.blob);
    expect(directory.run('-l', '-f', `${file}.pub`)).toContain(` ${key.fingerprint} `);
  });

  it('of type RSA with 1024 bits is refused as weak', () => {
    const { blob } = parseKeyLine(directory.make('short', 'rsa', 1024));
    expect(() => parsePublicKey(blob)).toThrow('RSA key of 1024 bits: expected at least 2048');
    expect(problemOf(() => parsePublicKey(blob))).toBe('weak');
  });

  it('of type DSA is refused', () => {
    const { blob, type } = parseKeyLine(directory.make('dsa', 'dsa'));
    expect(type).toBe('ssh-dss');
    expect(problemOf(() => parsePublicKey(blob))).toBe('unsupported');
  });
});

describe('a public key', () => {
  it('keeps no memory but its own: a session holds it as long as it lasts', () => {
    const { blob } = parsePublicKey(makeUserKey('ssh-ed25519').blob);
    expect(blob.buffer.byteLength).toBe(blob.byteLength);
  });

  it.each(types)('of type %s is read, with its application if it is a FIDO key', (type) => {
    const key = parsePublicKey(makeUserKey(type).blob);
    expect(key.type).toBe(type);
    expect(key.application?.toString()).toBe(type.startsWith('sk-') ? 'ssh:' : undefined);
  });

  it.each(types)('of type %s has memory of its own', (type) => {
    const { blob } = makeUserKey(type);
    const key = parsePublicKey(blob);
    const copy = Buffer.from(key.blob);
    blob.fill(0);
    expect(key.blob).toEqual(copy);
  });

  it.each(types)('of type %s is refused when it is cut off or too long', (type) => {
    const { blob } = makeUserKey(type);
    for (let length = 0; length < blob.length; length++) {
      expect(problemOf(() => parsePublicKey(blob.subarray(0, length)))).toMatch(/malformed|unsupported/);
    }
    expect(problemOf(() => parsePublicKey(Buffer.concat([blob, Buffer.of(0)])))).toBe('malformed');
    expect(problemOf(() => parsePublicKey(Buffer.alloc(maxKeyBytes + 1)))).toBe('malformed');
  });

  it('is refused in an encoding that is not canonical, so that revoking it is sound', () => {
    const reader = new WireReader(makeUserKey('ssh-rsa').blob);
    reader.string();
    const e = reader.mpint();
    const n = reader.mpint();
    const padded = new WireWriter()
      .string('ssh-rsa')
      .mpint(e)
      .string(Buffer.concat([Buffer.alloc(2), n]))
      .finish();
    expect(problemOf(() => parsePublicKey(padded))).toBe('malformed');
    const negative = new WireWriter().string('ssh-rsa').mpint(e).string(n).finish();
    expect(problemOf(() => parsePublicKey(negative))).toBe('malformed');
  });

  it('is refused when its point is not on the curve or is compressed', () => {
    const wrong = (point: Buffer) =>
      new WireWriter().string('ecdsa-sha2-nistp256').string('nistp256').string(point).finish();
    expect(problemOf(() => parsePublicKey(wrong(Buffer.concat([Buffer.of(4), Buffer.alloc(64, 1)]))))).toBe(
      'malformed',
    );
    expect(problemOf(() => parsePublicKey(wrong(Buffer.concat([Buffer.of(2), Buffer.alloc(32, 1)]))))).toBe(
      'malformed',
    );
    const reader = new WireReader(makeUserKey('ecdsa-sha2-nistp256').blob);
    reader.string();
    reader.string();
    const misnamed = new WireWriter()
      .string('ecdsa-sha2-nistp256')
      .string('nistp384')
      .string(reader.string())
      .finish();
    expect(problemOf(() => parsePublicKey(misnamed))).toBe('malformed');
    const { blob } = makeUserKey('ecdsa-sha2-nistp384');
    const renamed = Buffer.from(blob.toString('latin1').replaceAll('nistp384', 'nistp256'), 'latin1');
    expect(problemOf(() => parsePublicKey(renamed))).toBe('malformed');
  });

  it('of type RSA is refused with a huge or even exponent, an even modulus or too many bits', () => {
    const rsa = (e: Buffer, n: Buffer) => new WireWriter().string('ssh-rsa').mpint(e).mpint(n).finish();
    const n = Buffer.alloc(256, 0xff);
    expect(problemOf(() => parsePublicKey(rsa(Buffer.of(1, 0, 1), n)))).toBeUndefined();
    expect(problemOf(() => parsePublicKey(rsa(Buffer.alloc(5, 1), n)))).toBe('unsupported');
    expect(problemOf(() => parsePublicKey(rsa(Buffer.of(2), n)))).toBe('unsupported');
    expect(problemOf(() => parsePublicKey(rsa(Buffer.of(1), n)))).toBe('unsupported');
    expect(problemOf(() => parsePublicKey(rsa(Buffer.of(3), Buffer.alloc(256, 0xfe))))).toBe('unsupported');
    expect(problemOf(() => parsePublicKey(rsa(Buffer.of(3), Buffer.alloc(2050, 0xff))))).toBe('malformed');
    expect(problemOf(() => parsePublicKey(rsa(Buffer.of(3), Buffer.alloc(0))))).toBe('weak');
    const bits = (first: number) => Buffer.concat([Buffer.of(first), Buffer.alloc(2048, 0xff)]);
    expect(problemOf(() => parsePublicKey(rsa(Buffer.of(3), bits(0))))).toBeUndefined();
    expect(problemOf(() => parsePublicKey(rsa(Buffer.of(3), bits(1))))).toBe('unsupported');
  });
});

describe('a line with a key', () => {
  const line = `ssh-ed25519 ${makeUserKey('ssh-ed25519').blob.toString('base64')} alice at home`;

  it('has a comment with blanks', () => {
    expect(parseKeyLine(`  ${line}\r\n`).comment).toBe('alice at home');
  });

  it.each([
    ['', 'malformed'],
    ['hello', 'malformed'],
    [line.replace('ssh-ed25519', 'ssh-rsa'), 'malformed'],
    [line.slice(0, 20), 'malformed'],
    ['ssh-ed25519 ???', 'malformed'],
    ['-----BEGIN OPENSSH PRIVATE KEY-----', 'private'],
  ])('is refused: %s', (text, problem) => {
    expect(problemOf(() => parseKeyLine(text))).toBe(problem);
  });

  it('has a type that SSH knows', () => {
    for (const type of types) {
      expect(isKeyType(type)).toBe(true);
      expect(isKeyType(keyTypes[type].certificateType)).toBe(true);
    }
    expect(isKeyType('ssh-dss')).toBe(true);
    expect(isKeyType('command="x"')).toBe(false);
    expect(problemOf(() => decodeKeyBase64('AAAA', ''))).toBe('malformed');
  });
});
