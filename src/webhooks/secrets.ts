import type { StoredWebhook } from '../database/webhooks/endpoints.js';
import type { SecretSeal } from '../keyring/secret-seal.js';

/** Returns the secrets that sign the messages of an endpoint: the present one, and the one before during an overlap. */
export async function openSecrets(
  seal: SecretSeal,
  { id, secretSealed, previousSealed, overlapUntilMs }: StoredWebhook,
  nowMs: number,
): Promise<readonly Buffer[]> {
  const isOverlap = previousSealed !== null && overlapUntilMs !== null && nowMs < overlapUntilMs;
  const sealed = isOverlap ? [secretSealed, previousSealed] : [secretSealed];
  return await Promise.all(sealed.map((text) => seal.open(id, text)));
}
