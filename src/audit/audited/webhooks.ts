import type { WebhookAdministration } from '../../model/api/webhooks.js';
import type { AuditScribe, ScribeEvent } from '../scribe.js';

/** Returns the webhooks with each change and each test recorded. A URL may contain a secret: only its host is. */
export function auditedWebhooks(webhooks: WebhookAdministration, scribe: AuditScribe): WebhookAdministration {
  return {
    list: () => webhooks.list(),
    get: (id) => webhooks.get(id),
    deliveries: (id, options) => webhooks.deliveries(id, options),
    add: (webhook) =>
      scribe.change(
        { action: 'webhook.add', details: { label: webhook.label } },
        () => webhooks.add(webhook),
        ({ endpoint: { id, label, url, filter } }): ScribeEvent => ({
          action: 'webhook.add',
          target: id,
          details: { label, host: new URL(url).host, filter },
        }),
      ),
    remove: (id) =>
      scribe.change(
        { action: 'webhook.remove', target: id },
        () => webhooks.remove(id),
        ({ label }): ScribeEvent => ({ action: 'webhook.remove', target: id, details: { label } }),
      ),
    rotateSecret: (id, overlapMs) =>
      scribe.change(
        { action: 'webhook.secret', target: id },
        () => webhooks.rotateSecret(id, overlapMs),
        ({ endpoint: { label, overlapUntilMs } }): ScribeEvent => ({
          action: 'webhook.secret',
          target: id,
          details: {
            label,
            previousUntil: overlapUntilMs === null ? null : new Date(overlapUntilMs).toISOString(),
          },
        }),
      ),
    test: async (id) => {
      const result = await webhooks.test(id);
      const { status, error } = result;
      scribe.note({ action: 'webhook.test', target: id, details: { status, error } });
      return result;
    },
    resend: (id, delivery) =>
      scribe.change(
        { action: 'webhook.resend', target: id, details: { delivery } },
        () => webhooks.resend(id, delivery),
        (count): ScribeEvent => ({ action: 'webhook.resend', target: id, details: { delivery, count } }),
      ),
  };
}
