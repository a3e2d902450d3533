import { createHash, generateKeyPairSync, type JsonWebKey, type KeyObject, sign } from 'node:crypto';
import { type Curve, keyTypes, type PublicKeyType } from '../keys/key-types.js';
import { WireWriter } from '../wire/writer.js';

/** Flags and counter of a FIDO signature (PROTOCOL.u2f). */
export interface FidoState {
  readonly flags: number;
  readonly counter: number;
}

/** A key pair of a test user, made by node:crypto. */
export interface TestUserKey {
  readonly type: PublicKeyType;
  readonly privateKey: KeyObject;
  /** The public key in wire form. */
  readonly blob: Buffer;
  /** Signs data; the result is a signature in wire form. `algorithm` is its name. */
  sign(data: Uint8Array, algorithm?: string, fido?: FidoState): Buffer;
}

const application = 'ssh:';

/** Makes a key pair. `rsaBits` is the size of an RSA key. */
export function makeUserKey(type: PublicKeyType, rsaBits = 2048): TestUserKey {
  const { algorithm, curve, isFido } = keyTypes[type];
  const { publicKey, privateKey } =
    algorithm === 'rsa'
      ? generateKeyPairSync('rsa', { modulusLength: rsaBits })
      : curve === null
        ? generateKeyPairSync('ed25519')
        : generateKeyPairSync('ec', { namedCurve: curve.jwkName });
  const blob = publicBlob(type, curve, isFido, publicKey.export({ format: 'jwk' }));
  const name = algorithm === 'rsa' ? 'rsa-sha2-512' : type;
  return {
    type,
    privateKey,
    blob,
    sign: (data, as = name, fido = { flags: 1, counter: 7 }) =>
      isFido ? signFido(privateKey, curve, data, as, fido) : signPlain(privateKey, curve, data, as),
  };
}

function publicBlob(type: string, curve: Curve | null, isFido: boolean, jwk: JsonWebKey): Buffer {
  const field = (value: string | undefined) => Buffer.from(value ?? '', 'base64url');
  const writer = new WireWriter().string(type);
  if (jwk.kty === 'RSA') writer.mpint(field(jwk.e)).mpint(field(jwk.n));
  else if (curve === null) writer.string(field(jwk.x));
  else writer.string(curve.identifier).string(Buffer.concat([Buffer.of(4), field(jwk.x), field(jwk.y)]));
  if (isFido) writer.string(application);
  return writer.finish();
}

function signValue(key: KeyObject, curve: Curve | null, data: Uint8Array, algorithm: string): Buffer {
  if (curve !== null) {
    const pair = sign(curve.hash, data, { key, dsaEncoding: 'ieee-p1363' });
    const half = pair.length / 2;
    return new WireWriter().mpint(pair.subarray(0, half)).mpint(pair.subarray(half)).finish();
  }
  if (key.asymmetricKeyType === 'ed25519') return sign(null, data, key);
  const hash = algorithm === 'rsa-sha2-512' ? 'sha512' : algorithm === 'rsa-sha2-256' ? 'sha256' : 'sha1';
  return sign(hash, data, key);
}

function signPlain(key: KeyObject, curve: Curve | null, data: Uint8Array, algorithm: string): Buffer {
  return new WireWriter()
    .string(algorithm)
    .string(signValue(key, curve, data, algorithm))
    .finish();
}

function signFido(
  key: KeyObject,
  curve: Curve | null,
  data: Uint8Array,
  algorithm: string,
  { flags, counter }: FidoState,
): Buffer {
  const sha256 = (bytes: Uint8Array | string) => createHash('sha256').update(bytes).digest();
  const state = new WireWriter().u8(flags).u32(counter).finish();
  const value = signValue(key, curve, Buffer.concat([sha256(application), state, sha256(data)]), algorithm);
  return new WireWriter().string(algorithm).string(value).raw(state).finish();
}

/** The fields of a test certificate (PROTOCOL.certkeys). Times are seconds since the epoch. */
export interface TestCertificateFields {
  readonly serial?: bigint;
  readonly type?: number;
  readonly keyId?: string;
  readonly principals?: readonly string[];
  readonly validAfter?: bigint;
  readonly validBefore?: bigint;
  readonly criticalOptions?: readonly (readonly [name: string, data: Uint8Array])[];
  readonly extensions?: readonly (readonly [name: string, data: Uint8Array])[];
  /** Name of the CA's signature algorithm. */
  readonly caAlgorithm?: string;
  /** Replaces the CA's key in the certificate. */
  readonly signatureKey?: Uint8Array;
}

/** Makes a certificate in wire form for the public key in `blob`, signed by `ca`. */
export function makeCertificate(
  { type, blob }: Pick<TestUserKey, 'type' | 'blob'>,
  ca: TestUserKey,
  fields: TestCertificateFields = {},
): Buffer {
  const pack = (options: readonly (readonly [string, Uint8Array])[]) => {
    const writer = new WireWriter();
    for (const [name, data] of options) writer.string(name).string(data);
    return writer.finish();
  };
  const principals = new WireWriter();
  for (const principal of fields.principals ?? ['alice']) principals.string(principal);
  const signed = new WireWriter()
    .string(keyTypes[type].certificateType)
    .string(Buffer.alloc(32, 7))
    .raw(blob.subarray(4 + type.length))
    .u64(fields.serial ?? 1n)
    .u32(fields.type ?? 1)
    .string(fields.keyId ?? 'test')
    .string(principals.finish())
    .u64(fields.validAfter ?? 0n)
    .u64(fields.validBefore ?? 0xffff_ffff_ffff_ffffn)
    .string(pack(fields.criticalOptions ?? []))
    .string(pack(fields.extensions ?? []))
    .string('')
    .string(fields.signatureKey ?? ca.blob)
    .finish();
  return new WireWriter().raw(signed).string(ca.sign(signed, fields.caAlgorithm)).finish();
}
