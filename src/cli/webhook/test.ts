import type { Command } from 'commander';
import { type CommandContext, newCommand } from '../command.js';
import { exitCodes } from '../exit-codes.js';
import { renderJson } from '../terminal/render.js';
import { findWebhook, oneWebhookExits, withWebhooks } from './with-webhooks.js';

/** Creates `sftpgw webhook test`. */
export function webhookTestCommand(context: CommandContext): Command {
  const summary = [
    'Send a test message to a webhook and print the result.',
    'The message has the type webhook.test and is sent once. The exit code is 12 if it is not accepted.',
  ].join('\n');
  const command = newCommand(
    'test',
    summary,
    ['sftpgw webhook test billing'],
    [...oneWebhookExits, 'findings'],
  );
  return command
    .argument('<webhook>', 'its id or label')
    .option('--json', 'print JSON')
    .action(async (text: string, flags: { readonly json?: boolean }) => {
      await withWebhooks(context, command, async (webhooks) => {
        const { id } = await findWebhook(webhooks, text);
        const { status, error, seconds } = await webhooks.test(id);
        if (error !== null) context.setExitCode(exitCodes.findings);
        if (flags.json === true) context.shell.out(renderJson({ status, error, seconds }));
        else if (error === null) context.shell.out(`accepted with status ${status} in ${seconds} s`);
        else context.shell.out(`not accepted: ${error}`);
      });
    });
}
