import { resolve } from 'node:path';
import type { Command } from 'commander';
import { createFileDurably, secretFileMode } from '../../files/durable.js';
import { packTar } from '../../files/tar.js';
import { Fault } from '../../model/fault.js';
import { type CommandContext, newCommand } from '../command.js';
import { keyringExits } from '../exit-codes.js';
import { faultOf } from '../system-faults.js';
import { withKeyring } from './open-keyring.js';

/** Creates `sftpgw key backup`. */
export function keyBackupCommand(context: CommandContext): Command {
  const summary = [
    'Copy the keyring into a tar file: sealed keys, descriptions, recipients.',
    'A recovery identity opens the keys, or the gateway’s own identity (var/lib/sftpgw/keyring-identity), which is not in the file. To restore, run `tar -xf FILE -C ROOT/opt/sftpgw` as the gateway’s account.',
  ].join('\n');
  const command = newCommand(
    'backup',
    summary,
    [
      'sftpgw key backup --to /media/stick/keys-2026-05-01.tar',
      'tar -xf keys-2026-05-01.tar -C /opt/sftpgw --skip-old-files',
      'tar -xOf keys.tar keys/KEYID.age | age -d -i recovery.txt > raw.key',
    ],
    [...keyringExits, 'notFound', 'exists', 'conflict', 'limit'],
  );
  return command
    .requiredOption('--to <file>', 'a new file')
    .action(async ({ to }: { readonly to: string }) => {
      const path = resolve(context.shell.workingDirectory, to);
      await withKeyring(context, command, async ({ keyring }) => {
        const files = await keyring.files();
        const now = Date.now();
        const archive = await packTar(
          files.map(({ name, bytes }) => ({
            name: `keys/${name}`,
            content: bytes,
            mode: secretFileMode,
            mtimeMs: now,
          })),
        );
        const isNew = await createFileDurably(path, archive, secretFileMode).catch((error: unknown) => {
          throw faultOf(error, path);
        });
        if (!isNew) throw new Fault('exists', `${path} already exists and is not overwritten`);
        const keys = files.filter(({ name }) => name.endsWith('.age')).length;
        context.shell.out(`${path} holds ${keys} sealed ${keys === 1 ? 'key' : 'keys'}`);
      });
    });
}
