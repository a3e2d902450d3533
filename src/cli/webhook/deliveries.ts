import { type Command, Option } from 'commander';
import { type DeliveryState, deliveryStates, type WebhookDelivery } from '../../model/api/webhooks.js';
import { Fault } from '../../model/fault.js';
import { type CommandContext, newCommand } from '../command.js';
import { renderJson, renderTable } from '../terminal/render.js';
import { findWebhook, oneWebhookExits, webhookJson, withWebhooks } from './with-webhooks.js';

interface DeliveriesFlags {
  readonly state?: DeliveryState;
  readonly limit: string;
  readonly json?: boolean;
}

const maxLimit = 10_000;

/** Creates `sftpgw webhook deliveries`. */
export function webhookDeliveriesCommand(context: CommandContext): Command {
  const summary = [
    'List the messages to a webhook, the newest first.',
    'A message is pending, delivered, or dead: given up after webhooks.retry.time.',
  ].join('\n');
  const command = newCommand(
    'deliveries',
    summary,
    ['sftpgw webhook deliveries billing', 'sftpgw webhook deliveries billing --state dead --json'],
    oneWebhookExits,
  );
  return command
    .argument('<webhook>', 'its id or label')
    .addOption(new Option('--state <state>', 'only messages in this state').choices([...deliveryStates]))
    .option('--limit <n>', 'max. messages', '100')
    .option('--json', 'print JSON')
    .action(async (text: string, flags: DeliveriesFlags) => {
      const limit = numberOf('--limit', flags.limit, maxLimit);
      const { state } = flags;
      await withWebhooks(context, command, async (webhooks) => {
        const { id } = await findWebhook(webhooks, text);
        const found = await webhooks.deliveries(id, { limit, ...(state === undefined ? {} : { state }) });
        const { shell } = context;
        if (flags.json === true) shell.out(renderJson(found.map(webhookJson)));
        else if (found.length === 0) shell.err('there are no messages');
        else {
          const header = ['id', 'event', 'about', 'state', 'attempts', 'created', 'last attempt'];
          shell.out(renderTable(header, found.map(rowOf)));
        }
      });
    });
}

/** Creates `sftpgw webhook resend`. */
export function webhookResendCommand(context: CommandContext): Command {
  const summary = [
    'Send messages to a webhook again.',
    'Without --delivery, these are all messages that were given up. A message keeps its webhook-id, so a receiver recognises it.',
  ].join('\n');
  const command = newCommand(
    'resend',
    summary,
    ['sftpgw webhook resend billing', 'sftpgw webhook resend billing --delivery 7'],
    oneWebhookExits,
  );
  return command
    .argument('<webhook>', 'its id or label')
    .option('--delivery <id>', 'one message, from `sftpgw webhook deliveries`')
    .action(async (text: string, flags: { readonly delivery?: string }) => {
      const delivery =
        flags.delivery === undefined ? null : numberOf('--delivery', flags.delivery, Number.MAX_SAFE_INTEGER);
      await withWebhooks(context, command, async (webhooks) => {
        const { id } = await findWebhook(webhooks, text);
        let queued = await webhooks.resend(id, delivery);
        // One call queues a bounded number.
        for (let more = queued; delivery === null && more > 0; queued += more) {
          more = await webhooks.resend(id, null);
        }
        context.shell.out(`${queued} ${queued === 1 ? 'message is' : 'messages are'} sent again`);
      });
    });
}

function numberOf(flag: string, text: string, max: number): number {
  if (/^\d{1,16}$/.test(text) && Number(text) >= 1 && Number(text) <= max) return Number(text);
  throw new Fault('invalid', `${flag} ${JSON.stringify(text)}: must be a number from 1 to ${max}`);
}

function rowOf(delivery: WebhookDelivery): readonly string[] {
  const { id, type, subject, state, attempts, createdMs, error, status } = delivery;
  const last = error ?? (status === null ? '' : `status ${status}`);
  // Clients choose the names of files.
  const about = JSON.stringify(subject ?? '').slice(1, -1);
  return [String(id), type, about, state, String(attempts), new Date(createdMs).toISOString(), last];
}
