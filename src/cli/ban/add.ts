import type { Command } from 'commander';
import { duration } from '../../config/values.js';
import { Fault } from '../../model/fault.js';
import { type CommandContext, newCommand } from '../command.js';
import { banExits } from './exits.js';

const maxBanMs = 3650 * 24 * 3_600_000;

/** Creates `sftpgw ban add`. */
export function banAddCommand(context: CommandContext): Command {
  const summary = [
    'Ban an address: the gateway refuses its connections.',
    'An IPv6 address bans its network of 64 bits. Sessions that exist continue. Bans survive a restart.',
  ].join('\n');
  const command = newCommand(
    'add',
    summary,
    ['sftpgw ban add 192.0.2.7', 'sftpgw ban add 2001:db8:1:2::9 --for 30d'],
    banExits,
  );
  return command
    .argument('<address>', 'IPv4 or IPv6 address')
    .option('--for <duration>', 'how long, such as 30m, 1h or 7d', '1h')
    .action(async (address: string, flags: { for: string }) => {
      const durationMs = parseDuration(flags.for);
      await context.interruptible(async (signal) => {
        const { withBans } = await import('../../operations/bans.js');
        const root = context.rootOf(command);
        const ban = await withBans(root, signal, (bans) => bans.add(address, durationMs));
        context.shell.out(`banned ${ban.source} until ${new Date(ban.untilMs).toISOString()}`);
      });
    });
}

function parseDuration(text: string): number {
  const parsed = duration(1_000, maxBanMs).parse(text);
  if ('value' in parsed) return parsed.value;
  throw new Fault('invalid', `--for ${parsed.problem}`);
}
