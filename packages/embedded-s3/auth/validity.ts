import { requestExpired, requestNotYetValid, requestTimeTooSkewed } from './refusals.js';
import type { SignatureClaim } from './signature-claim.js';

const maxSkewMs = 15 * 60 * 1000;

/**
 * Checks that the request was signed now (within 15 minutes) or, for a presigned URL, that it is
 * still valid.
 *
 * @param nowMs the server's clock, milliseconds since the epoch
 * @throws S3AuthError RequestTimeTooSkewed, or AccessDenied for a presigned URL
 */
export function checkTime({ signedAt, expiresSeconds }: SignatureClaim, nowMs: number): void {
  if (expiresSeconds === null) {
    if (Math.abs(nowMs - signedAt.ms) > maxSkewMs)
      throw requestTimeTooSkewed(signedAt.text, nowMs, maxSkewMs);
    return;
  }
  if (signedAt.ms - nowMs > maxSkewMs) throw requestNotYetValid();
  const expiresMs = signedAt.ms + expiresSeconds * 1000;
  if (nowMs > expiresMs) throw requestExpired(expiresSeconds, expiresMs, nowMs);
}
