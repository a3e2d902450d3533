import { parseCertificate } from '../keys/certificate.js';
import { type CertificateTerms, checkCertificate, validBeforeMs } from '../keys/certificate-check.js';
import { KeyError } from '../keys/key-error.js';
import { type PublicKey, parsePublicKey } from '../keys/public-key.js';
import { checkSignature, type SignatureCheck } from '../keys/signature.js';
import { type SignatureAlgorithm, signatureAlgorithms } from '../keys/signature-algorithms.js';
import { encodeString } from '../wire/writer.js';
import type { PublicKeyRequest } from './auth-request.js';
import type { KeyGrant, UsedKey, UserAuthentication, UserKey } from './authenticator.js';

/** A refused key. */
export interface KeyRefusal {
  readonly outcome: 'refused';
  /** The cause, for the log. The client does not see it. */
  readonly reason: string;
  /** The key, if the request had one. */
  readonly fingerprint: string | null;
  /** A sentence for the client. It depends on the request alone, never on the user. */
  readonly advice: string | null;
}

/** The result of a publickey request. `acceptable` answers a query. */
export type KeyOutcome =
  | { readonly outcome: 'accepted'; readonly used: UsedKey; readonly key: PublicKey }
  | { readonly outcome: 'acceptable' }
  | KeyRefusal;

/** The connection that the request came on. */
export interface KeyContext {
  readonly user: UserAuthentication;
  readonly username: string;
  readonly address: string;
  readonly sessionId: Uint8Array;
  /** Milliseconds since the epoch. */
  readonly nowMs: number;
  /** Keys that succeeded before on this connection. Each counts once (sshd_config(5), AuthenticationMethods). */
  readonly usedKeys: readonly PublicKey[];
}

const noTerms: CertificateTerms = { touchOptional: true, verificationRequired: false };

/**
 * Checks a publickey request (RFC 4252 section 7). Every check that the request allows is made before the decision, so that a refusal
 * costs the same whether or not the user exists and has the key. Rejects only if the application does.
 */
export async function checkPublicKey(request: PublicKeyRequest, context: KeyContext): Promise<KeyOutcome> {
  const algorithm = signatureAlgorithms.get(request.algorithm);
  if (algorithm === undefined) return unknownAlgorithm(request.algorithm);
  let offered: UserKey;
  try {
    offered = parseOffered(algorithm, request.blob);
  } catch (error) {
    return refusalFor(error, null);
  }
  const key = offered.kind === 'plain' ? offered : offered.key;
  const refused = (reason: string): KeyRefusal => ({
    outcome: 'refused',
    reason,
    fingerprint: key.fingerprint,
    advice: null,
  });
  if (key.type !== algorithm.keyType) return refused('the key is not of the type that the request names');
  const grant = await context.user.publicKey(offered);
  let signature: SignatureCheck | null = null;
  try {
    signature =
      request.signature && verifyRequest(key, algorithm, request, request.signature, context.sessionId);
  } catch (error) {
    return refusalFor(error, key.fingerprint);
  }
  const principals = grant?.principals ?? [context.username];
  const verdict =
    offered.kind === 'plain'
      ? { terms: noTerms, refusal: null }
      : checkCertificate(offered, { principals, address: context.address, nowMs: context.nowMs });
  if (grant === null) return refused('the key is not authorised');
  if (verdict.refusal !== null) return refused(verdict.refusal);
  if (context.usedKeys.some((used) => used.blob.equals(key.blob))) {
    return refused('the key has been used on this connection');
  }
  if (signature === null) return { outcome: 'acceptable' };
  if (!signature.isValid) return refused('the signature is wrong');
  const unmet = unmetTerm(signature, grant, verdict.terms);
  return unmet === null ? { outcome: 'accepted', used: usedKey(offered), key } : refused(unmet);
}

function parseOffered({ isCertificate }: SignatureAlgorithm, blob: Buffer): UserKey {
  return isCertificate ? parseCertificate(blob) : parsePublicKey(blob);
}

function verifyRequest(
  key: PublicKey,
  { signatureName }: SignatureAlgorithm,
  { signedPart }: PublicKeyRequest,
  signature: Buffer,
  sessionId: Uint8Array,
): SignatureCheck {
  return checkSignature(key, signatureName, Buffer.concat([encodeString(sessionId), signedPart]), signature);
}

/** Returns the term that a valid signature does not fulfil. A key without a FIDO authenticator cannot attest a check of the user. */
function unmetTerm(signature: SignatureCheck, grant: KeyGrant, terms: CertificateTerms): string | null {
  const isTouchOptional = grant.touchOptional === true && terms.touchOptional;
  if (!signature.isUserPresent && !isTouchOptional) return 'the signature was made without a touch';
  const isVerificationRequired = grant.verificationRequired === true || terms.verificationRequired;
  if (!signature.isUserVerified && isVerificationRequired) {
    return 'the signature was made without a PIN or a biometric check';
  }
  return null;
}

function usedKey(offered: UserKey): UsedKey {
  if (offered.kind === 'plain') return { type: offered.type, fingerprint: offered.fingerprint };
  const { key, keyId, serial, signatureKey } = offered;
  const certificate = {
    keyId,
    serial,
    caFingerprint: signatureKey.fingerprint,
    validBeforeMs: validBeforeMs(offered),
  };
  return { type: key.type, fingerprint: key.fingerprint, certificate };
}

function refusalFor(error: unknown, fingerprint: string | null): KeyRefusal {
  if (!(error instanceof KeyError)) throw error;
  const advice =
    error.problem === 'weak' ? 'This server refuses RSA keys below 2048 bits. Use an Ed25519 key.' : null;
  return { outcome: 'refused', reason: error.message, fingerprint, advice };
}

function unknownAlgorithm(name: string): KeyRefusal {
  const refusal = { outcome: 'refused', fingerprint: null } as const;
  if (name === 'ssh-rsa' || name.startsWith('ssh-rsa-cert-v')) {
    return {
      ...refusal,
      reason: 'RSA signature with SHA-1',
      advice:
        'This server refuses RSA signatures with SHA-1 (ssh-rsa). Update the client, or use an Ed25519 key.',
    };
  }
  const isDsa = name === 'ssh-dss' || name.startsWith('ssh-dss-cert-v');
  return {
    ...refusal,
    reason: `unknown signature algorithm ${JSON.stringify(name)}`,
    advice: isDsa ? 'This server refuses DSA keys. Use an Ed25519 key.' : null,
  };
}
