import type { Command } from 'commander';
import { type CommandContext, newCommand } from '../command.js';
import { localExits } from '../exit-codes.js';
import { invite } from './invitation.js';

/** Creates `sftpgw admin init`. */
export function initCommand(context: CommandContext): Command {
  const summary = [
    'Add the first person for the console, and print a link.',
    'The link works once, within 15 minutes. There they set a passphrase and a passkey or an authenticator app.',
  ].join('\n');
  const command = newCommand(
    'init',
    summary,
    ['sftpgw admin init', 'sftpgw admin init alice'],
    [...localExits, 'exists'],
  );
  return command
    .argument('[name]', 'their name for the login', 'admin')
    .option('--json', 'print JSON')
    .action(async (name: string, flags: { readonly json?: boolean }) => {
      await context.withRoot(context.rootOf(command), (root) =>
        invite(context, root, flags.json === true, (people, by) => people.init(name, by)),
      );
    });
}
