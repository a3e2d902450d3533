import { sign } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { makeUserKey } from '../testing/user-keys.js';
import { WireReader } from '../wire/reader.js';
import { WireWriter } from '../wire/writer.js';
import { KeyError } from './key-error.js';
import { keyTypes, type PublicKeyType } from './key-types.js';
import { parsePublicKey } from './public-key.js';
import { checkSignature } from './signature.js';
import { serverSignatureAlgorithms, signatureAlgorithms } from './signature-algorithms.js';

const data = Buffer.from('the data that is signed');
const pairs = new Map((Object.keys(keyTypes) as PublicKeyType[]).map((type) => [type, makeUserKey(type)]));
const plain = serverSignatureAlgorithms.map(
  (name) => [name, signatureAlgorithms.get(name)?.keyType ?? 'ssh-rsa'] as const,
);

function pairOf(type: PublicKeyType) {
  const pair = pairs.get(type) ?? makeUserKey(type);
  return { pair, key: parsePublicKey(pair.blob) };
}

describe('a signature', () => {
  it.each(plain)('%s is valid for the data and no other', (name, type) => {
    const { pair, key } = pairOf(type);
    const signature = pair.sign(data, name);
    expect(checkSignature(key, name, data, signature)).toEqual({
      isValid: true,
      isUserPresent: true,
      isUserVerified: false,
    });
    expect(checkSignature(key, name, Buffer.from('other data'), signature).isValid).toBe(false);
    expect(checkSignature(parsePublicKey(makeUserKey(type).blob), name, data, signature).isValid).toBe(false);
  });

  it.each(plain)('%s is refused with every bit flipped', (name, type) => {
    const { pair, key } = pairOf(type);
    const signature = pair.sign(data, name);
    for (let bit = 0; bit < signature.length * 8; bit += 3) {
      const damaged = Buffer.from(signature);
      damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      try {
        expect(checkSignature(key, name, data, damaged).isValid, `bit ${bit}`).toBe(false);
      } catch (error) {
        expect(error).toBeInstanceOf(KeyError);
      }
    }
  });

  it.each(plain)('%s is refused when its name is not the announced one', (name, type) => {
    const { pair, key } = pairOf(type);
    const signature = pair.sign(data, name);
    for (const other of serverSignatureAlgorithms.filter((algorithm) => algorithm !== name)) {
      expect(checkSignature(key, other, data, signature).isValid).toBe(false);
    }
  });

  it('with SHA-1 is refused, whatever is announced', () => {
    const { pair, key } = pairOf('ssh-rsa');
    for (const announced of ['ssh-rsa', 'rsa-sha2-256', 'rsa-sha2-512']) {
      expect(checkSignature(key, announced, data, pair.sign(data, 'ssh-rsa')).isValid).toBe(false);
    }
    const renamed = new WireWriter()
      .string('rsa-sha2-256')
      .string(sign('sha1', data, pair.privateKey))
      .finish();
    expect(checkSignature(key, 'rsa-sha2-256', data, renamed).isValid).toBe(false);
  });

  it('of RSA is accepted without its leading zeros and refused with bytes in front', () => {
    const { pair, key } = pairOf('ssh-rsa');
    const text = Array.from({ length: 3000 }, (_, at) => Buffer.from(`text ${at}`));
    const found = text.find((item) => sign('sha256', item, pair.privateKey)[0] === 0) ?? data;
    const value = sign('sha256', found, pair.privateKey);
    expect(value[0]).toBe(0);
    const wire = (bytes: Uint8Array) => new WireWriter().string('rsa-sha2-256').string(bytes).finish();
    expect(checkSignature(key, 'rsa-sha2-256', found, wire(value.subarray(1))).isValid).toBe(true);
    expect(
      checkSignature(key, 'rsa-sha2-256', found, wire(Buffer.concat([Buffer.of(0), value]))).isValid,
    ).toBe(false);
  });

  it('of ECDSA is refused with zero, negative and oversized numbers', () => {
    const { key } = pairOf('ecdsa-sha2-nistp256');
    const wire = (r: Uint8Array, s: Uint8Array) =>
      new WireWriter()
        .string('ecdsa-sha2-nistp256')
        .string(new WireWriter().string(r).string(s).finish())
        .finish();
    for (const number of [
      Buffer.alloc(0),
      Buffer.of(1),
      Buffer.alloc(32, 0xff),
      Buffer.alloc(40, 1),
      Buffer.alloc(33),
    ]) {
      expect(checkSignature(key, 'ecdsa-sha2-nistp256', data, wire(number, number)).isValid).toBe(false);
    }
  });

  it('of ECDSA is refused when the sign byte of a number is missing', () => {
    const { pair, key } = pairOf('ecdsa-sha2-nistp256');
    const wire = (r: Uint8Array, s: Uint8Array) =>
      new WireWriter().string(pair.type).string(new WireWriter().string(r).string(s).finish()).finish();
    const pairs = Array.from({ length: 64 }, () =>
      sign('sha256', data, { key: pair.privateKey, dsaEncoding: 'ieee-p1363' }),
    );
    const found =
      pairs.find((both) => (both[0] ?? 0) >= 0x80 && (both[32] ?? 0) < 0x80 && both[32] !== 0) ?? data;
    const [r, s] = [found.subarray(0, 32), found.subarray(32)];
    expect(checkSignature(key, pair.type, data, wire(Buffer.concat([Buffer.of(0), r]), s)).isValid).toBe(
      true,
    );
    expect(checkSignature(key, pair.type, data, wire(r, s)).isValid).toBe(false);
  });

  it('with the name of a certificate algorithm is refused', () => {
    const { pair, key } = pairOf('ssh-ed25519');
    const name = keyTypes['ssh-ed25519'].certificateType;
    expect(checkSignature(key, name, data, pair.sign(data, name)).isValid).toBe(false);
  });

  it('throws nothing but a KeyError on arbitrary bytes', () => {
    const signatures = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc
        .tuple(
          fc.constantFrom(...plain.map(([name]) => name)),
          fc.uint8Array({ maxLength: 600 }),
          fc.uint8Array({ maxLength: 8 }),
        )
        .map(([name, value, rest]) => new WireWriter().string(name).string(value).raw(rest).finish()),
    );
    fc.assert(
      fc.property(fc.constantFrom(...plain), signatures, ([name, type], signature) => {
        try {
          expect(checkSignature(pairOf(type).key, name, data, signature).isValid).toBe(false);
        } catch (error) {
          expect(error).toBeInstanceOf(KeyError);
        }
      }),
      { numRuns: 2000 },
    );
  });
});

