import { createHash, createPublicKey, type KeyObject, sign } from 'node:crypto';
import {
  type HostKeyAlgorithm,
  type HostKeyType,
  hostKeyAlgorithms,
} from '../algorithms/host-key-algorithms.js';
import { WireWriter } from '../wire/writer.js';
import { PrivateKeyError, parsePrivateKey } from './openssh-private-key.js';

/** RSA keys below this are refused (RFC 9142 section 3.2 names 2048 bits as the minimum). */
const minRsaBits = 2048;

/** A key that the server proves its identity with. */
export interface HostKey {
  readonly type: HostKeyType;
  /** The key's blob (RFC 4253 section 6.6). */
  readonly publicBlob: Buffer;
  /** As ssh-keygen -l prints it: `SHA256:` and base64 without padding. */
  readonly fingerprint: string;
  /** Returns the signature of the data as a blob: the algorithm's name, then the signature. */
  sign(algorithm: HostKeyAlgorithm, data: Uint8Array): Buffer;
}

const curveNames: Readonly<Record<string, readonly [HostKeyType, string]>> = {
  'P-256': ['ecdsa-sha2-nistp256', 'nistp256'],
  'P-384': ['ecdsa-sha2-nistp384', 'nistp384'],
  'P-521': ['ecdsa-sha2-nistp521', 'nistp521'],
};

interface PublicPart {
  readonly type: HostKeyType;
  readonly blob: Buffer;
}

function publicPart(key: KeyObject): PublicPart {
  const { kty, crv, x, y, n, e } = createPublicKey(key).export({ format: 'jwk' });
  const bytes = (value: string | undefined) => Buffer.from(value ?? '', 'base64url');
  const writer = new WireWriter(600);
  if (kty === 'OKP' && crv === 'Ed25519') {
    return { type: 'ssh-ed25519', blob: writer.string('ssh-ed25519').string(bytes(x)).finish() };
  }
  if (kty === 'RSA') {
    return { type: 'ssh-rsa', blob: writer.string('ssh-rsa').mpint(bytes(e)).mpint(bytes(n)).finish() };
  }
  const curve = kty === 'EC' ? curveNames[crv ?? ''] : undefined;
  if (curve === undefined) throw new PrivateKeyError(`key type ${kty ?? ''} ${crv ?? ''} is not supported`);
  const [type, name] = curve;
  const point = Buffer.concat([Buffer.from([4]), bytes(x), bytes(y)]);
  return { type, blob: writer.string(type).string(name).string(point).finish() };
}

/** Returns r and s as RFC 5656 section 3.1.2 encodes them. */
function ecdsaSignature(hash: string, data: Uint8Array, key: KeyObject): Buffer {
  const both = sign(hash, data, { key, dsaEncoding: 'ieee-p1363' });
  const half = both.byteLength / 2;
  return new WireWriter(both.byteLength + 10)
    .mpint(both.subarray(0, half))
    .mpint(both.subarray(half))
    .finish();
}

function rawSignature(algorithm: HostKeyAlgorithm, data: Uint8Array, key: KeyObject): Buffer {
  if (algorithm.hash === null) return sign(null, data, key);
  if (algorithm.keyType === 'ssh-rsa') return sign(algorithm.hash, data, key);
  return ecdsaSignature(algorithm.hash, data, key);
}

/** Returns the host key of a private key. Throws a `PrivateKeyError` for an unsupported type and for RSA below 2048 bits. */
export function hostKeyOf(key: KeyObject): HostKey {
  if (key.asymmetricKeyType === 'rsa' && (key.asymmetricKeyDetails?.modulusLength ?? 0) < minRsaBits) {
    throw new PrivateKeyError(
      `RSA key has ${key.asymmetricKeyDetails?.modulusLength} bits, expected at least 2048`,
    );
  }
  const { type, blob } = publicPart(key);
  const digest = createHash('sha256').update(blob).digest('base64').replace(/=+$/, '');
  return {
    type,
    publicBlob: blob,
    fingerprint: `SHA256:${digest}`,
    sign: (algorithm, data) => {
      if (algorithm.keyType !== type)
        throw new TypeError(`${algorithm.name} does not sign with a ${type} key`);
      const signature = rawSignature(algorithm, data, key);
      return new WireWriter(signature.byteLength + 32).string(algorithm.name).string(signature).finish();
    },
  };
}

/** Returns the host key in the text of a private key file. */
export function parseHostKey(file: string): HostKey {
  return hostKeyOf(parsePrivateKey(file));
}

/** Returns the first key that signs with the algorithm; null when there is none. */
export function hostKeyFor(keys: readonly HostKey[], algorithm: HostKeyAlgorithm): HostKey | null {
  return keys.find(({ type }) => type === algorithm.keyType) ?? null;
}

/** Returns the algorithm that proves a key beside the key exchange: for RSA the negotiated one, or else rsa-sha2-512. */
export function proofAlgorithm(key: HostKey, negotiated: HostKeyAlgorithm): HostKeyAlgorithm {
  if (negotiated.keyType === key.type) return negotiated;
  const algorithm = hostKeyAlgorithms.find(({ keyType }) => keyType === key.type);
  if (algorithm === undefined) throw new TypeError(`no algorithm signs with a ${key.type} key`);
  return algorithm;
}
