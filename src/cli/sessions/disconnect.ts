import type { Command } from 'commander';
import { Fault } from '../../model/fault.js';
import { type CommandContext, newCommand } from '../command.js';
import { localExits } from '../exit-codes.js';

/** Creates `sftpgw sessions disconnect`. */
export function sessionsDisconnectCommand(context: CommandContext): Command {
  const summary = [
    'End a session of the running gateway.',
    'Open uploads are parked, so that their client can resume them. The user may log in again: disable the account to prevent that.',
  ].join('\n');
  const command = newCommand(
    'disconnect',
    summary,
    ['sftpgw sessions disconnect 3f9a01c2d4e5f607'],
    [...localExits, 'notFound', 'cancelled'],
  );
  return command
    .argument('<id>', 'id of the session, as `sftpgw sessions` lists it')
    .action(async (id: string) => {
      await context.interruptible(async (signal) => {
        const { openSessions } = await import('../../operations/sessions.js');
        const sessions = await openSessions(context.rootOf(command), signal);
        const ended = await sessions.disconnect(id);
        if (ended === null)
          throw new Fault('not-found', `there is no session ${id}: see \`sftpgw sessions\``);
        context.shell.out(`ended the session ${id} of ${ended.username} from ${ended.address}`);
      });
    });
}
