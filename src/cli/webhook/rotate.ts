import type { Command } from 'commander';
import { duration } from '../../config/values.js';
import { Fault } from '../../model/fault.js';
import { type CommandContext, newCommand } from '../command.js';
import { renderJson } from '../terminal/render.js';
import { findWebhook, oneWebhookExits, webhookJson, withWebhooks } from './with-webhooks.js';

interface RotateFlags {
  readonly overlap: string;
  readonly json?: boolean;
}

const maxOverlapMs = 30 * 24 * 3_600_000;

/** Creates `sftpgw webhook rotate`. */
export function webhookRotateCommand(context: CommandContext): Command {
  const summary = [
    'Generate another secret for a webhook and print it.',
    'During the overlap each message has two signatures, so the receiver can change its secret at any time. --overlap 0s ends the secret before at once.',
  ].join('\n');
  const command = newCommand(
    'rotate',
    summary,
    ['sftpgw webhook rotate billing >billing.secret', 'sftpgw webhook rotate billing --overlap 0s'],
    oneWebhookExits,
  );
  return command
    .argument('<webhook>', 'its id or label')
    .option('--overlap <time>', 'how long the secret before signs too, at most 30d', '1d')
    .option('--json', 'print JSON')
    .action(async (text: string, flags: RotateFlags) => {
      const overlapMs = parseOverlap(flags.overlap);
      await withWebhooks(context, command, async (webhooks) => {
        const { id } = await findWebhook(webhooks, text);
        const { endpoint, secret } = await webhooks.rotateSecret(id, overlapMs);
        const { shell } = context;
        shell.out(flags.json === true ? renderJson({ ...webhookJson(endpoint), secret }) : secret);
        const { overlapUntilMs } = endpoint;
        const until =
          overlapUntilMs === null ? 'is not used any more' : `signs until ${isoTime(overlapUntilMs)}`;
        shell.err(`the secret before ${until}`);
      });
    });
}

function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}

function parseOverlap(text: string): number {
  const parsed = duration(0, maxOverlapMs).parse(text.trim());
  if ('value' in parsed) return parsed.value;
  throw new Fault('invalid', `--overlap ${parsed.problem}`);
}
