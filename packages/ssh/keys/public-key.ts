import { createHash, createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto';
import { WireReader } from '../wire/reader.js';
import { encodeString } from '../wire/writer.js';
import { KeyError, readOrMalformed } from './key-error.js';
import { type Curve, isPublicKeyType, keyTypes, type PublicKeyType } from './key-types.js';

export type { PublicKeyType } from './key-types.js';

/** Smallest accepted RSA key. */
export const minRsaBits = 2048;
/** Largest accepted RSA key, as in OpenSSH. One check of a signature takes about 1 ms at this size. */
export const maxRsaBits = 16_384;
const maxRsaBytes = maxRsaBits / 8;
/** A longer exponent multiplies the cost of a check. Every known generator uses at most 4 bytes. */
const maxRsaExponentBytes = 4;
/** Largest accepted key in wire form: the largest RSA key, or a FIDO key with a long application. */
export const maxKeyBytes = 4096;

const ed25519Bytes = 32;

/** A public key (RFC 4253 section 6.6, RFC 5656 section 3.1, RFC 8709 section 4, PROTOCOL.u2f). */
export interface PublicKey {
  readonly kind: 'plain';
  readonly type: PublicKeyType;
  /** The key in wire form, in memory of its own. Equal keys have equal blobs. */
  readonly blob: Buffer;
  /** Such as `SHA256:...`, as `ssh-keygen -l` prints it. */
  readonly fingerprint: string;
  readonly keyObject: KeyObject;
  /** The application of a FIDO key, such as `ssh:`. Null for other keys. */
  readonly application: Buffer | null;
}

/**
 * Reads a key in wire form. Throws `KeyError`: `malformed`, `unsupported` for other types and for certificates, `weak` for short RSA
 * keys. Accepts the canonical encoding only, so that a key has one blob and revoking it by its blob or hash is sound.
 */
export function parsePublicKey(blob: Uint8Array): PublicKey {
  if (blob.byteLength > maxKeyBytes) {
    throw new KeyError('malformed', `malformed key: more than ${maxKeyBytes} bytes`);
  }
  return readOrMalformed('key', () => {
    const reader = new WireReader(blob);
    const type = reader.name();
    if (!isPublicKeyType(type)) throw unsupportedType(type);
    const key = readKeyFields(type, reader, blob);
    reader.end();
    return key;
  });
}

/** Returns the error for a key type that this server does not accept. */
export function unsupportedType(type: string): KeyError {
  return new KeyError('unsupported', `keys of type ${JSON.stringify(type.slice(0, 64))} are not accepted`);
}

/**
 * Reads the fields behind the type. The reader is in `source`: a key behind its type, or a certificate behind its nonce. Both have
 * the same fields there (PROTOCOL.certkeys).
 */
export function readKeyFields(type: PublicKeyType, reader: WireReader, source: Uint8Array): PublicKey {
  const start = reader.offset;
  const { algorithm, curve, isFido } = keyTypes[type];
  let jwk: JsonWebKey;
  if (algorithm === 'rsa') jwk = readRsa(reader);
  else if (curve === null) jwk = readEd25519(reader);
  else jwk = readEcdsa(curve, reader);
  const application = isFido ? Buffer.from(reader.string(maxKeyBytes)) : null;
  const name = encodeString(type);
  // Buffer.concat would take a piece of a pool, and with it hold the pool's 64 KiB.
  const blob = Buffer.alloc(name.byteLength + reader.offset - start);
  blob.set(name);
  blob.set(source.subarray(start, reader.offset), name.byteLength);
  const keyObject = importKey(type, jwk);
  return { kind: 'plain', type, blob, fingerprint: fingerprintOf(blob), keyObject, application };
}

/** Returns the fingerprint of a key in wire form, as `ssh-keygen -l` prints it. */
export function fingerprintOf(blob: Uint8Array): string {
  return `SHA256:${createHash('sha256').update(blob).digest('base64').replace(/=+$/, '')}`;
}

function readEd25519(reader: WireReader): JsonWebKey {
  const point = reader.string(maxKeyBytes);
  if (point.length !== ed25519Bytes) {
    throw new KeyError(
      'malformed',
      `malformed Ed25519 key: expected ${ed25519Bytes} bytes, found ${point.length}`,
    );
  }
  return { kty: 'OKP', crv: 'Ed25519', x: point.toString('base64url') };
}

/** Accepts uncompressed points only (SEC 1 section 2.3.3). */
function readEcdsa(curve: Curve, reader: WireReader): JsonWebKey {
  const identifier = reader.name(maxKeyBytes);
  const point = reader.string(maxKeyBytes);
  const { fieldBytes } = curve;
  if (identifier !== curve.identifier || point.length !== 1 + 2 * fieldBytes || point[0] !== 4) {
    throw new KeyError('malformed', 'malformed ECDSA key: the curve or the form of the point is wrong');
  }
  return {
    kty: 'EC',
    crv: curve.jwkName,
    x: point.subarray(1, 1 + fieldBytes).toString('base64url'),
    y: point.subarray(1 + fieldBytes).toString('base64url'),
  };
}

function readRsa(reader: WireReader): JsonWebKey {
  const exponent = reader.mpint(maxRsaBytes + 1);
  const modulus = reader.mpint(maxRsaBytes + 1);
  const bits = bitLength(modulus);
  if (bits < minRsaBits) {
    throw new KeyError('weak', `RSA key of ${bits} bits: expected at least ${minRsaBits}`);
  }
  if (bits > maxRsaBits) {
    throw new KeyError('unsupported', `RSA key of ${bits} bits: expected at most ${maxRsaBits}`);
  }
  if (exponent.length > maxRsaExponentBytes || !isOddAbove1(exponent) || !isOddAbove1(modulus)) {
    throw new KeyError('unsupported', 'RSA key with an unusual exponent or an even modulus');
  }
  return { kty: 'RSA', e: exponent.toString('base64url'), n: modulus.toString('base64url') };
}

/** Takes a magnitude without leading zeros. */
function bitLength(magnitude: Buffer): number {
  const [first] = magnitude;
  return first === undefined ? 0 : (magnitude.length - 1) * 8 + (32 - Math.clz32(first));
}

function isOddAbove1(magnitude: Buffer): boolean {
  return ((magnitude.at(-1) ?? 0) & 1) === 1 && !(magnitude.length === 1 && magnitude[0] === 1);
}

/** OpenSSL refuses points that are not on the curve. */
function importKey(type: PublicKeyType, key: JsonWebKey): KeyObject {
  try {
    return createPublicKey({ format: 'jwk', key });
  } catch {
    throw new KeyError('malformed', `malformed ${type} key: the numbers are not a public key`);
  }
}
