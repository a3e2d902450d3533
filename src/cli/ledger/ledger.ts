import type { Command } from 'commander';
import { type CommandContext, newCommand } from '../command.js';
import { groupExits } from '../exit-codes.js';
import { ledgerFindCommand } from './find.js';
import { ledgerRebuildCommand } from './rebuild.js';
import { ledgerVerifyCommand } from './verify.js';

/** Creates `sftpgw ledger` with its commands. */
export function ledgerCommand(context: CommandContext): Command {
  const summary = [
    'Query, verify and rebuild the ledger: which key each object version needs.',
    'The ledger is a part of the gateway’s database. It can be rebuilt from the buckets and the keys.',
  ].join('\n');
  return newCommand(
    'ledger',
    summary,
    [
      'sftpgw ledger find s3://my-bucket/bob/uploads/report.pdf',
      'sftpgw ledger verify --sample 1000',
      'sftpgw ledger rebuild',
    ],
    groupExits,
  )
    .addCommand(ledgerFindCommand(context))
    .addCommand(ledgerVerifyCommand(context))
    .addCommand(ledgerRebuildCommand(context));
}
