import { loopbackTls } from '../../../test/support/loopback-tls.js';
import { TrailWorld } from '../../audit/testing/trail-world.js';
import type { AuditTrail } from '../../audit/trail.js';
import { pruneAudit } from '../../database/audit/retention.js';
import { WebhookDeliveries } from '../../database/webhooks/deliveries.js';
import { WebhookEndpoints } from '../../database/webhooks/endpoints.js';
import { newAgeIdentity, parseAgeIdentity } from '../../keyring/age.js';
import { createSecretSeal } from '../../keyring/secret-seal.js';
import type { NewWebhook, WebhookEndpoint } from '../../model/api/webhooks.js';
import type { AuditEvent } from '../../model/audit.js';
import { ProxyRules } from '../../network/proxy-rules.js';
import { type LogLine, recordingLogger, testClock, testEntropy } from '../../sftp/testing/test-logger.js';
import { Webhooks } from '../administration.js';
import { WebhookDispatcher } from '../dispatcher.js';
import type { WebhookRules } from '../rules.js';
import { WebhookSender } from '../sender.js';

/** Time between two checks of the dispatcher, in milliseconds. */
const tickMs = 50;

/** A database with a trail, and webhooks that receivers on the loopback may have. */
export class WebhookWorld implements AsyncDisposable {
  readonly lines: LogLine[] = [];
  readonly attempts = { ok: 0, failed: 0 };
  readonly endpoints: WebhookEndpoints;
  readonly deliveries: WebhookDeliveries;
  readonly webhooks: Webhooks;
  rules: WebhookRules = {
    allowPrivate: '127.0.0.0/8',
    allowHttp: false,
    timeoutMs: 10_000,
    parallel: 8,
    queue: 1_000,
    retryDelayMs: 100,
    retryTimeMs: 3 * 24 * 3_600_000,
    keepMs: 24 * 3_600_000,
  };
  readonly #trail: AuditTrail;
  readonly #world: TrailWorld;
  readonly #services;
  readonly #sender = newSender();
  #dispatcher: WebhookDispatcher | null = null;

  private constructor(world: TrailWorld, trail: AuditTrail, secret: string) {
    this.#world = world;
    this.#trail = trail;
    this.endpoints = new WebhookEndpoints(world.database);
    this.deliveries = new WebhookDeliveries(world.database);
    const identity = () => parseAgeIdentity(secret);
    this.#services = {
      endpoints: this.endpoints,
      deliveries: this.deliveries,
      seal: createSecretSeal({ read: identity, readOrMake: identity }, 'webhook'),
      rules: () => this.rules,
      clock: testClock,
      entropy: testEntropy,
    };
    const createSender = async () => newSender();
    this.webhooks = new Webhooks({ ...this.#services, createSender, signal: new AbortController().signal });
  }

  static async open(): Promise<WebhookWorld> {
    const world = await TrailWorld.open();
    const { secret } = await newAgeIdentity();
    return new WebhookWorld(world, await world.trail(), secret);
  }

  /** Adds an endpoint for all events, unless `more` has a filter. */
  async add(
    url: string,
    more: Partial<NewWebhook> = {},
  ): Promise<WebhookEndpoint & { readonly secret: string }> {
    const filter = { events: [], users: [], prefixes: [] };
    const added = await this.webhooks.add({ label: url, url, filter, createdBy: 'test', ...more });
    return { ...added.endpoint, secret: added.secret };
  }

  start(): void {
    const measures = {
      webhookAttempt: (result: 'ok' | 'failed') => {
        this.attempts[result] += 1;
      },
    };
    const services = {
      ...this.#services,
      reader: this.#trail.reader,
      sender: this.#sender,
      measures,
      log: recordingLogger(this.lines),
    };
    this.#dispatcher = new WebhookDispatcher(services, tickMs);
  }

  async stop(): Promise<void> {
    await this.#dispatcher?.[Symbol.asyncDispose]();
    this.#dispatcher = null;
  }

  /** Records events and moves them to the database. */
  async record(...events: readonly AuditEvent[]): Promise<void> {
    for (const event of events) this.#trail.recorder.record(event);
    await this.#trail.flush();
  }

  /** Removes all events of the trail that may be removed. Returns their number. */
  pruneTrail(): Promise<number> {
    return pruneAudit(this.#world.database, Number.MAX_SAFE_INTEGER);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    this.#sender[Symbol.dispose]();
    await this.#world[Symbol.asyncDispose]();
  }
}

function newSender(): WebhookSender {
  return new WebhookSender({ ca: [loopbackTls.cert], proxies: ProxyRules.none, userAgent: 'sftpgw/test' });
}

/** Returns the event of an upload whose object is stored. */
export function uploaded(key: string, number = 0, more: Partial<AuditEvent> = {}): AuditEvent {
  return {
    action: 'file.write',
    actor: { kind: 'user', name: 'bob' },
    address: '192.0.2.7',
    target: `/uploads/${key}`,
    bucket: 'b',
    objectKey: key,
    result: 'ok',
    details: { bytes: number, size: number, outcome: 'stored' },
    ...more,
  };
}
