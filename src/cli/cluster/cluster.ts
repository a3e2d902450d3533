import type { Command } from 'commander';
import { type CommandContext, newCommand } from '../command.js';
import { groupExits } from '../exit-codes.js';
import { clusterStatusCommand } from './status.js';

/** Creates `sftpgw cluster` with its commands. */
export function clusterCommand(context: CommandContext): Command {
  return newCommand(
    'cluster',
    'Show the gateways that share a PostgreSQL database.',
    ['sftpgw cluster status'],
    groupExits,
  ).addCommand(clusterStatusCommand(context));
}
