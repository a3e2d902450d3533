import type { Command } from 'commander';
import { duration } from '../../config/values.js';
import { Fault } from '../../model/fault.js';
import { type CommandContext, newCommand } from '../command.js';
import { rootExits } from '../exit-codes.js';

const minMs = 60_000;
const maxMs = 7 * 24 * 3_600_000;

/** Creates `sftpgw cluster token`. */
export function clusterTokenCommand(context: CommandContext): Command {
  const summary = [
    'Create a token with which one machine may join, and print it.',
    'The token opens the identity of the cluster once, together with the database. Pass it on over a secure channel, and never as an argument. The database has only its digest.',
  ].join('\n');
  const command = newCommand(
    'token',
    summary,
    ['sftpgw cluster token', 'sftpgw cluster token --for 15m | ssh host2 sftpgw cluster join'],
    rootExits,
  );
  return command
    .option('--for <duration>', 'how long it is valid, 1m to 7d', '1h')
    .action(async (flags: { for: string }) => {
      const lifetimeMs = parseLifetime(flags.for);
      const { createJoinToken } = await import('../../operations/cluster/join-token.js');
      context.shell.out(await createJoinToken(context.rootOf(command), lifetimeMs));
      context.shell.err(
        `valid once, for ${flags.for}: give it to \`sftpgw cluster join\` on the new machine`,
      );
    });
}

function parseLifetime(text: string): number {
  const parsed = duration(minMs, maxMs).parse(text);
  if ('value' in parsed) return parsed.value;
  throw new Fault('invalid', `--for ${parsed.problem}`);
}
