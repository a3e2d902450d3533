import { createHash, type KeyObject, type VerifyKeyObjectInput, verify } from 'node:crypto';
import { WireReader } from '../wire/reader.js';
import { readOrMalformed } from './key-error.js';
import { keyTypes } from './key-types.js';
import { maxKeyBytes, type PublicKey } from './public-key.js';
import { signatureAlgorithms } from './signature-algorithms.js';

/** Flags of a FIDO signature (PROTOCOL.u2f). */
const userPresentFlag = 0x01;
const userVerifiedFlag = 0x04;

/** Largest accepted signature: the largest RSA signature with its name. */
export const maxSignatureBytes = maxKeyBytes;

/** The result of checking a signature. */
export interface SignatureCheck {
  readonly isValid: boolean;
  /** The user touched the FIDO authenticator. True for other keys. */
  readonly isUserPresent: boolean;
  /** The FIDO authenticator checked a PIN or a biometric. False for other keys. */
  readonly isUserVerified: boolean;
}

const invalid: SignatureCheck = { isValid: false, isUserPresent: false, isUserVerified: false };

/**
 * Checks a signature in wire form over `data`. `algorithm` is the plain name that the peer announced, such as `rsa-sha2-256`: the
 * signature must have the same name (RFC 8332 section 3.2). Throws `KeyError` (`malformed`) for bytes that are not a signature.
 */
export function checkSignature(
  key: PublicKey,
  algorithm: string,
  data: Uint8Array,
  signature: Uint8Array,
): SignatureCheck {
  const entry = signatureAlgorithms.get(algorithm);
  const isForKey = entry !== undefined && !entry.isCertificate && entry.keyType === key.type;
  return readOrMalformed('signature', () => {
    const reader = new WireReader(signature);
    const name = reader.name(maxSignatureBytes);
    const value = reader.string(maxSignatureBytes);
    if (!keyTypes[key.type].isFido) {
      reader.end();
      const isValid = isForKey && name === algorithm && isSignedBy(key, algorithm, data, value);
      return isValid ? { isValid, isUserPresent: true, isUserVerified: false } : invalid;
    }
    const flags = reader.u8();
    const counter = reader.raw(4);
    reader.end();
    if (!isForKey || name !== algorithm) return invalid;
    const signed = Buffer.concat([
      sha256(key.application ?? Buffer.alloc(0)),
      Buffer.from([flags]),
      counter,
      sha256(data),
    ]);
    if (!isSignedBy(key, algorithm, signed, value)) return invalid;
    return {
      isValid: true,
      isUserPresent: (flags & userPresentFlag) !== 0,
      isUserVerified: (flags & userVerifiedFlag) !== 0,
    };
  });
}

/** Returns the name inside a signature in wire form. Throws `KeyError` for bytes that are not a signature. */
export function signatureName(signature: Uint8Array): string {
  return readOrMalformed('signature', () => new WireReader(signature).name(maxSignatureBytes));
}

function sha256(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest();
}

function isSignedBy(key: PublicKey, algorithm: string, data: Uint8Array, value: Buffer): boolean {
  const { algorithm: family, curve } = keyTypes[key.type];
  if (family === 'ed25519') return value.length === 64 && isVerified(null, data, key.keyObject, value);
  if (curve !== null) {
    const pair = fixedPair(value, curve.fieldBytes);
    const verifier = { key: key.keyObject, dsaEncoding: 'ieee-p1363' } as const;
    return pair !== null && isVerified(curve.hash, data, verifier, pair);
  }
  const hash = algorithm === 'rsa-sha2-512' ? 'sha512' : 'sha256';
  const modulusBytes = Math.ceil((key.keyObject.asymmetricKeyDetails?.modulusLength ?? 0) / 8);
  if (value.length > modulusBytes) return false;
  // Some clients drop leading zeros of a signature; its size is that of the modulus (RFC 8017 section 8.2.2).
  const padded = Buffer.concat([Buffer.alloc(modulusBytes - value.length), value]);
  return isVerified(hash, data, key.keyObject, padded);
}

/** OpenSSL may refuse the numbers of a key only here. No signature by such a key is valid. */
function isVerified(
  hash: string | null,
  data: Uint8Array,
  key: KeyObject | VerifyKeyObjectInput,
  value: Buffer,
): boolean {
  try {
    return verify(hash, data, key, value);
  } catch {
    return false;
  }
}

/** Returns r and s (RFC 5656 section 3.1.2) as two numbers of `fieldBytes` each. Returns null if one is negative or too large. */
function fixedPair(value: Buffer, fieldBytes: number): Buffer | null {
  const reader = new WireReader(value);
  const pair = Buffer.alloc(2 * fieldBytes);
  for (const end of [fieldBytes, 2 * fieldBytes]) {
    const number = reader.string(maxSignatureBytes);
    if ((number[0] ?? 0) >= 0x80) return null;
    const start = number.findIndex((byte) => byte !== 0);
    const digits = start < 0 ? number.subarray(number.length) : number.subarray(start);
    if (digits.length > fieldBytes) return null;
    digits.copy(pair, end - digits.length);
  }
  reader.end();
  return pair;
}
