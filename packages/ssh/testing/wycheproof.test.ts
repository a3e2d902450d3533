import {
  createCipheriv,
  createDecipheriv,
  createECDH,
  createHmac,
  createPrivateKey,
  createPublicKey,
  decapsulate,
  type KeyObject,
} from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { agreeEcdh } from '../kex/ecdh.js';
import { encapsulateFor } from '../kex/mlkem768x25519.js';
import { agreeX25519 } from '../kex/x25519.js';
import { parsePublicKey } from '../keys/public-key.js';
import { checkSignature } from '../keys/signature.js';
import { ProtocolError } from '../wire/fault.js';
import { WireWriter } from '../wire/writer.js';

type Vector = Readonly<Record<string, string>> & { readonly result: 'valid' | 'acceptable' | 'invalid' };

function vectors(name: string): Vector[] {
  const text = readFileSync(new URL(`wycheproof/${name}.jsonl`, import.meta.url), 'utf8');
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Vector);
}

const hex = (text: string | undefined) => Buffer.from(text ?? '', 'hex');

/** Returns the ids of the vectors that do not behave as they must. */
function failures(name: string, isRight: (vector: Vector) => boolean): string[] {
  return vectors(name)
    .filter((vector) => !isRight(vector))
    .map((vector) => `${name} ${vector['id']}`);
}

/** Returns the value, or null for an error of the peer. */
function orRefused<T>(run: () => T): T | null {
  try {
    return run();
  } catch (error) {
    if (error instanceof ProtocolError) return null;
    throw error;
  }
}

describe('Wycheproof', () => {
  it('X25519 gives the secrets, and refuses those that are zero', () => {
    const run = (vector: Vector) => {
      const privateKey = createPrivateKey({
        key: hex(vector['private']),
        format: 'raw-private',
        asymmetricKeyType: 'x25519',
      });
      const own = { privateKey, publicKey: createPublicKey(privateKey) };
      const agreement = orRefused(() => agreeX25519(hex(vector['public']), own));
      const isZero = /^0+$/.test(vector['shared'] ?? '');
      return isZero ? agreement === null : agreement?.secret.toString('hex') === vector['shared'];
    };
    expect(failures('x25519', run)).toEqual([]);
  });

  it.each(['prime256v1', 'secp384r1', 'secp521r1'])(
    'ECDH on %s gives the secrets, and refuses invalid points',
    (curve) => {
      const run = (vector: Vector) => {
        const own = createECDH(curve);
        own.setPrivateKey(hex(vector['private']));
        const agreement = orRefused(() => agreeEcdh(curve, hex(vector['public']), own));
        // The acceptable ones are compressed points.
        return vector.result === 'valid'
          ? agreement?.secret.toString('hex') === vector['shared']
          : agreement === null;
      };
      expect(failures(`ecdh-${curve}`, run)).toEqual([]);
    },
  );

  it('ML-KEM-768 refuses encapsulation keys that are not valid', () => {
    const run = (vector: Vector) => {
      const encapsulation = orRefused(() => encapsulateFor(hex(vector['ek'])));
      return (encapsulation !== null) === (vector.result === 'valid');
    };
    expect(failures('mlkem-768-encapsulate', run)).toEqual([]);
  });

  it('ML-KEM-768 decapsulates to the shared keys, as a client does', () => {
    const run = (vector: Vector) => {
      const key = createPrivateKey({
        key: hex(vector['seed']),
        format: 'raw-seed',
        asymmetricKeyType: 'ml-kem-768',
      });
      return decapsulate(key, hex(vector['c'])).toString('hex') === vector['K'];
    };
    expect(failures('mlkem-768-decapsulate', run)).toEqual([]);
  });

  it('AES-GCM encrypts, decrypts and refuses changed tags', () => {
    const run = (vector: Vector) => {
      const name = hex(vector['key']).byteLength === 16 ? 'aes-128-gcm' : 'aes-256-gcm';
      const decipher = createDecipheriv(name, hex(vector['key']), hex(vector['iv']), { authTagLength: 16 });
      decipher.setAAD(hex(vector['aad']));
      decipher.setAuthTag(hex(vector['tag']));
      const plain = decipher.update(hex(vector['ct'])).toString('hex');
      let isAuthentic = true;
      try {
        decipher.final();
      } catch {
        isAuthentic = false;
      }
      if (vector.result !== 'valid') return !isAuthentic;
      const cipher = createCipheriv(name, hex(vector['key']), hex(vector['iv']));
      cipher.setAAD(hex(vector['aad']));
      const sealed = cipher.update(hex(vector['msg'])).toString('hex');
      cipher.final();
      const tag = cipher.getAuthTag().toString('hex');
      return isAuthentic && plain === vector['msg'] && sealed === vector['ct'] && tag === vector['tag'];
    };
    expect(failures('aes-gcm', run)).toEqual([]);
  });

  it.each(['sha256', 'sha512'])('HMAC with %s gives the MACs', (hash) => {
    const run = (vector: Vector) => {
      const mac = createHmac(hash, hex(vector['key'])).update(hex(vector['msg'])).digest('hex');
      return (mac === vector['tag']) === (vector.result === 'valid');
    };
    expect(failures(`hmac-${hash}`, run)).toEqual([]);
  });

  const signatures = [
    'ed25519',
    'ecdsa-sha2-nistp256',
    'ecdsa-sha2-nistp384',
    'ecdsa-sha2-nistp521',
    'rsa-sha2-256',
    'rsa-sha2-512',
  ];

  it.each(signatures)('%s accepts valid signatures and no others', (name) => {
    const run = (vector: Vector) => {
      const algorithm = name === 'ed25519' ? 'ssh-ed25519' : name;
      const key = parsePublicKey(
        blobOf(createPublicKey({ key: hex(vector['key']), format: 'der', type: 'spki' }), name),
      );
      const value = name.startsWith('ecdsa') ? ecdsaValue(hex(vector['sig'])) : hex(vector['sig']);
      const signature = new WireWriter().string(algorithm).string(value).finish();
      const { isValid } = checkSignature(key, algorithm, hex(vector['msg']), signature);
      // The acceptable one lacks a parameter in its ASN.1; it is refused.
      return isValid === (vector.result === 'valid');
    };
    expect(failures(name, run)).toEqual([]);
  });
});

/** Returns r and s as mpints. */
function ecdsaValue(both: Buffer): Buffer {
  const half = both.byteLength / 2;
  return new WireWriter().mpint(both.subarray(0, half)).mpint(both.subarray(half)).finish();
}

function blobOf(key: KeyObject, name: string): Buffer {
  const { x, y, n, e } = key.export({ format: 'jwk' });
  const bytes = (value: string | undefined) => Buffer.from(value ?? '', 'base64url');
  const writer = new WireWriter();
  if (name === 'ed25519') return writer.string('ssh-ed25519').string(bytes(x)).finish();
  if (name.startsWith('rsa')) return writer.string('ssh-rsa').mpint(bytes(e)).mpint(bytes(n)).finish();
  const point = Buffer.concat([Buffer.from([4]), bytes(x), bytes(y)]);
  return writer.string(name).string(name.slice(-8)).string(point).finish();
}
