import type { Command } from 'commander';
import { keyJson } from '../../operations/key-administration.js';
import { type CommandContext, newCommand } from '../command.js';
import { keyringExits } from '../exit-codes.js';
import { renderJson, renderTable } from '../terminal/render.js';
import { withKeyring } from './open-keyring.js';
import { keyHeader, keyRow } from './report.js';

/** Creates `sftpgw key list`. */
export function keyListCommand(context: CommandContext): Command {
  const command = newCommand(
    'list',
    'List the keys of the keyring, oldest first. Does not print the keys themselves.',
    ['sftpgw key list', 'sftpgw key list --json'],
    keyringExits,
  );
  return command.option('--json', 'print JSON').action(async (flags: { json?: boolean }) => {
    await withKeyring(context, command, async ({ keyring, keyWriters }) => {
      const { shell } = context;
      const keys = await keyring.list();
      const writers = await keyWriters();
      const of = (id: string) => writers.get(id) ?? [];
      if (flags.json === true) shell.out(renderJson(keys.map((key) => keyJson(key, of(key.id)))));
      else if (keys.length === 0) shell.err('there are no keys yet: run `sftpgw key generate`');
      else
        shell.out(
          renderTable(
            keyHeader,
            keys.map((key) => keyRow(key, of(key.id))),
          ),
        );
      for (const problem of await keyring.problems()) shell.err(problem);
    });
  });
}
