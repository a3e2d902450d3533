import type { Core } from '../assembly/core.js';
import type { LiveSettings } from '../assembly/live-settings.js';
import { createWebhookSender, webhookServices } from '../assembly/webhooks.js';
import { createAuditReader } from '../database/audit/reader.js';
import type { Logger } from '../model/call.js';
import type { Measures } from '../model/measures.js';
import { WebhookDispatcher } from '../webhooks/dispatcher.js';

/** Starts to send events to webhooks, until `resources` are disposed. Throws as `createWebhookSender`. */
export async function startWebhooks(
  settings: LiveSettings,
  { database }: Pick<Core, 'database'>,
  measures: Measures,
  log: Logger,
  resources: AsyncDisposableStack,
): Promise<void> {
  const sender = await createWebhookSender(settings);
  const reader = createAuditReader(database);
  const services = webhookServices(settings, database);
  resources.use(new WebhookDispatcher({ ...services, reader, sender, measures, log }));
}
