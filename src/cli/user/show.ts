import type { Command } from 'commander';
import { parseUsername } from '../../model/users.js';
import { unknownUser } from '../../operations/users.js';
import { type CommandContext, newCommand } from '../command.js';
import { localExits } from '../exit-codes.js';
import { renderFields, renderJson } from '../terminal/render.js';
import { describeUserProblems, loginFields, userFields } from './report.js';

/** Creates `sftpgw user show`. */
export function userShowCommand(context: CommandContext): Command {
  const command = newCommand(
    'show',
    'Show one SFTP user. Prints keys as fingerprints.',
    ['sftpgw user show bob', 'sftpgw user show bob --json'],
    [...localExits, 'notFound'],
  );
  return command
    .argument('<user>', 'the user')
    .option('--json', 'print JSON')
    .action(async (text: string, flags: { json?: boolean }) => {
      const username = parseUsername(text);
      await context.withRootConfig(context.rootOf(command), async ({ registry }) => {
        const user = await registry.describe(username);
        if (user === null) throw unknownUser(username);
        const shown =
          flags.json === true
            ? renderJson(user)
            : renderFields([['user', username], ...userFields(user), ...loginFields(user)]);
        context.shell.out(shown);
        if (flags.json !== true) for (const problem of describeUserProblems(user)) context.shell.err(problem);
      });
    });
}
