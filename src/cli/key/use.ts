import type { Command } from 'commander';
import { Fault } from '../../model/fault.js';
import { findKey, type KeyUse, keyArgument, useKey } from '../../operations/key-administration.js';
import { type CommandContext, newCommand } from '../command.js';
import { keyringExits } from '../exit-codes.js';
import { withKeyring } from './open-keyring.js';

interface UseFlags {
  readonly user?: string;
  readonly uploads?: boolean;
  readonly downloads?: boolean;
  readonly shared?: boolean;
}

/** Creates `sftpgw key use`. */
export function keyUseCommand(context: CommandContext): Command {
  const summary = [
    'Use a key of the keyring for a user or the shared directory.',
    'Writes sse.option=3 and sse.key.id (with --downloads and --shared sse.sync.option=3 and sse.sync.key.id) and keeps the rest of the file. Applies to files opened from now on. Older objects keep their key, which still opens them.',
  ].join('\n');
  const command = newCommand(
    'use',
    summary,
    [
      'sftpgw key use 3f9a01c2 --user bob',
      'sftpgw key use "partner 2026" --user bob --downloads',
      'sftpgw key use 3f9a01c2 --shared',
    ],
    [...keyringExits, 'notFound', 'conflict'],
  );
  return command
    .argument('<key>', keyArgument)
    .option('--user <name>', 'use the key for this user')
    .option('--uploads', 'use the key for uploads (default)')
    .option('--downloads', 'use the key for files that commands put into downloads')
    .option('--shared', 'use the key for files that commands put into shared/')
    .action(async (text: string, flags: UseFlags) => {
      refuseContradictions(flags);
      await withKeyring(context, command, async (config) => {
        const key = await findKey(config.keyring, text);
        context.shell.out(await useKey(config, key, useOf(flags)));
      });
    });
}

function refuseContradictions({ user, uploads, downloads, shared }: UseFlags): void {
  if ((user === undefined) === (shared !== true)) throw new Fault('invalid', 'give --user NAME or --shared');
  if (shared === true && (uploads ?? downloads) === true) {
    throw new Fault('invalid', '--uploads and --downloads need --user');
  }
}

function useOf({ user, uploads, downloads }: UseFlags): KeyUse {
  if (user === undefined) return { user: null };
  return { user, uploads: uploads === true || downloads !== true, downloads: downloads === true };
}
