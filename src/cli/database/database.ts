import type { Command } from 'commander';
import { type CommandContext, newCommand } from '../command.js';
import { groupExits } from '../exit-codes.js';
import { databaseMigrateCommand } from './migrate.js';

/** Creates `sftpgw database` with its commands. */
export function databaseCommand(context: CommandContext): Command {
  return newCommand(
    'database',
    'Move the gateway’s data between SQLite and PostgreSQL.',
    ['sftpgw database migrate --from sqlite --to postgres'],
    groupExits,
  ).addCommand(databaseMigrateCommand(context));
}
