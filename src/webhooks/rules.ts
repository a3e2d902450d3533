import type { Entropy } from '../model/call.js';
import type { AttemptRules } from './sender.js';

/** The settings of webhooks. Durations are in milliseconds. */
export interface WebhookRules extends AttemptRules {
  /** Max messages that are sent to one endpoint in parallel. */
  readonly parallel: number;
  /** Max messages of one endpoint that are queued; the rest stays in the audit trail. */
  readonly queue: number;
  /** Wait before the second attempt. */
  readonly retryDelayMs: number;
  /** Time since the first attempt after which a message is given up. */
  readonly retryTimeMs: number;
  /** How long finished deliveries are kept. */
  readonly keepMs: number;
}

/** Max wait between two attempts, in milliseconds, unless the endpoint asks for more. */
const maxDelayMs = 600_000;

/**
 * Returns the wait before the next attempt after `attempts` failed ones: twice as long each time, up to 10
 * minutes. A random part keeps messages that failed together from being sent together again.
 */
export function retryDelay({ retryDelayMs }: WebhookRules, attempts: number, entropy: Entropy): number {
  const boundMs = Math.min(
    Math.max(maxDelayMs, retryDelayMs),
    retryDelayMs * 2 ** Math.min(attempts - 1, 20),
  );
  const random = Buffer.from(entropy.bytes(4)).readUInt32BE(0) / 2 ** 32;
  return Math.ceil(boundMs * (0.8 + 0.2 * random));
}
