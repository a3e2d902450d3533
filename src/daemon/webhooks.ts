import type { Core } from '../assembly/core.js';
import type { LiveSettings } from '../assembly/live-settings.js';
import { createWebhookSender, webhookServices } from '../assembly/webhooks.js';
import { untilAborted } from '../concurrency/abort.js';
import { createAuditReader } from '../database/audit/reader.js';
import type { Logger } from '../model/call.js';
import type { Measures } from '../model/measures.js';
import { WebhookDispatcher } from '../webhooks/dispatcher.js';

/**
 * Starts to send events to webhooks, until `resources` are disposed. One gateway sends if several share the database.
 * Throws as `createWebhookSender`.
 */
export async function startWebhooks(
  settings: LiveSettings,
  { database, leases }: Pick<Core, 'database' | 'leases'>,
  measures: Measures,
  log: Logger,
  resources: AsyncDisposableStack,
): Promise<void> {
  const sender = resources.use(await createWebhookSender(settings));
  const reader = createAuditReader(database);
  const services = webhookServices(settings, database);
  const stop = new AbortController();
  const running = leases.run('webhooks', stop.signal, async (held) => {
    await using _ = new WebhookDispatcher({ ...services, reader, sender, measures, log });
    await untilAborted(held);
  });
  resources.defer(async () => {
    stop.abort();
    await running;
  });
}
