import type { Command } from 'commander';
import { type CommandContext, newCommand } from '../command.js';
import { groupExits } from '../exit-codes.js';
import { objectCopyCommand, objectMoveCommand } from './copy.js';
import { objectGetCommand } from './get.js';
import { objectListCommand } from './list.js';
import { objectPutCommand } from './put.js';
import { objectRemoveCommand } from './remove.js';
import { objectStatusCommand } from './status.js';

/** Creates `sftpgw object` with its commands. */
export function objectCommand(context: CommandContext): Command {
  const summary = [
    'List, get, put, copy, move and remove objects with the keys they need.',
    'The ledger knows the key of an object. Other objects are tried with the available keys.',
  ].join('\n');
  return newCommand(
    'object',
    summary,
    [
      'sftpgw object ls s3://my-bucket/bob/uploads/',
      'sftpgw object get s3://my-bucket/bob/uploads/report.pdf',
      'sftpgw object cp -r s3://files/bob/ s3://archive/bob/ --keep-encryption',
    ],
    groupExits,
  )
    .addCommand(objectListCommand(context))
    .addCommand(objectStatusCommand(context))
    .addCommand(objectGetCommand(context))
    .addCommand(objectPutCommand(context))
    .addCommand(objectCopyCommand(context))
    .addCommand(objectMoveCommand(context))
    .addCommand(objectRemoveCommand(context));
}
