import type { Command } from 'commander';
import { type CommandContext, newCommand } from '../command.js';
import { groupExits } from '../exit-codes.js';
import { banAddCommand } from './add.js';
import { banClearCommand } from './clear.js';
import { banListCommand } from './list.js';

/** Creates `sftpgw ban` with its commands. */
export function banCommand(context: CommandContext): Command {
  return newCommand(
    'ban',
    'List, add and end bans of addresses.',
    ['sftpgw ban list', 'sftpgw ban add 192.0.2.7 --for 1h', 'sftpgw ban clear 192.0.2.7'],
    groupExits,
  )
    .addCommand(banListCommand(context))
    .addCommand(banAddCommand(context))
    .addCommand(banClearCommand(context));
}
