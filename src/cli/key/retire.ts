import type { Command } from 'commander';
import { Fault } from '../../model/fault.js';
import { type CommandContext, newCommand } from '../command.js';
import { keyringExits } from '../exit-codes.js';
import { withKeyring } from './open-keyring.js';
import { findKey, keyArgument } from './reference.js';

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
    await withKeyring(context, command, async ({ keyring, keyWriters }) => {
      const { id, state } = await findKey(keyring, text);
      if (state !== 'active') throw new Fault('conflict', `the key ${id} is already ${state}`);
      const writers = (await keyWriters()).get(id) ?? [];
      if (writers.length > 0) {
        throw new Fault(
          'conflict',
          `the key ${id} is used by ${writers.join(', ')}: set another key first (sftpgw key use)`,
        );
      }
      await keyring.retire(id);
      context.shell.out(`the key ${id} is retired: it only opens existing objects`);
    });
  });
}
