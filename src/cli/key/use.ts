import type { Command } from 'commander';
import { Fault } from '../../model/fault.js';
import type { KeyDescription } from '../../model/keyring.js';
import { parseUsername } from '../../model/users.js';
import type { RootConfig } from '../../operations/root-config.js';
import { type CommandContext, newCommand } from '../command.js';
import { unknownUser } from '../user/remove.js';
import { withKeyring } from './open-keyring.js';
import { findKey, keyArgument } from './reference.js';

interface UseFlags {
  readonly user?: string;
  readonly uploads?: boolean;
  readonly downloads?: boolean;
  readonly shared?: boolean;
}

/** `sftpgw key use`. */
export function keyUseCommand(context: CommandContext): Command {
  const summary = [
    'Make a user, or the shared directory, write with a key of the keyring.',
    'It writes sse.option=3 and sse.key.id (--downloads and --shared: sse.sync.option=3 and sse.sync.key.id) and leaves the rest of the file.',
    'It counts for files that are opened from now on; older objects keep their key, which still opens them.',
  ].join('\n');
  const command = newCommand('use', summary, [
    'sftpgw key use 3f9a01c2 --user bob',
    'sftpgw key use "partner 2026" --user bob --downloads',
    'sftpgw key use 3f9a01c2 --shared',
  ]);
  return command
    .argument('<key>', keyArgument)
    .option('--user <user>', 'the user who writes with it')
    .option('--uploads', "for the user's uploads; so it is when nothing is said")
    .option('--downloads', 'for what is put into his downloads through the gateway')
    .option('--shared', 'for what is put into the shared directory through the gateway')
    .action(async (text: string, flags: UseFlags) => {
      refuseContradictions(flags);
      await withKeyring(context, command, async (config) => {
        const key = await findKey(config.keyring, text);
        context.shell.out(await useKey(config, key, flags));
      });
    });
}

function refuseContradictions({ user, uploads, downloads, shared }: UseFlags): void {
  if ((user === undefined) === (shared !== true)) throw new Fault('invalid', 'say --user USER or --shared');
  if (shared === true && (uploads ?? downloads) === true) {
    throw new Fault('invalid', '--uploads and --downloads go with --user');
  }
}

async function useKey(
  { registry, shared }: RootConfig,
  { id }: KeyDescription,
  { user, uploads, downloads }: UseFlags,
): Promise<string> {
  if (user === undefined) {
    await shared.save({ syncOption: 3, syncKeyId: id });
    return `the shared directory is written with the key ${id}`;
  }
  const username = parseUsername(user);
  if ((await registry.describe(username)) === null) throw unknownUser(username);
  const isForUploads = uploads === true || downloads !== true;
  await registry.save(username, {
    ...(isForUploads ? { uploadOption: 3, uploadKeyId: id } : {}),
    ...(downloads === true ? { syncOption: 3, syncKeyId: id } : {}),
  });
  const what = [isForUploads ? 'uploads' : '', downloads === true ? 'downloads' : ''].filter(
    (one) => one !== '',
  );
  return `the ${what.join(' and ')} of ${username} are written with the key ${id}`;
}
