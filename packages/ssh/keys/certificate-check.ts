import { CidrList } from '../addresses/cidr-list.js';
import { WireReader } from '../wire/reader.js';
import type { Certificate } from './certificate.js';
import { KeyError, readOrMalformed } from './key-error.js';

const forever = 0xffff_ffff_ffff_ffffn;

/** The login that a certificate is checked for. */
export interface CertificateUse {
  /** The certificate must have one of these principals. */
  readonly principals: readonly string[];
  /** The peer's address. */
  readonly address: string;
  /** Milliseconds since the epoch. */
  readonly nowMs: number;
}

/** The terms in a certificate that may be used. */
export interface CertificateTerms {
  /** The extension `no-touch-required`. It counts only if the CA's grant allows it as well. */
  readonly touchOptional: boolean;
  /** The critical option `verify-required`. */
  readonly verificationRequired: boolean;
}

/** The terms of a certificate, or the reason why it may not be used. The reason is for the log. */
export type CertificateVerdict =
  | { readonly terms: CertificateTerms; readonly refusal: null }
  | { readonly terms: null; readonly refusal: string };

/**
 * Checks the principals, the validity and the critical options of a certificate (PROTOCOL.certkeys). A certificate without principals
 * is refused, as in OpenSSH: it would be valid for every user. Unknown critical options are refused, unknown extensions ignored.
 */
export function checkCertificate(certificate: Certificate, use: CertificateUse): CertificateVerdict {
  const refusal = refusalOf(certificate, use);
  if (refusal !== null) return { terms: null, refusal };
  return {
    terms: {
      touchOptional: certificate.extensions.has('no-touch-required'),
      verificationRequired: certificate.criticalOptions.has('verify-required'),
    },
    refusal: null,
  };
}

/** Returns the end of a certificate's validity in milliseconds since the epoch; infinity if it does not end. */
export function validBeforeMs({ validBefore }: Certificate): number {
  return validBefore === forever ? Number.POSITIVE_INFINITY : Number(validBefore) * 1000;
}

function refusalOf(certificate: Certificate, use: CertificateUse): string | null {
  const { principals, validAfter, validBefore } = certificate;
  const nowSeconds = BigInt(Math.floor(use.nowMs / 1000));
  if (nowSeconds < validAfter) return 'the certificate is not valid yet';
  if (nowSeconds >= validBefore) return 'the certificate has expired';
  if (principals.length === 0) return 'the certificate has no principals';
  if (!principals.some((principal) => principal !== '' && use.principals.includes(principal))) {
    return 'the certificate does not have an accepted principal';
  }
  for (const [name, data] of certificate.criticalOptions) {
    const refusal = refusalOfOption(name, data, use.address);
    if (refusal !== null) return refusal;
  }
  return null;
}

function refusalOfOption(name: string, data: Buffer, address: string): string | null {
  if (name === 'verify-required') {
    return data.length === 0 ? null : 'the certificate has malformed data in verify-required';
  }
  if (name !== 'source-address' && name !== 'force-command') {
    return `the certificate has the unknown critical option ${JSON.stringify(name.slice(0, 64))}`;
  }
  const value = readValue(data);
  if (value === null) return `the certificate has malformed data in ${name}`;
  if (name === 'force-command') {
    return value === 'internal-sftp' ? null : 'the certificate forces a command other than internal-sftp';
  }
  const networks = CidrList.parse(value);
  if (networks === null) return 'the certificate has malformed data in source-address';
  return networks.contains(address) ? null : 'the certificate is not valid from this address';
}

/** Returns the one string inside an option's data. */
function readValue(data: Buffer): string | null {
  try {
    return readOrMalformed('option', () => {
      const reader = new WireReader(data);
      const value = reader.text();
      reader.end();
      return value;
    });
  } catch (error) {
    if (error instanceof KeyError) return null;
    throw error;
  }
}
