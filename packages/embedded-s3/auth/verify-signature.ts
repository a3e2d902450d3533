import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { canonicalRequests, gatherSignedHeaders } from './canonical-request.js';
import { headersNotSigned, signatureDoesNotMatch } from './refusals.js';
import type { RequestTarget } from './request-target.js';
import type { SignatureClaim } from './signature-claim.js';
import { type SigningKey, signaturesEqual } from './signing-key.js';

/**
 * Verifies a claim: the signature covers this request and was made with this key.
 *
 * @throws S3AuthError SignatureDoesNotMatch, or AccessDenied if it does not cover a required header
 */
export function verifySignature(
  request: IncomingMessage,
  target: RequestTarget,
  claim: SignatureClaim,
  key: SigningKey,
): void {
  const headers = gatherSignedHeaders(request, claim.signedHeaders);
  if (headers.missing.length > 0) throw headersNotSigned(headers.missing);
  const candidates = canonicalRequests(request.method ?? '', target, claim, headers.lines).map(
    (canonical) => {
      const hash = createHash('sha256').update(canonical, 'latin1').digest('hex');
      return `AWS4-HMAC-SHA256\n${claim.signedAt.text}\n${claim.credential.scope}\n${hash}`;
    },
  );
  const matches = candidates.some((toSign) => signaturesEqual(key.sign(toSign), claim.signature));
  if (!matches) throw signatureDoesNotMatch(candidates[0] ?? '');
}
