import type { Command } from 'commander';
import { findKey, keyArgument, keyJson } from '../../operations/key-administration.js';
import { type CommandContext, newCommand } from '../command.js';
import { keyringExits } from '../exit-codes.js';
import { renderFields, renderJson } from '../terminal/render.js';
import { withKeyring } from './open-keyring.js';
import { keyFields } from './report.js';

/** Creates `sftpgw key show`. */
export function keyShowCommand(context: CommandContext): Command {
  const command = newCommand(
    'show',
    'Show the description of one key. Does not print the key itself.',
    ['sftpgw key show 3f9a01c2', 'sftpgw key show "bob 2026" --json'],
    [...keyringExits, 'notFound'],
  );
  return command
    .argument('<key>', keyArgument)
    .option('--json', 'print JSON')
    .action(async (text: string, flags: { json?: boolean }) => {
      await withKeyring(context, command, async ({ keyring, keyWriters }) => {
        const key = await findKey(keyring, text);
        const writers = (await keyWriters()).get(key.id) ?? [];
        context.shell.out(
          flags.json === true ? renderJson(keyJson(key, writers)) : renderFields(keyFields(key, writers)),
        );
      });
    });
}
