import type { Command } from 'commander';
import type { Admin } from '../../model/api/people.js';
import { type CommandContext, newCommand } from '../command.js';
import { localExits } from '../exit-codes.js';
import { renderJson, renderTable } from '../terminal/render.js';

/** Creates `sftpgw admin list`. */
export function listCommand(context: CommandContext): Command {
  const command = newCommand(
    'list',
    'List the people who may use the console, by name.',
    ['sftpgw admin list', 'sftpgw admin list --json'],
    localExits,
  );
  return command.option('--json', 'print JSON').action(async (flags: { readonly json?: boolean }) => {
    await context.withRoot(context.rootOf(command), async (root) => {
      const { peopleStores } = await import('../../operations/people.js');
      const people = await peopleStores(root.database).admins.list();
      if (flags.json === true) context.shell.out(renderJson(people.map(jsonOf)));
      else if (people.length === 0) context.shell.err('there are no people: run `sftpgw admin init`');
      else {
        const header = ['name', 'role', 'login', 'last login', 'created by'];
        context.shell.out(renderTable(header, people.map(cellsOf)));
      }
    });
  });
}

function jsonOf({ id: _id, createdMs, lastLoginMs, totpCreatedMs, linkExpiresMs, ...rest }: Admin) {
  return {
    ...rest,
    created: timeText(createdMs),
    lastLogin: lastLoginMs === null ? null : timeText(lastLoginMs),
    hasTotp: totpCreatedMs !== null,
    linkExpires: linkExpiresMs === null ? null : timeText(linkExpiresMs),
  };
}

function cellsOf(person: Admin): readonly string[] {
  const { name, role, lastLoginMs, createdBy } = person;
  return [name, role, loginOf(person), lastLoginMs === null ? 'never' : timeText(lastLoginMs), createdBy];
}

function loginOf({ kind, hasPassphrase, totpCreatedMs, passkeys, linkExpiresMs }: Admin): string {
  if (kind !== 'local') return kind;
  if (!hasPassphrase)
    return linkExpiresMs === null ? 'link expired' : `link until ${timeText(linkExpiresMs)}`;
  return [
    'passphrase',
    ...(totpCreatedMs === null ? [] : ['TOTP']),
    ...(passkeys === 0 ? [] : [`${passkeys} passkey${passkeys === 1 ? '' : 's'}`]),
  ].join(' + ');
}

function timeText(ms: number): string {
  return new Date(ms).toISOString();
}
