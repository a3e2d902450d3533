import type { Command } from 'commander';
import { type CommandContext, newCommand } from '../command.js';
import { groupExits } from '../exit-codes.js';
import { clusterInitCommand } from './init.js';
import { clusterJoinCommand } from './join.js';
import { clusterLeaveCommand } from './leave.js';
import { clusterStatusCommand } from './status.js';
import { clusterTokenCommand } from './token.js';

/** Creates `sftpgw cluster` with its commands. */
export function clusterCommand(context: CommandContext): Command {
  const summary = [
    'Run gateways on several machines, over one PostgreSQL database.',
    'The machines share users, keys and settings. See docs/CLUSTER.md.',
  ].join('\n');
  return newCommand(
    'cluster',
    summary,
    [
      'sftpgw cluster init',
      'sftpgw cluster token >token',
      'sftpgw cluster join --token-file token',
      'sftpgw cluster status',
    ],
    groupExits,
  )
    .addCommand(clusterInitCommand(context))
    .addCommand(clusterTokenCommand(context))
    .addCommand(clusterJoinCommand(context))
    .addCommand(clusterLeaveCommand(context))
    .addCommand(clusterStatusCommand(context));
}
