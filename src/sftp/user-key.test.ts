import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { string } from './testing/encode-request.js';
import { acceptableUserKey, isSignatureSound, type PresentedKey } from './user-key.js';

const part = (value: string | undefined) => string(Buffer.from(value ?? '', 'base64url'));

function ed25519(): { presented: PresentedKey; privateKey: KeyObject } {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const blob = Buffer.concat([string('ssh-ed25519'), part(publicKey.export({ format: 'jwk' }).x)]);
  return { presented: { type: 'ssh-ed25519', blob }, privateKey };
}

function rsa(bits: number, rsaHash?: string): { presented: PresentedKey; privateKey: KeyObject } {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: bits });
  const { e, n } = publicKey.export({ format: 'jwk' });
  return {
    presented: { type: 'ssh-rsa', blob: Buffer.concat([string('ssh-rsa'), part(e), part(n)]), rsaHash },
    privateKey,
  };
}

function ecdsa(curve: string, size: string): { presented: PresentedKey; privateKey: KeyObject } {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: curve });
  const { x, y } = publicKey.export({ format: 'jwk' });
  const point = Buffer.concat([
    Buffer.from([4]),
    Buffer.from(x ?? '', 'base64url'),
    Buffer.from(y ?? '', 'base64url'),
  ]);
  const type = `ecdsa-sha2-nistp${size}`;
  return {
    presented: { type, blob: Buffer.concat([string(type), string(`nistp${size}`), string(point)]) },
    privateKey,
  };
}

const signed = Buffer.from('session and request');

describe("a user's key", () => {
  it.each([
    ['Ed25519', ed25519(), null],
    ['P-256', ecdsa('P-256', '256'), 'sha256'],
    ['P-384', ecdsa('P-384', '384'), 'sha384'],
    ['P-521', ecdsa('P-521', '521'), 'sha512'],
    ['RSA with SHA-256', rsa(2048, 'sha256'), 'sha256'],
    ['RSA with SHA-512', rsa(2048, 'sha512'), 'sha512'],
  ] as const)('of type %s proves itself, and nothing else does', (_, { presented, privateKey }, hash) => {
    const signature = sign(hash, signed, privateKey);
    expect(isSignatureSound(presented, signed, signature)).toBe(true);
    expect(isSignatureSound(presented, Buffer.from('another request'), signature)).toBe(false);
    expect(isSignatureSound(presented, signed, Buffer.alloc(signature.byteLength))).toBe(false);
    expect(isSignatureSound(presented, signed, Buffer.alloc(0))).toBe(false);
  });

  it('may not sign with SHA-1 or MD5, be short, or be of another type than it says', () => {
    const { presented } = rsa(2048);
    expect(acceptableUserKey(presented)).toBeNull();
    expect(acceptableUserKey({ ...presented, rsaHash: 'sha1' })).toBeNull();
    expect(acceptableUserKey({ ...presented, rsaHash: 'sha256' })).not.toBeNull();
    expect(acceptableUserKey(rsa(1024, 'sha256').presented)).toBeNull();
    expect(acceptableUserKey({ ...ed25519().presented, type: 'ssh-rsa', rsaHash: 'sha256' })).toBeNull();
    expect(acceptableUserKey({ type: 'ssh-dss', blob: string('ssh-dss') })).toBeNull();
    expect(acceptableUserKey({ type: 'constructor', blob: string('constructor') })).toBeNull();
  });

  it('is refused without an error whatever its bytes are', () => {
    const good = [ed25519(), ecdsa('P-256', '256'), rsa(2048, 'sha256')].map(({ presented }) => presented);
    fc.assert(
      fc.property(fc.constantFrom(...good), fc.nat(), fc.uint8Array({ maxLength: 40 }), (key, cut, tail) => {
        const blob = Buffer.concat([key.blob.slice(0, cut % key.blob.byteLength), tail]);
        isSignatureSound({ ...key, blob }, signed, Buffer.alloc(64));
      }),
    );
  });
});
