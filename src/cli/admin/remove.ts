import type { Command } from 'commander';
import { type CommandContext, newCommand } from '../command.js';
import { localExits } from '../exit-codes.js';

/** Creates `sftpgw admin remove`. */
export function removeCommand(context: CommandContext): Command {
  const summary = [
    'Remove a person at once.',
    'Ends their sessions and revokes the tokens that they have created at the console.',
  ].join('\n');
  const command = newCommand(
    'remove',
    summary,
    ['sftpgw admin remove alice'],
    [...localExits, 'notFound', 'conflict'],
  );
  return command.argument('<name>', 'their name for the login').action(async (name: string) => {
    await context.withRoot(context.rootOf(command), async (root) => {
      const { peopleAdministration } = await import('../../operations/people.js');
      const removed = await peopleAdministration(root, root.scribe).remove(name);
      context.shell.out(`${removed.name} (${removed.role}) is removed`);
    });
  });
}