describe('a FIDO signature', () => {
  it.each([
    ['sk-ssh-ed25519@openssh.com', 0x00, false, false],
    ['sk-ssh-ed25519@openssh.com', 0x01, true, false],
    ['sk-ssh-ed25519@openssh.com', 0x05, true, true],
    ['sk-ecdsa-sha2-nistp256@openssh.com', 0x00, false, false],
    ['sk-ecdsa-sha2-nistp256@openssh.com', 0x04, false, true],
    ['sk-ecdsa-sha2-nistp256@openssh.com', 0xc5, true, true],
  ] as const)(
    '%s with the flags %i states touch %s and verification %s',
    (type, flags, isUserPresent, isUserVerified) => {
      const { pair, key } = pairOf(type);
      const signature = pair.sign(data, type, { flags, counter: 0xffff_fffe });
      expect(checkSignature(key, type, data, signature)).toEqual({
        isValid: true,
        isUserPresent,
        isUserVerified,
      });
    },
  );

  it.each(['sk-ssh-ed25519@openssh.com', 'sk-ecdsa-sha2-nistp256@openssh.com'] as const)(
    '%s covers the flags, the counter and the application',
    (type) => {
      const { pair, key } = pairOf(type);
      const signature = pair.sign(data, type, { flags: 0, counter: 1 });
      const raised = Buffer.from(signature);
      raised[raised.length - 5] = 5;
      expect(checkSignature(key, type, data, raised)).toEqual({
        isValid: false,
        isUserPresent: false,
        isUserVerified: false,
      });
      const counted = Buffer.from(signature);
      counted[counted.length - 1] = 2;
      expect(checkSignature(key, type, data, counted).isValid).toBe(false);
      const moved = parsePublicKey(
        Buffer.from(pair.blob.toString('latin1').replace(/ssh:$/, 'ssh;'), 'latin1'),
      );
      expect(checkSignature(moved, type, data, signature).isValid).toBe(false);
    },
  );

  it('is not valid for the plain key, nor a plain signature for the FIDO key', () => {
    const { pair, key } = pairOf('sk-ssh-ed25519@openssh.com');
    const reader = new WireReader(pair.blob);
    reader.string();
    const plainBlob = new WireWriter().string('ssh-ed25519').string(reader.string()).finish();
    expect(
      checkSignature(
        parsePublicKey(plainBlob),
        'sk-ssh-ed25519@openssh.com',
        data,
        pair.sign(data).subarray(0, -5),
      ).isValid,
    ).toBe(false);
    const plainSignature = new WireWriter()
      .string('sk-ssh-ed25519@openssh.com')
      .string(sign(null, data, pair.privateKey))
      .raw(Buffer.from('0100000001', 'hex'))
      .finish();
    expect(checkSignature(key, 'sk-ssh-ed25519@openssh.com', data, plainSignature).isValid).toBe(false);
  });

  /**
   * The secret key is TEST 1 of RFC 8032 section 7.1. `openssl pkeyutl -sign -rawin` signed the 69 bytes SHA-256("ssh:") || 05 ||
   * 00000009 || SHA-256("abc"); the hashes are those of `sha256sum`. Ed25519 is deterministic.
   */
  it('of a fixed key has the known bytes', () => {
    const point = Buffer.from('d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a', 'hex');
    const value = Buffer.from(
      '368af8a885267cfd5384190b6ef92961d9a6885784ee518d973ac91ca143e9a2' +
        '798300ef3fd68fac6e371ac91d4ce805fc726fa54ec561fe2f9c012909806d02',
      'hex',
    );
    const type = 'sk-ssh-ed25519@openssh.com';
    const key = parsePublicKey(new WireWriter().string(type).string(point).string('ssh:').finish());
    const signature = new WireWriter().string(type).string(value).u8(5).u32(9).finish();
    expect(checkSignature(key, type, Buffer.from('abc'), signature)).toEqual({
      isValid: true,
      isUserPresent: true,
      isUserVerified: true,
    });
    expect(checkSignature(key, type, Buffer.from('abd'), signature).isValid).toBe(false);
  });
});
