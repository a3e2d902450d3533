import type { Command } from 'commander';
import { Fault } from '../../model/fault.js';
import { parseUsername, type Username, type UserSummary } from '../../model/users.js';
import { type CommandContext, newCommand } from '../command.js';
import { askYesNo } from '../terminal/prompter.js';
import { describeUploads } from './report.js';

/** `deletesftpuser` and `sftpgw user remove`. */
export function userRemoveCommand(name: string, spelling: string, context: CommandContext): Command {
  const summary = [
    'Take an SFTP user away.',
    'The objects in S3 stay; keys and local files are moved aside, not deleted, because objects under SSE-C',
    'can be read with the key only.',
  ].join('\n');
  const command = newCommand(name, summary, [`${spelling} bob`, `${spelling} bob --yes`]);
  return command
    .argument('<user>', 'the user')
    .option('-y, --yes', 'do not ask')
    .action(async (text: string, flags: { yes?: boolean }) => {
      const username = parseUsername(text);
      await context.withRootConfig(context.rootOf(command), async ({ registry }) => {
        const user = await registry.describe(username);
        if (user === null) throw unknownUser(username);
        if (flags.yes !== true && !(await confirmed(context, user))) {
          context.shell.out(`${username} stays`);
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
  if (asked === null) throw new Fault('invalid', `to remove ${user.username} without a terminal, add --yes`);
  return asked;
}

export function unknownUser(username: Username): Fault {
  return new Fault('not-found', `there is no user ${username}; \`sftpgw user list\` shows those there are`);
}
