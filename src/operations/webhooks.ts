import { createWebhookSender, webhookServices } from '../assembly/webhooks.js';
import { auditedWebhooks } from '../audit/audited/webhooks.js';
import type { WebhookAdministration } from '../model/api/webhooks.js';
import { Webhooks } from '../webhooks/administration.js';
import type { RootServices } from './open-root.js';

/** Returns the webhooks of a root, with each change recorded. A running gateway sees changes within a second. */
export function webhooksOf({
  settings,
  database,
  call,
  scribe,
}: Pick<RootServices, 'settings' | 'database' | 'call' | 'scribe'>): WebhookAdministration {
  const webhooks = new Webhooks({
    ...webhookServices(settings, database),
    createSender: () => createWebhookSender(settings),
    signal: call.signal,
  });
  return auditedWebhooks(webhooks, scribe);
}
