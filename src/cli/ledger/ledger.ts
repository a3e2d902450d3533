import type { Command } from 'commander';
import { type CommandContext, newCommand } from '../command.js';
import { ledgerFindCommand } from './find.js';
import { ledgerRebuildCommand } from './rebuild.js';
import { ledgerVerifyCommand } from './verify.js';

/** `sftpgw ledger` and all that is below it. */
export function ledgerCommand(context: CommandContext): Command {
  const summary = [
    'Ask, verify and rebuild the ledger: which key sealed which object version.',
    'It is a part of the gateway’s database. Who has lost that makes it anew from the bucket and the keys.',
  ].join('\n');
  return newCommand('ledger', summary, [
    'sftpgw ledger find s3://my-bucket/bob/uploads/report.pdf',
    'sftpgw ledger verify --sample 1000',
    'sftpgw ledger rebuild',
  ])
    .addCommand(ledgerFindCommand(context))
    .addCommand(ledgerVerifyCommand(context))
    .addCommand(ledgerRebuildCommand(context));
}
