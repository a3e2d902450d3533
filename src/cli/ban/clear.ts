import type { Command } from 'commander';
import { Fault } from '../../model/fault.js';
import { type CommandContext, newCommand } from '../command.js';
import { banExits } from './exits.js';

/** Creates `sftpgw ban clear`. */
export function banClearCommand(context: CommandContext): Command {
  const summary = [
    'End the ban of an address, or all bans.',
    'The failed logins of the address are forgotten. The exit code is 3 if the address is not banned.',
  ].join('\n');
  const command = newCommand(
    'clear',
    summary,
    ['sftpgw ban clear 192.0.2.7', 'sftpgw ban clear'],
    [...banExits, 'notFound'],
  );
  return command
    .argument('[address]', 'IPv4 or IPv6 address; all if left out')
    .action(async (address: string | undefined) => {
      await context.interruptible(async (signal) => {
        const { withBans } = await import('../../operations/bans.js');
        const root = context.rootOf(command);
        const ended = await withBans(root, signal, (bans) => bans.clear(address ?? null));
        if (address !== undefined && ended === 0) throw new Fault('not-found', `${address} is not banned`);
        context.shell.out(`${ended} ${ended === 1 ? 'ban' : 'bans'} ended`);
      });
    });
}
