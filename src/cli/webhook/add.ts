import type { Command } from 'commander';
import { Fault } from '../../model/fault.js';
import { type CommandContext, newCommand } from '../command.js';
import { renderJson } from '../terminal/render.js';
import { webhookExits, webhookJson, withWebhooks } from './with-webhooks.js';

interface AddFlags {
  readonly label: string;
  readonly event?: readonly string[];
  readonly user?: readonly string[];
  readonly prefix?: readonly string[];
  readonly json?: boolean;
}

const maxLabelLength = 100;

/** Creates `sftpgw webhook add`. */
export function webhookAddCommand(context: CommandContext): Command {
  const summary = [
    'Add a webhook and print its secret.',
    'It gets the events from now on. The secret verifies the signatures and cannot be shown again.',
  ].join('\n');
  const command = newCommand(
    'add',
    summary,
    [
      'sftpgw webhook add https://example.com/hooks --label billing \\\n  --event upload.finished >billing.secret',
      "sftpgw webhook add https://example.com/hooks --label security \\\n  --event login.refused 'key.*' 'recovery.*'",
    ],
    [...webhookExits, 'exists', 'limit'],
  );
  return command
    .argument('<url>', 'an https:// URL')
    .requiredOption('--label <text>', 'a name for people')
    .option('--event <type...>', 'only these events, such as upload.finished or upload.*')
    .option('--user <name...>', 'only events of these users')
    .option('--prefix <begin...>', 'only objects whose keys begin with this')
    .option('--json', 'print JSON')
    .action(async (url: string, flags: AddFlags) => {
      const { event = [], user = [], prefix = [] } = flags;
      const filter = { events: event, users: user, prefixes: prefix };
      const label = labelOf(flags.label);
      await withWebhooks(context, command, async (webhooks) => {
        const { localPersonName } = await import('../../operations/api-tokens.js');
        const { endpoint, secret } = await webhooks.add({ label, url, filter, createdBy: localPersonName() });
        const { shell } = context;
        shell.out(flags.json === true ? renderJson({ ...webhookJson(endpoint), secret }) : secret);
        shell.err(`added webhook ${endpoint.id}: try it with \`sftpgw webhook test ${endpoint.id}\``);
      });
    });
}

function labelOf(text: string): string {
  const label = text.trim();
  if (label.length >= 1 && label.length <= maxLabelLength) return label;
  throw new Fault('invalid', `--label must have 1 to ${maxLabelLength} characters`);
}
