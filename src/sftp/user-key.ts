import { createPublicKey, type JsonWebKey, type KeyObject, verify } from 'node:crypto';
import { minUserRsaBits } from './ssh2/algorithms.js';
import { FieldReader } from './wire/field-reader.js';

const curves: Readonly<
  Record<string, { readonly crv: string; readonly hash: string; readonly bytes: number }>
> = {
  'ecdsa-sha2-nistp256': { crv: 'P-256', hash: 'sha256', bytes: 32 },
  'ecdsa-sha2-nistp384': { crv: 'P-384', hash: 'sha384', bytes: 48 },
  'ecdsa-sha2-nistp521': { crv: 'P-521', hash: 'sha512', bytes: 66 },
};

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1');
}

function base64url(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64url');
}

function jwkOf(type: string, fields: FieldReader): JsonWebKey | null {
  if (type === 'ssh-ed25519') return { kty: 'OKP', crv: 'Ed25519', x: base64url(fields.string()) };
  if (type === 'ssh-rsa') {
    const [e, n] = [fields.string(), fields.string()];
    return { kty: 'RSA', e: base64url(e), n: base64url(n) };
  }
  const curve = Object.hasOwn(curves, type) ? curves[type] : undefined;
  if (curve === undefined) return null;
  fields.string();
  const point = fields.string();
  // SEC 1 section 2.3.3: the uncompressed form is the only one in use.
  if (point[0] !== 4 || point.byteLength !== 1 + 2 * curve.bytes) return null;
  return {
    kty: 'EC',
    crv: curve.crv,
    x: base64url(point.subarray(1, 1 + curve.bytes)),
    y: base64url(point.subarray(1 + curve.bytes)),
  };
}

/** A user's key as a login presents it: the blob of RFC 4253 section 6.6, and the hash of an RSA signature. */
export interface PresentedKey {
  readonly type: string;
  readonly blob: Uint8Array;
  /** `sha256` or `sha512` for RSA (RFC 8332). Absent, an RSA key means the scheme `ssh-rsa`, which is SHA-1. */
  readonly rsaHash?: string | undefined;
}

/** Null for a key that may not log in: of another type than it says, with SHA-1, too short, or not a key at all. */
export function acceptableUserKey({ type, blob, rsaHash }: PresentedKey): KeyObject | null {
  try {
    const fields = new FieldReader(blob);
    if (text(fields.string()) !== type) return null;
    const jwk = jwkOf(type, fields);
    if (jwk === null) return null;
    const key = createPublicKey({ format: 'jwk', key: jwk });
    if (type !== 'ssh-rsa') return key;
    const bits = key.asymmetricKeyDetails?.modulusLength ?? 0;
    return (rsaHash === 'sha256' || rsaHash === 'sha512') && bits >= minUserRsaBits ? key : null;
  } catch {
    return null;
  }
}

/** Takes the signature as the transport hands it on: DER for ECDSA, else its bytes. */
export function isSignatureSound(
  presented: PresentedKey,
  signed: Uint8Array,
  signature: Uint8Array,
): boolean {
  const key = acceptableUserKey(presented);
  if (key === null) return false;
  const { type } = presented;
  const hash = type === 'ssh-ed25519' ? null : type === 'ssh-rsa' ? presented.rsaHash : curves[type]?.hash;
  try {
    return verify(hash, signed, key, signature);
  } catch {
    return false;
  }
}
