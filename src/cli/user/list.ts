import type { Command } from 'commander';
import { type CommandContext, newCommand } from '../command.js';
import { localExits } from '../exit-codes.js';
import { renderJson, renderTable } from '../terminal/render.js';
import { describeEncryption, describeLogin, describeUploads, describeUserProblems } from './report.js';

/** Creates `sftpgw user list`. */
export function userListCommand(context: CommandContext): Command {
  const command = newCommand(
    'list',
    'List the SFTP users.',
    ['sftpgw user list', 'sftpgw user list --json'],
    localExits,
  );
  return command.option('--json', 'print JSON').action(async (flags: { json?: boolean }) => {
    await context.withRootConfig(context.rootOf(command), async ({ registry }) => {
      const users = await registry.list();
      if (flags.json === true) context.shell.out(renderJson(users));
      else if (users.length === 0) context.shell.err('there are no users yet: run `addsftpuser NAME`');
      else {
        const rows = users.map((user) => [
          user.username,
          describeUploads(user),
          describeEncryption(user),
          describeLogin(user),
          user.downloads ? 'on' : 'off',
          user.shared ? 'on' : 'off',
        ]);
        const header = ['user', 'uploads to', 'encryption', 'login', 'downloads', 'shared'];
        context.shell.out(renderTable(header, rows));
        for (const problem of users.flatMap(describeUserProblems)) context.shell.err(problem);
      }
    });
  });
}
