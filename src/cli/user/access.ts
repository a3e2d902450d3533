import type { Command } from 'commander';
import { Fault } from '../../model/fault.js';
import { parseUsername, type UserChange } from '../../model/users.js';
import { unknownUser } from '../../operations/users.js';
import { parseExpiry } from '../../users/property-values.js';
import { type CommandContext, newCommand } from '../command.js';
import { localExits } from '../exit-codes.js';

const exits = [...localExits, 'notFound', 'conflict'] as const;

/** Creates `sftpgw user disable`. */
export function userDisableCommand(context: CommandContext): Command {
  const summary = [
    'Disable an SFTP user: logins are refused, and current sessions end.',
    'Nothing is deleted. Open uploads are parked, so that their client can resume them after `sftpgw user enable`.',
  ].join('\n');
  const command = newCommand('disable', summary, ['sftpgw user disable bob'], exits);
  return command.argument('<user>', 'the user').action(async (text: string) => {
    await change(context, command, text, { disabled: true }, 'is disabled');
  });
}

/** Creates `sftpgw user enable`. */
export function userEnableCommand(context: CommandContext): Command {
  const command = newCommand(
    'enable',
    'Enable an SFTP user that was disabled.',
    ['sftpgw user enable bob'],
    exits,
  );
  return command.argument('<user>', 'the user').action(async (text: string) => {
    await change(context, command, text, { disabled: false }, 'is enabled');
  });
}

/** Creates `sftpgw user expire`. */
export function userExpireCommand(context: CommandContext): Command {
  const summary = [
    'Set the time from which an SFTP user can no longer log in.',
    'Nothing is deleted. "never" removes the time. A day means its beginning in UTC.',
  ].join('\n');
  const command = newCommand(
    'expire',
    summary,
    ['sftpgw user expire bob 2027-01-31', 'sftpgw user expire bob never'],
    exits,
  );
  return command
    .argument('<user>', 'the user')
    .argument('<time>', 'a day or a time in UTC, or "never"')
    .action(async (text: string, time: string) => {
      const expiresMs = time === 'never' ? null : expiryOf(time);
      const outcome =
        expiresMs === null ? 'never expires' : `expires at ${new Date(expiresMs).toISOString()}`;
      await change(context, command, text, { expiresMs }, outcome);
    });
}

function expiryOf(text: string): number {
  const parsed = parseExpiry(text);
  if ('value' in parsed) return parsed.value;
  throw new Fault('invalid', `the time ${JSON.stringify(text)} ${parsed.problem}`);
}

async function change(
  context: CommandContext,
  command: Command,
  text: string,
  wanted: UserChange,
  outcome: string,
): Promise<void> {
  const username = parseUsername(text);
  await context.withRootConfig(context.rootOf(command), async ({ registry }) => {
    if ((await registry.describe(username)) === null) throw unknownUser(username);
    await registry.save(username, wanted);
    context.shell.out(`${username} ${outcome}`);
  });
}
