import { createPrivateKey, type JsonWebKey, type KeyObject } from 'node:crypto';
import { WireReader } from '../wire/reader.js';

/** PROTOCOL.key: the armour and the magic of OpenSSH's own format. */
const armour = /-----BEGIN OPENSSH PRIVATE KEY-----([A-Za-z0-9+/=\s]*)-----END OPENSSH PRIVATE KEY-----/;
const magic = Buffer.from('openssh-key-v1\0', 'latin1');

/** A private key that cannot be used. The message states the cause; the caller adds the name of the file. */
export class PrivateKeyError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'PrivateKeyError';
  }
}

const base64Url = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64url');

/** Bytes of a coordinate of each curve. */
const curves = {
  'ecdsa-sha2-nistp256': { crv: 'P-256', bytes: 32 },
  'ecdsa-sha2-nistp384': { crv: 'P-384', bytes: 48 },
  'ecdsa-sha2-nistp521': { crv: 'P-521', bytes: 66 },
} as const;

function padded(magnitude: Buffer, byteLength: number): Buffer {
  return Buffer.concat([Buffer.alloc(Math.max(0, byteLength - magnitude.byteLength)), magnitude]);
}

function ed25519Key(reader: WireReader): JsonWebKey {
  const publicKey = reader.string();
  const seedAndPublicKey = reader.string();
  return {
    kty: 'OKP',
    crv: 'Ed25519',
    d: base64Url(seedAndPublicKey.subarray(0, 32)),
    x: base64Url(publicKey),
  };
}

function ecdsaKey(type: keyof typeof curves, reader: WireReader): JsonWebKey {
  const { crv, bytes } = curves[type];
  reader.string();
  const point = reader.string();
  const secret = reader.mpint();
  return {
    kty: 'EC',
    crv,
    d: base64Url(padded(secret, bytes)),
    x: base64Url(point.subarray(1, 1 + bytes)),
    y: base64Url(point.subarray(1 + bytes)),
  };
}

function toBigInt(magnitude: Buffer): bigint {
  return BigInt(`0x0${magnitude.toString('hex')}`);
}

function toBytes(value: bigint): Buffer {
  const digits = value.toString(16);
  return Buffer.from(digits.length % 2 === 0 ? digits : `0${digits}`, 'hex');
}

function rsaKey(reader: WireReader): JsonWebKey {
  const maxBytes = 2049;
  const [n, e, d, inverse, p, q] = Array.from({ length: 6 }, () => reader.mpint(maxBytes)) as [
    Buffer,
    Buffer,
    Buffer,
    Buffer,
    Buffer,
    Buffer,
  ];
  const exponentModulo = (prime: Buffer) => base64Url(toBytes(toBigInt(d) % (toBigInt(prime) - 1n)));
  return {
    kty: 'RSA',
    n: base64Url(n),
    e: base64Url(e),
    d: base64Url(d),
    p: base64Url(p),
    q: base64Url(q),
    dp: exponentModulo(p),
    dq: exponentModulo(q),
    qi: base64Url(inverse),
  };
}

function jsonWebKey(reader: WireReader): JsonWebKey {
  const type = reader.name();
  if (type === 'ssh-ed25519') return ed25519Key(reader);
  if (type === 'ssh-rsa') return rsaKey(reader);
  if (type === 'ecdsa-sha2-nistp256' || type === 'ecdsa-sha2-nistp384' || type === 'ecdsa-sha2-nistp521') {
    return ecdsaKey(type, reader);
  }
  throw new PrivateKeyError(`key type ${type} is not supported`);
}

function parseOpenSsh(body: string): KeyObject {
  const bytes = Buffer.from(body, 'base64');
  if (!bytes.subarray(0, magic.byteLength).equals(magic))
    throw new PrivateKeyError('OpenSSH header not found');
  const reader = new WireReader(bytes, magic.byteLength);
  const cipher = reader.name();
  reader.name();
  reader.string();
  if (cipher !== 'none') {
    throw new PrivateKeyError('key is encrypted: remove the passphrase with ssh-keygen -p');
  }
  if (reader.u32() !== 1) throw new PrivateKeyError('file does not contain exactly one key');
  reader.string();
  const secrets = new WireReader(reader.string());
  const checks = [secrets.u32(), secrets.u32()];
  if (checks[0] !== checks[1]) throw new PrivateKeyError('check values differ: the file is damaged');
  return createPrivateKey({ key: jsonWebKey(secrets), format: 'jwk' });
}

/**
 * Returns the private key of a file as ssh-keygen writes it (PROTOCOL.key), or of a PEM file (PKCS #8, PKCS #1, SEC 1). Throws a
 * `PrivateKeyError` for a key that is encrypted, damaged or of an unsupported type.
 */
export function parsePrivateKey(file: string): KeyObject {
  const body = armour.exec(file)?.[1];
  try {
    return body === undefined ? createPrivateKey(file) : parseOpenSsh(body);
  } catch (error) {
    if (error instanceof PrivateKeyError) throw error;
    throw new PrivateKeyError(
      `private key is not readable: ${error instanceof Error ? error.message : error}`,
    );
  }
}
