import { type Command, Option } from 'commander';
import { roles } from '../../api/description/roles.js';
import { type CommandContext, newCommand } from '../command.js';
import { localExits } from '../exit-codes.js';
import { invite } from './invitation.js';

/** Creates `sftpgw admin add`. */
export function addCommand(context: CommandContext): Command {
  const summary = [
    'Add a person for the console, and print a link.',
    'The link works once, within 15 minutes. There they set a passphrase and a passkey or an authenticator app.',
  ].join('\n');
  const command = newCommand(
    'add',
    summary,
    ['sftpgw admin add alice --role custodian'],
    [...localExits, 'exists', 'limit'],
  );
  return command
    .argument('<name>', 'their name for the login')
    .addOption(new Option('--role <role>', 'what they may do').choices([...roles]).makeOptionMandatory())
    .option('--json', 'print JSON')
    .action(async (name: string, flags: { readonly role: string; readonly json?: boolean }) => {
      await context.withRoot(context.rootOf(command), (root) =>
        invite(context, root, flags.json === true, (people, by) => people.add(name, flags.role, by)),
      );
    });
}
