import type { Command } from 'commander';
import { findKey, keyArgument, retireKey } from '../../operations/key-administration.js';
import { type CommandContext, newCommand } from '../command.js';
import { keyringExits } from '../exit-codes.js';
import { withKeyring } from './open-keyring.js';

/** Creates `sftpgw key retire`. */
export function keyRetireCommand(context: CommandContext): Command {
  const summary = [
    'Retire a key: it opens its objects, but encrypts no new ones.',
    'Refuses a key that is still used for new objects.',
  ].join('\n');
  const command = newCommand(
    'retire',
    summary,
    ['sftpgw key retire 3f9a01c2'],
    [...keyringExits, 'notFound', 'conflict'],
  );
  return command.argument('<key>', keyArgument).action(async (text: string) => {
    await withKeyring(context, command, async (config) => {
      const key = await findKey(config.keyring, text);
      await retireKey(config, key);
      context.shell.out(`the key ${key.id} is retired: it only opens existing objects`);
    });
  });
}
