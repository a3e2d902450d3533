import { Argument, type Command } from 'commander';
import { roles } from '../../api/description/roles.js';
import { type CommandContext, newCommand } from '../command.js';
import { localExits } from '../exit-codes.js';

/** Creates `sftpgw admin role`. */
export function roleCommand(context: CommandContext): Command {
  const summary = ['Change the role of a person.', 'It counts at their next request.'].join('\n');
  const command = newCommand(
    'role',
    summary,
    ['sftpgw admin role alice custodian'],
    [...localExits, 'notFound', 'conflict'],
  );
  return command
    .argument('<name>', 'their name for the login')
    .addArgument(new Argument('<role>', 'what they may do').choices([...roles]))
    .action(async (name: string, role: string) => {
      await context.withRoot(context.rootOf(command), async (root) => {
        const { peopleAdministration } = await import('../../operations/people.js');
        const changed = await peopleAdministration(root, root.scribe).setRole(name, role);
        context.shell.out(`${changed.name} has the role ${changed.role}`);
      });
    });
}
