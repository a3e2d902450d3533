import type { Command } from 'commander';
import type { WebhookFilter, WebhookStatus } from '../../model/api/webhooks.js';
import { type CommandContext, newCommand } from '../command.js';
import { renderJson, renderTable } from '../terminal/render.js';
import { findWebhook, oneWebhookExits, webhookExits, webhookJson, withWebhooks } from './with-webhooks.js';

/** Creates `sftpgw webhook list`. */
export function webhookListCommand(context: CommandContext): Command {
  const summary = [
    'List the webhooks with their messages, the oldest first.',
    'PENDING messages wait or are retried, DEAD ones were given up, and BEHIND counts events of the audit trail that are not considered yet.',
  ].join('\n');
  const command = newCommand(
    'list',
    summary,
    ['sftpgw webhook list', 'sftpgw webhook list --json'],
    webhookExits,
  );
  return command.option('--json', 'print JSON').action(async (flags: { readonly json?: boolean }) => {
    await withWebhooks(context, command, async (webhooks) => {
      const all = await webhooks.list();
      const { shell } = context;
      if (flags.json === true) shell.out(renderJson(all.map(webhookJson)));
      else if (all.length === 0) shell.err('there are no webhooks');
      else {
        const header = ['id', 'label', 'url', 'filter', 'pending', 'dead', 'behind', 'last delivered'];
        shell.out(renderTable(header, all.map(rowOf)));
      }
    });
  });
}

/** Creates `sftpgw webhook remove`. */
export function webhookRemoveCommand(context: CommandContext): Command {
  const command = newCommand(
    'remove',
    'Remove a webhook with its messages.',
    ['sftpgw webhook remove billing'],
    oneWebhookExits,
  );
  return command.argument('<webhook>', 'its id or label').action(async (text: string) => {
    await withWebhooks(context, command, async (webhooks) => {
      const { id, label } = await findWebhook(webhooks, text);
      await webhooks.remove(id);
      context.shell.out(`removed webhook ${id} (${label})`);
    });
  });
}

function rowOf(status: WebhookStatus): readonly string[] {
  const { id, label, url, filter, pending, dead, behind, lastDeliveredMs } = status;
  const delivered = lastDeliveredMs === null ? 'never' : new Date(lastDeliveredMs).toISOString();
  return [id, label, url, filterText(filter), String(pending), String(dead), String(behind), delivered];
}

function filterText({ events, users, prefixes }: WebhookFilter): string {
  const parts = [
    events.length === 0 ? 'all events' : events.join(' '),
    ...(users.length === 0 ? [] : [`users ${users.join(' ')}`]),
    ...(prefixes.length === 0 ? [] : [`prefixes ${prefixes.join(' ')}`]),
  ];
  return parts.join('; ');
}
