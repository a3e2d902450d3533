import type { Command } from 'commander';
import { type CommandContext, newCommand } from '../command.js';
import { localExits } from '../exit-codes.js';
import { invite } from './invitation.js';

/** Creates `sftpgw admin reset`. */
export function resetCommand(context: CommandContext): Command {
  const summary = [
    'Print a new link for a person who cannot log in.',
    'Removes their passphrase, passkeys and authenticator app, and ends their sessions. The link works once, within 15 minutes.',
  ].join('\n');
  const command = newCommand(
    'reset',
    summary,
    ['sftpgw admin reset alice'],
    [...localExits, 'notFound', 'conflict'],
  );
  return command
    .argument('<name>', 'their name for the login')
    .option('--json', 'print JSON')
    .action(async (name: string, flags: { readonly json?: boolean }) => {
      await context.withRoot(context.rootOf(command), (root) =>
        invite(context, root, flags.json === true, (people, by) => people.reset(name, by)),
      );
    });
}
