import type { WebhookDeliveries } from '../database/webhooks/deliveries.js';
import type { StoredWebhook, WebhookEndpoints } from '../database/webhooks/endpoints.js';
import type { SecretSeal } from '../keyring/secret-seal.js';
import type { AttemptResult, DueDelivery } from '../model/api/webhooks.js';
import type { AuditReader } from '../model/audit.js';
import type { Clock, Entropy, Logger } from '../model/call.js';
import { Fault, isFault } from '../model/fault.js';
import type { Measures } from '../model/measures.js';
import { passes } from './filter.js';
import { messageActions, messageOf } from './messages.js';
import { retryDelay, type WebhookRules } from './rules.js';
import { openSecrets } from './secrets.js';
import type { WebhookSender } from './sender.js';
import { signedHeaders } from './signature.js';

/** The services of the runners. */
export interface RunnerServices {
  readonly endpoints: WebhookEndpoints;
  readonly deliveries: WebhookDeliveries;
  readonly reader: Pick<AuditReader, 'head'>;
  readonly seal: SecretSeal;
  readonly sender: WebhookSender;
  /** Returns the settings in force. */
  readonly rules: () => WebhookRules;
  readonly measures: Pick<Measures, 'webhookAttempt'>;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly log: Logger;
}

/**
 * Sends the messages of one endpoint. Its queue and its attempts in parallel are its own, so a slow endpoint
 * delays no other one. Everything that it knows is in the database: after a crash, messages without a recorded
 * success are sent again.
 */
export class EndpointRunner {
  readonly #id: string;
  readonly #services: RunnerServices;
  readonly #signal: AbortSignal;
  readonly #busy = new Map<number, Promise<void>>();
  #wake: (() => void) | null = null;
  #isWoken = false;
  #isRemoved = false;
  /** Failed attempts since the last success, for the log. */
  #failures = 0;
  #hasFailed = false;

  constructor(id: string, services: RunnerServices, signal: AbortSignal) {
    this.#id = id;
    this.#services = services;
    this.#signal = signal;
  }

  /** There may be something to do. */
  wake(): void {
    this.#isWoken = true;
    this.#wake?.();
  }

  /** Runs until the signal aborts or the endpoint is removed, and its last attempt has ended. Never rejects. */
  async run(): Promise<void> {
    const stop = () => this.wake();
    this.#signal.addEventListener('abort', stop, { once: true });
    while (!this.#signal.aborted && !this.#isRemoved) {
      this.#isWoken = false;
      try {
        await this.#pass();
        this.#hasFailed = false;
      } catch (error) {
        if (!this.#hasFailed) {
          this.#services.log.error('webhook messages not read', {
            webhook: this.#id,
            error: Fault.from(error),
          });
        }
        this.#hasFailed = true;
      }
      await this.#untilWoken();
    }
    this.#signal.removeEventListener('abort', stop);
    await Promise.all(this.#busy.values());
  }

  async #untilWoken(): Promise<void> {
    if (this.#isWoken || this.#signal.aborted || this.#isRemoved) return;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    this.#wake = null;
  }

  async #pass(): Promise<void> {
    const { endpoints, reader } = this.#services;
    const endpoint = await endpoints.find(this.#id);
    if (endpoint === null) {
      this.#isRemoved = true;
      return;
    }
    let hasMore = endpoint.cursorSeq < (await reader.head()).seq;
    do {
      if (hasMore) hasMore = (await this.#queue(endpoint)) === 'more';
      await this.#begin(endpoint);
    } while (hasMore && !this.#signal.aborted);
  }

  #queue(endpoint: StoredWebhook) {
    const { deliveries, rules, clock } = this.#services;
    return deliveries.queue({
      endpoint: endpoint.id,
      actions: messageActions,
      messageOf: (row) => {
        const message = messageOf(row);
        return message !== null && passes(endpoint.filter, message) ? message : null;
      },
      maxPending: rules().queue,
      nowMs: clock.nowMs(),
    });
  }

  /** Begins attempts, as many as may run in parallel. */
  async #begin(endpoint: StoredWebhook): Promise<void> {
    const { deliveries, rules, clock } = this.#services;
    const room = rules().parallel - this.#busy.size;
    if (room <= 0) return;
    const busy = new Set(this.#busy.keys());
    const due = await deliveries.due(this.#id, clock.nowMs(), room, busy);
    if (this.#signal.aborted) return;
    for (const delivery of due) {
      const attempt = this.#attempt(endpoint, delivery).finally(() => {
        this.#busy.delete(delivery.id);
        this.wake();
      });
      this.#busy.set(delivery.id, attempt);
    }
  }

  /** Never rejects. An attempt whose result cannot be recorded is made again. */
  async #attempt(endpoint: StoredWebhook, delivery: DueDelivery): Promise<void> {
    const { clock, log, measures } = this.#services;
    const startedMs = clock.nowMs();
    try {
      const result = await this.#send(endpoint, delivery, startedMs);
      measures.webhookAttempt(result.error === null ? 'ok' : 'failed');
      await this.#record(delivery, result, startedMs);
    } catch (error) {
      if (this.#signal.aborted && isFault(error, 'cancelled')) return;
      log.error('result of a webhook message not recorded', { webhook: this.#id, error: Fault.from(error) });
      // The database must not be asked again at once.
      await clock.sleep(1_000, this.#signal).catch(() => undefined);
    }
  }

  async #send(endpoint: StoredWebhook, delivery: DueDelivery, nowMs: number): Promise<AttemptResult> {
    const { seal, sender, rules } = this.#services;
    const body = Buffer.from(delivery.body);
    let headers: Readonly<Record<string, string>>;
    try {
      const secrets = await openSecrets(seal, endpoint, nowMs);
      headers = signedHeaders(delivery.messageId, nowMs, body, secrets);
    } catch (error) {
      return { status: null, error: Fault.from(error).hint, retryAfterMs: null, isFinal: false };
    }
    return await sender.send(endpoint.url, headers, body, rules(), this.#signal);
  }

  async #record(delivery: DueDelivery, result: AttemptResult, startedMs: number): Promise<void> {
    const { deliveries, clock, entropy, log, rules } = this.#services;
    const nowMs = clock.nowMs();
    const about = { webhook: this.#id, message: delivery.messageId, status: result.status };
    if (result.error === null) {
      await deliveries.delivered(delivery, result.status ?? 0, nowMs);
      if (this.#failures > 0) log.info('webhook reached again', { ...about, failures: this.#failures });
      this.#failures = 0;
      return;
    }
    const { error, status, isFinal, retryAfterMs } = result;
    const current = rules();
    const delayMs = Math.max(retryAfterMs ?? 0, retryDelay(current, delivery.attempts + 1, entropy));
    const isLate = nowMs - (delivery.firstTriedMs ?? startedMs) >= current.retryTimeMs;
    const nextMs = isFinal || isLate ? null : nowMs + delayMs;
    await deliveries.failed(delivery, { status, error }, { startedMs, nowMs, nextMs });
    if (this.#failures === 0) log.warn('webhook not reached', { ...about, reason: error });
    this.#failures += 1;
    if (nextMs === null) {
      log.warn('webhook message given up', { ...about, reason: error, attempts: delivery.attempts + 1 });
    }
  }
}
