import type { Command } from 'commander';
import { parseUsername } from '../../model/users.js';
import { type CommandContext, newCommand } from '../command.js';
import { localExits } from '../exit-codes.js';
import { renderJson } from '../terminal/render.js';

/** Creates `sftpgw user sheet`. */
export function userSheetCommand(context: CommandContext): Command {
  const summary = [
    'Print a sheet for a partner: address, host keys, folders and commands.',
    'It has no secret. sftp.public.address sets the address that partners use.',
  ].join('\n');
  const command = newCommand(
    'sheet',
    summary,
    ['sftpgw user sheet bob', 'sftpgw user sheet bob --json'],
    [...localExits, 'notFound'],
  );
  return command
    .argument('<user>', 'the user')
    .option('--json', 'print JSON')
    .action(async (text: string, flags: { json?: boolean }) => {
      const { sheetOfRoot } = await import('../../operations/accounts/root-accounts.js');
      const sheet = await sheetOfRoot(context.rootOf(command), parseUsername(text));
      context.shell.out(flags.json === true ? renderJson(sheet) : sheet.text.trimEnd());
    });
}
