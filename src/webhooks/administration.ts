import type { WebhookDeliveries } from '../database/webhooks/deliveries.js';
import type { StoredWebhook, WebhookEndpoints } from '../database/webhooks/endpoints.js';
import type { SecretSeal } from '../keyring/secret-seal.js';
import type {
  AttemptResult,
  DeliveryState,
  NewWebhook,
  WebhookAdministration,
  WebhookDelivery,
  WebhookEndpoint,
  WebhookStatus,
} from '../model/api/webhooks.js';
import type { Clock, Entropy } from '../model/call.js';
import { Fault } from '../model/fault.js';
import { checkFilter } from './filter.js';
import { testBody } from './messages.js';
import type { WebhookRules } from './rules.js';
import { openSecrets } from './secrets.js';
import type { WebhookSender } from './sender.js';
import { secretBytes, secretText, signedHeaders } from './signature.js';
import { parseTarget } from './targets.js';

export interface AdministrationServices {
  readonly endpoints: WebhookEndpoints;
  readonly deliveries: WebhookDeliveries;
  readonly seal: SecretSeal;
  /** Creates the sender of one test. */
  readonly createSender: () => Promise<WebhookSender>;
  readonly rules: () => WebhookRules;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly signal: AbortSignal;
}

type WithSecret = { readonly endpoint: WebhookEndpoint; readonly secret: string };

/** Adds, tests and removes endpoints, and queues messages again. Works while the gateway runs, and without it. */
export class Webhooks implements WebhookAdministration {
  readonly #services: AdministrationServices;

  constructor(services: AdministrationServices) {
    this.#services = services;
  }

  async add({ label, url, filter, createdBy }: NewWebhook): Promise<WithSecret> {
    const { endpoints, entropy, clock, rules } = this.#services;
    parseTarget(url, rules());
    checkFilter(filter);
    const id = entropy.id();
    const { secret, sealed } = await this.#newSecret(id);
    const createdMs = clock.nowMs();
    const stored = await endpoints.add({
      id,
      label,
      url,
      filter,
      createdBy,
      createdMs,
      secretSealed: sealed,
    });
    return { endpoint: withoutSecrets(stored), secret };
  }

  list(): Promise<readonly WebhookStatus[]> {
    return this.#services.endpoints.statuses();
  }

  async get(id: string): Promise<WebhookStatus> {
    const found = (await this.list()).find((endpoint) => endpoint.id === id);
    if (found === undefined) throw notFound(id);
    return found;
  }

  async remove(id: string): Promise<WebhookEndpoint> {
    const removed = await this.#services.endpoints.remove(id);
    if (removed === null) throw notFound(id);
    return withoutSecrets(removed);
  }

  async rotateSecret(id: string, overlapMs: number): Promise<WithSecret> {
    const { endpoints, clock } = this.#services;
    await this.#require(id);
    const { secret, sealed } = await this.#newSecret(id);
    const nowMs = clock.nowMs();
    const stored = await endpoints.replaceSecret(id, sealed, nowMs, nowMs + overlapMs);
    if (stored === null) throw notFound(id);
    return { endpoint: withoutSecrets(stored), secret };
  }

  async test(id: string): Promise<AttemptResult & { readonly seconds: number }> {
    const { seal, createSender, rules, clock, entropy, signal } = this.#services;
    const endpoint = await this.#require(id);
    const startedMs = clock.nowMs();
    const body = Buffer.from(testBody(endpoint, startedMs));
    const secrets = await openSecrets(seal, endpoint, startedMs);
    const headers = signedHeaders(`test_${entropy.id()}`, startedMs, body, secrets);
    using sender = await createSender();
    const result = await sender.send(endpoint.url, headers, body, rules(), signal);
    return { ...result, seconds: (clock.nowMs() - startedMs) / 1000 };
  }

  async deliveries(
    id: string,
    options: { readonly state?: DeliveryState; readonly limit: number; readonly before?: number },
  ): Promise<readonly WebhookDelivery[]> {
    await this.#require(id);
    return await this.#services.deliveries.list(id, options);
  }

  async resend(id: string, delivery: number | null): Promise<number> {
    await this.#require(id);
    const { deliveries, clock } = this.#services;
    const queued = await deliveries.resend(id, delivery, clock.nowMs());
    if (queued > 0 || delivery === null) return queued;
    throw new Fault('not-found', `webhook ${id} has no finished delivery ${delivery}`);
  }

  async #require(id: string): Promise<StoredWebhook> {
    const found = await this.#services.endpoints.find(id);
    if (found === null) throw notFound(id);
    return found;
  }

  async #newSecret(id: string): Promise<{ readonly secret: string; readonly sealed: string }> {
    const bytes = this.#services.entropy.bytes(secretBytes);
    const sealed = await this.#services.seal.seal(id, bytes);
    return { secret: secretText(bytes), sealed };
  }
}

function withoutSecrets(stored: StoredWebhook): WebhookEndpoint {
  const { secretSealed: _sealed, previousSealed: _previous, cursorSeq: _cursor, ...endpoint } = stored;
  return endpoint;
}

function notFound(id: string): Fault {
  return new Fault('not-found', `there is no webhook ${id}: see \`sftpgw webhook list\``);
}
