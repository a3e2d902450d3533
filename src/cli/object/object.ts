import type { Command } from 'commander';
import { type CommandContext, newCommand } from '../command.js';
import { objectCopyCommand, objectMoveCommand } from './copy.js';
import { objectGetCommand } from './get.js';
import { objectListCommand } from './list.js';
import { objectPutCommand } from './put.js';
import { objectRemoveCommand } from './remove.js';
import { objectStatusCommand } from './status.js';

/** `sftpgw object` and all that is below it. */
export function objectCommand(context: CommandContext): Command {
  const summary = [
    'List, show, get, put, copy, move and remove objects, each with the key that it needs.',
    'The ledger knows which key opens an object; what it does not know is tried with the keys at hand.',
  ].join('\n');
  return newCommand('object', summary, [
    'sftpgw object ls s3://my-bucket/bob/uploads/',
    'sftpgw object get s3://my-bucket/bob/uploads/report.pdf',
    'sftpgw object cp --recursive s3://my-bucket/bob/uploads/ s3://archive/bob/ --keep-encryption',
  ])
    .addCommand(objectListCommand(context))
    .addCommand(objectStatusCommand(context))
    .addCommand(objectGetCommand(context))
    .addCommand(objectPutCommand(context))
    .addCommand(objectCopyCommand(context))
    .addCommand(objectMoveCommand(context))
    .addCommand(objectRemoveCommand(context));
}
