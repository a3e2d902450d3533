import type { Command } from 'commander';
import type { WebhookAdministration, WebhookStatus } from '../../model/api/webhooks.js';
import { Fault } from '../../model/fault.js';
import type { CommandContext } from '../command.js';
import { type ExitName, keyringExits } from '../exit-codes.js';

/** Codes of the commands about webhooks. */
export const webhookExits: readonly ExitName[] = [...keyringExits, 'unsupported', 'cancelled'];
/** Codes of the commands about one webhook. */
export const oneWebhookExits: readonly ExitName[] = [...webhookExits, 'notFound'];

/** Runs work with the webhooks of the command's root. */
export async function withWebhooks<T>(
  context: CommandContext,
  command: Command,
  work: (webhooks: WebhookAdministration) => Promise<T>,
): Promise<T> {
  return await context.withRoot(context.rootOf(command), async (root) => {
    const { webhooksOf } = await import('../../operations/webhooks.js');
    return await work(webhooksOf(root));
  });
}

/** Returns the webhook with this id or label. Throws `not-found`. */
export async function findWebhook(webhooks: WebhookAdministration, text: string): Promise<WebhookStatus> {
  const found = (await webhooks.list()).find(({ id, label }) => id === text || label === text);
  if (found !== undefined) return found;
  throw new Fault('not-found', `there is no webhook ${JSON.stringify(text)}: see \`sftpgw webhook list\``);
}

/** Returns an endpoint or a delivery as JSON shows it: times as text, without `Ms` in their names. */
export function webhookJson(value: object): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    Object.entries(value).map(([name, field]: [string, unknown]) => {
      if (!name.endsWith('Ms')) return [name, field];
      return [name.slice(0, -2), typeof field === 'number' ? new Date(field).toISOString() : null];
    }),
  );
}
