import type { Command } from 'commander';
import type { Ban } from '../../model/bans.js';
import { type CommandContext, newCommand } from '../command.js';
import { renderDuration, renderJson, renderTable } from '../terminal/render.js';
import { banExits } from './exits.js';

/** Creates `sftpgw ban list`. */
export function banListCommand(context: CommandContext): Command {
  const summary = [
    'List the bans in force, the oldest first.',
    'REFUSES is "everyone", or "new users": then users who have logged in from the address in the last 30 days still can. The gateway bans an address after failed logins (sftp.ban.after).',
  ].join('\n');
  const command = newCommand('list', summary, ['sftpgw ban list', 'sftpgw ban list --json'], banExits);
  return command.option('--json', 'print JSON').action(async (flags: { json?: boolean }) => {
    const { shell } = context;
    await context.interruptible(async (signal) => {
      const { withBans } = await import('../../operations/bans.js');
      const bans = await withBans(context.rootOf(command), signal, (administration) => administration.list());
      if (flags.json === true) shell.out(renderJson(bans));
      else if (bans.length === 0) shell.err('no address is banned');
      else shell.out(renderTable(header, bans.map(rowOf)));
    });
  });
}

const header = ['address', 'refuses', 'cause', 'since', 'ends in'];

function rowOf({ source, scope, cause, sinceMs, untilMs }: Ban): readonly string[] {
  return [
    source,
    scope === 'everyone' ? 'everyone' : 'new users',
    cause === 'logins' ? 'failed logins' : 'command',
    new Date(sinceMs).toISOString(),
    renderDuration(untilMs - Date.now()),
  ];
}
