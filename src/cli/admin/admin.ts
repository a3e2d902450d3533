import type { Command } from 'commander';
import { type CommandContext, newCommand } from '../command.js';
import { groupExits } from '../exit-codes.js';
import { addCommand } from './add.js';
import { initCommand } from './init.js';
import { listCommand } from './list.js';
import { removeCommand } from './remove.js';
import { resetCommand } from './reset.js';
import { roleCommand } from './role.js';
import { tokenCommand } from './token.js';

/** Creates `sftpgw admin` with its commands. */
export function adminCommand(context: CommandContext): Command {
  const command = newCommand(
    'admin',
    'Manage who may use the API and the console.',
    ['sftpgw admin init alice', 'sftpgw admin add bill --role operator'],
    groupExits,
  );
  command.addCommand(initCommand(context));
  command.addCommand(addCommand(context));
  command.addCommand(listCommand(context));
  command.addCommand(roleCommand(context));
  command.addCommand(resetCommand(context));
  command.addCommand(removeCommand(context));
  return command.addCommand(tokenCommand(context));
}
