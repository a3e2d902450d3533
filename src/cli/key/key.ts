import type { Command } from 'commander';
import { type CommandContext, newCommand } from '../command.js';
import { groupExits } from '../exit-codes.js';
import { keyBackupCommand } from './backup.js';
import { keyDestroyCommand } from './destroy.js';
import { keyGenerateCommand } from './generate.js';
import { keyImportCommand } from './import.js';
import { keyJoinCommand } from './join.js';
import { keyListCommand } from './list.js';
import { keyRetireCommand } from './retire.js';
import { keyRotateCommand } from './rotate.js';
import { keyShowCommand } from './show.js';
import { keySplitCommand } from './split.js';
import { keyUseCommand } from './use.js';

/** Creates `sftpgw key` with its commands. */
export function keyCommand(context: CommandContext): Command {
  const summary = [
    'Manage SSE-C keys; split and join the recovery identity.',
    'Keys are sealed in opt/sftpgw/keys, one age file each. No command prints a key or takes one as an argument.',
  ].join('\n');
  return newCommand(
    'key',
    summary,
    [
      'sftpgw key generate --user bob --label "bob 2026"',
      'sftpgw key use "bob 2026" --user bob',
      'sftpgw key rotate --user bob',
      'sftpgw key list',
    ],
    groupExits,
  )
    .addCommand(keyGenerateCommand(context))
    .addCommand(keyImportCommand(context))
    .addCommand(keyListCommand(context))
    .addCommand(keyShowCommand(context))
    .addCommand(keyUseCommand(context))
    .addCommand(keyRotateCommand(context))
    .addCommand(keyRetireCommand(context))
    .addCommand(keyDestroyCommand(context))
    .addCommand(keyBackupCommand(context))
    .addCommand(keySplitCommand(context))
    .addCommand(keyJoinCommand(context));
}
