import { WireReader } from '../wire/reader.js';
import { KeyError, readOrMalformed } from './key-error.js';
import { certifiedKeyType } from './key-types.js';
import { type PublicKey, parsePublicKey, readKeyFields, unsupportedType } from './public-key.js';
import { checkSignature, signatureName } from './signature.js';
import { signatureAlgorithms } from './signature-algorithms.js';

/**
 * Largest accepted certificate. One with 256 principals of 100 bytes and two RSA keys of 16,384 bits has about 33 KiB. The transport's
 * bound on messages before the login is lower still.
 */
export const maxCertificateBytes = 64 * 1024;
/** As in OpenSSH. */
const maxPrincipals = 256;
const maxOptions = 64;
const userCertificate = 1;

/** A user certificate whose CA signature is valid (PROTOCOL.certkeys). Nothing else about it has been checked. */
export interface Certificate {
  readonly kind: 'certificate';
  /** The certified key. */
  readonly key: PublicKey;
  /** The CA's key. Never a certificate. */
  readonly signatureKey: PublicKey;
  readonly serial: bigint;
  readonly keyId: string;
  readonly principals: readonly string[];
  /** Seconds since the epoch. The certificate is valid if validAfter <= now < validBefore. */
  readonly validAfter: bigint;
  readonly validBefore: bigint;
  /** Data of each option, by name. */
  readonly criticalOptions: ReadonlyMap<string, Buffer>;
  readonly extensions: ReadonlyMap<string, Buffer>;
}

/**
 * Reads a certificate in wire form and checks the CA's signature, which has SHA-2 or is Ed25519. Throws `KeyError`: `malformed`;
 * `unsupported` for host certificates and for types that are not accepted, that of the CA's key included; `weak`; `untrusted` if the
 * signature is wrong.
 */
export function parseCertificate(blob: Uint8Array): Certificate {
  const { certificate, signedBytes, signature } = readCertificate(blob);
  const name = signatureName(signature);
  const algorithm = signatureAlgorithms.get(name);
  if (algorithm === undefined || algorithm.isCertificate) {
    throw new KeyError(
      'unsupported',
      `certificate with a CA signature of type ${JSON.stringify(name.slice(0, 64))}`,
    );
  }
  // A FIDO key of a CA signs without a touch or with one: OpenSSH does not ask for the flag either.
  const { isValid } = checkSignature(certificate.signatureKey, name, signedBytes, signature);
  if (!isValid) throw new KeyError('untrusted', 'certificate with a wrong CA signature');
  return certificate;
}

/** A certificate whose CA signature has not been checked. */
export interface UncheckedCertificate {
  readonly certificate: Certificate;
  /** The bytes that the CA signed: all fields in front of the signature. */
  readonly signedBytes: Uint8Array;
  readonly signature: Buffer;
}

/** Reads a certificate without a check of its signature: revocation lists name certificates. Throws `KeyError`. */
export function readCertificate(blob: Uint8Array): UncheckedCertificate {
  if (blob.byteLength > maxCertificateBytes) {
    throw new KeyError('malformed', `malformed certificate: more than ${maxCertificateBytes} bytes`);
  }
  return readOrMalformed('certificate', () => {
    const reader = new WireReader(blob);
    const type = reader.name();
    const keyType = certifiedKeyType(type);
    if (keyType === undefined) throw unsupportedType(type);
    reader.string(); // The nonce.
    const key = readKeyFields(keyType, reader, blob);
    const serial = reader.u64();
    if (reader.u32() !== userCertificate)
      throw new KeyError('unsupported', 'the certificate is not for a user');
    const keyId = reader.text();
    const principals = readPrincipals(reader.string());
    const validAfter = reader.u64();
    const validBefore = reader.u64();
    const criticalOptions = readOptions('critical options', reader.string());
    const extensions = readOptions('extensions', reader.string());
    reader.string(); // Reserved.
    const signatureKey = parsePublicKey(reader.string());
    const signedBytes = blob.subarray(0, reader.offset);
    const signature = Buffer.from(reader.string());
    reader.end();
    const certificate: Certificate = {
      kind: 'certificate',
      key,
      signatureKey,
      serial,
      keyId,
      principals,
      validAfter,
      validBefore,
      criticalOptions,
      extensions,
    };
    return { certificate, signedBytes, signature };
  });
}

function readPrincipals(bytes: Buffer): string[] {
  const reader = new WireReader(bytes);
  const principals: string[] = [];
  while (reader.remainingBytes > 0) {
    if (principals.length === maxPrincipals) {
      throw new KeyError('unsupported', `certificate with more than ${maxPrincipals} principals`);
    }
    principals.push(reader.text());
  }
  return principals;
}

/** The CA writes each name once. The order is not checked: OpenSSH does not check it. */
function readOptions(subject: string, bytes: Buffer): ReadonlyMap<string, Buffer> {
  const reader = new WireReader(bytes);
  const options = new Map<string, Buffer>();
  while (reader.remainingBytes > 0) {
    const name = reader.text();
    if (options.has(name)) throw new KeyError('malformed', `malformed certificate: ${subject} repeat a name`);
    if (options.size === maxOptions) {
      throw new KeyError('unsupported', `certificate with more than ${maxOptions} ${subject}`);
    }
    options.set(name, Buffer.from(reader.string()));
  }
  return options;
}
