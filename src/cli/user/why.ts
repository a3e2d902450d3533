import type { Command } from 'commander';
import type { LoginCheck } from '../../model/api/login-check.js';
import { parseUsername } from '../../model/users.js';
import { type CommandContext, newCommand } from '../command.js';
import { exitCodes, localExits } from '../exit-codes.js';
import { renderJson } from '../terminal/render.js';

interface WhyFlags {
  readonly address?: string;
  readonly json?: boolean;
}

/** Creates `sftpgw user why`. */
export function userWhyCommand(context: CommandContext): Command {
  const summary = [
    'Explain why an SFTP user cannot log in.',
    'Applies the rules of logins to the present files, bans and sessions, and reads the last refusals from the audit trail. The exit code is 1 if a login is impossible.',
  ].join('\n');
  const command = newCommand(
    'why',
    summary,
    ['sftpgw user why bob', 'sftpgw user why bob --address 192.0.2.7'],
    [...localExits, 'cancelled'],
  );
  return command
    .argument('<user>', 'the user, who need not exist')
    .option('--address <ip>', 'address of the client (default: those of the last refusals)')
    .option('--json', 'print JSON')
    .action(async (text: string, flags: WhyFlags) => {
      await context.interruptible(async (signal) => {
        const { checkLoginOfRoot } = await import('../../operations/accounts/root-accounts.js');
        const root = context.rootOf(command);
        const check = await checkLoginOfRoot(root, parseUsername(text), flags.address ?? null, signal);
        context.shell.out(flags.json === true ? renderJson(check) : reportOf(check).join('\n'));
        if (!check.canLogIn) context.setExitCode(exitCodes.failure);
      });
    });
}

function reportOf({ username, canLogIn, obstacles, refusals }: LoginCheck): readonly string[] {
  return [
    canLogIn ? `${username} can log in with the right credentials` : `${username} cannot log in`,
    ...obstacles.flatMap(({ severity, what, whatToDo, command }) => [
      `  ${severity}: ${what}`,
      `    ${whatToDo}${command === null ? '' : ` (${command})`}`,
    ]),
    ...(refusals.length === 0 ? [] : ['last refusals:']),
    ...refusals.map(
      ({ timeMs, address, rule, reason }) =>
        `  ${new Date(timeMs).toISOString()} ${address ?? 'unknown address'}: ${rule}: ${reason}`,
    ),
  ];
}
