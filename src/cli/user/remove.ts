import type { Command } from 'commander';
import { Fault } from '../../model/fault.js';
import { parseUsername, type UserSummary } from '../../model/users.js';
import { unknownUser } from '../../operations/users.js';
import { type CommandContext, newCommand } from '../command.js';
import { localExits } from '../exit-codes.js';
import { askYesNo } from '../terminal/prompter.js';
import { describeUploads } from './report.js';

/** Creates `deletesftpuser` and `sftpgw user remove`. */
export function userRemoveCommand(name: string, spelling: string, context: CommandContext): Command {
  const summary = [
    'Remove an SFTP user.',
    'Keeps the objects in S3. Moves keys and local files to var/lib/sftpgw/removed, because objects with SSE-C can be read only with the key.',
  ].join('\n');
  const command = newCommand(
    name,
    summary,
    [`${spelling} bob`, `${spelling} bob --yes`],
    [...localExits, 'notFound', 'conflict', 'cancelled'],
  );
  return command
    .argument('<user>', 'the user')
    .option('-y, --yes', 'do not ask for confirmation')
    .action(async (text: string, flags: { yes?: boolean }) => {
      const username = parseUsername(text);
      await context.withRootConfig(context.rootOf(command), async ({ registry }) => {
        const user = await registry.describe(username);
        if (user === null) throw unknownUser(username);
        if (flags.yes !== true && !(await confirmed(context, user))) {
          context.shell.out(`${username} is kept`);
          return;
        }
        const kept = await registry.remove(username);
        if (kept === null) throw unknownUser(username);
        context.shell.out(`removed ${username}`);
        context.shell.out(`  objects in S3 stay: ${describeUploads(user)}`);
        context.shell.out(`  keys and local files are kept in ${kept}`);
      });
    });
}

async function confirmed({ shell }: CommandContext, user: UserSummary): Promise<boolean> {
  const asked = shell.withPrompter((prompter) =>
    askYesNo(prompter, `Remove the user ${user.username}?`, false),
  );
  if (asked === null)
    throw new Fault(
      'invalid',
      `cannot ask for confirmation without a terminal: add --yes to remove ${user.username}`,
    );
  return asked;
}
