import { createHmac } from 'node:crypto';

/** The beginning of a secret, by which scanners for leaked secrets find it. */
export const secretPrefix = 'whsec_';
/** Length of a secret in bytes: the output of SHA-256. */
export const secretBytes = 32;

/** Returns a secret as people copy it. */
export function secretText(secret: Uint8Array): string {
  return secretPrefix + Buffer.from(secret).toString('base64');
}

/**
 * Returns the headers of a message as Standard Webhooks 1.0.0 has them: one signature for each secret, so that
 * the receiver may know either of them.
 */
export function signedHeaders(
  messageId: string,
  timeMs: number,
  body: Uint8Array,
  secrets: readonly Uint8Array[],
): Readonly<Record<string, string>> {
  const seconds = Math.floor(timeMs / 1000);
  const signatures = secrets.map((secret) => {
    const sum = createHmac('sha256', secret).update(`${messageId}.${seconds}.`).update(body);
    return `v1,${sum.digest('base64')}`;
  });
  return {
    'webhook-id': messageId,
    'webhook-timestamp': String(seconds),
    'webhook-signature': signatures.join(' '),
  };
}
