import type { Command } from 'commander';
import { type CommandContext, newCommand } from '../command.js';
import { groupExits } from '../exit-codes.js';
import { webhookAddCommand } from './add.js';
import { webhookDeliveriesCommand, webhookResendCommand } from './deliveries.js';
import { webhookListCommand, webhookRemoveCommand } from './list.js';
import { webhookRotateCommand } from './rotate.js';
import { webhookTestCommand } from './test.js';

/** Creates `sftpgw webhook` with its commands. */
export function webhookCommand(context: CommandContext): Command {
  return newCommand(
    'webhook',
    'Send events to other programs over HTTPS: docs/WEBHOOKS.md lists them.',
    [
      'sftpgw webhook add https://example.com/hooks --label billing',
      'sftpgw webhook test billing',
      'sftpgw webhook resend billing',
    ],
    groupExits,
  )
    .addCommand(webhookAddCommand(context))
    .addCommand(webhookListCommand(context))
    .addCommand(webhookRemoveCommand(context))
    .addCommand(webhookRotateCommand(context))
    .addCommand(webhookTestCommand(context))
    .addCommand(webhookDeliveriesCommand(context))
    .addCommand(webhookResendCommand(context));
}
