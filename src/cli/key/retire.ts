import type { Command } from 'commander';
import { Fault } from '../../model/fault.js';
import { type CommandContext, newCommand } from '../command.js';
import { withKeyring } from './open-keyring.js';
import { findKey, keyArgument } from './reference.js';

/** `sftpgw key retire`. */
export function keyRetireCommand(context: CommandContext): Command {
  const summary = [
    'Write with a key no more. It still opens what it sealed.',
    'Refused while somebody writes with it.',
  ].join('\n');
  const command = newCommand('retire', summary, ['sftpgw key retire 3f9a01c2']);
  return command.argument('<key>', keyArgument).action(async (text: string) => {
    await withKeyring(context, command, async ({ keyring, keyWriters }) => {
      const { id, state } = await findKey(keyring, text);
      if (state !== 'active') throw new Fault('conflict', `the key ${id} is ${state} already`);
      const writers = (await keyWriters()).get(id) ?? [];
      if (writers.length > 0) {
        throw new Fault(
          'conflict',
          `the key ${id} is written with by ${writers.join(', ')}: give another first (sftpgw key use)`,
        );
      }
      await keyring.retire(id);
      context.shell.out(`the key ${id} is retired: it only opens what it sealed`);
    });
  });
}
