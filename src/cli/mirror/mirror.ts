import type { Command } from 'commander';
import { type CommandContext, newCommand } from '../command.js';
import { mirrorRunCommand } from './run.js';
import { mirrorStatusCommand } from './status.js';

/** `sftpgw mirror` and all that is below it. */
export function mirrorCommand(context: CommandContext): Command {
  return newCommand(
    'mirror',
    'Bring the downloads and the shared directory up to date, and show how they are.',
    ['sftpgw mirror status', 'sftpgw mirror run --user bob --dry-run'],
  )
    .addCommand(mirrorRunCommand(context))
    .addCommand(mirrorStatusCommand(context));
}
