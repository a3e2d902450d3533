import type { Command } from 'commander';
import { type CommandContext, newCommand } from '../command.js';
import { groupExits } from '../exit-codes.js';
import { mirrorRunCommand } from './run.js';
import { mirrorStatusCommand } from './status.js';

/** Creates `sftpgw mirror` with its commands. */
export function mirrorCommand(context: CommandContext): Command {
  return newCommand(
    'mirror',
    'Sync downloads and the shared directory with S3, and show their state.',
    ['sftpgw mirror status', 'sftpgw mirror run --user bob --dry-run'],
    groupExits,
  )
    .addCommand(mirrorRunCommand(context))
    .addCommand(mirrorStatusCommand(context));
}
