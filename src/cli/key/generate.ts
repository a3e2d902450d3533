import type { Command } from 'commander';
import { keyJson, ownerOf } from '../../operations/key-administration.js';
import { type CommandContext, newCommand } from '../command.js';
import { keyringExits } from '../exit-codes.js';
import { renderFields, renderJson } from '../terminal/render.js';
import { withKeyring } from './open-keyring.js';
import { addOwnerFlags, type OwnerFlags } from './owner.js';
import { keyFields } from './report.js';

interface GenerateFlags extends OwnerFlags {
  readonly label?: string;
  readonly json?: boolean;
}

/** Creates `sftpgw key generate`. */
export function keyGenerateCommand(context: CommandContext): Command {
  const summary = [
    'Generate a random key, sealed in the keyring.',
    'The key leaves this machine only sealed and in requests to S3. Set it for a user with `sftpgw key use`.',
  ].join('\n');
  const command = newCommand(
    'generate',
    summary,
    [
      'sftpgw key generate --user bob --label "bob 2026"',
      'sftpgw key generate --shared',
      'id="$(sftpgw key generate --user bob --json | jq -r .id)"\nsftpgw key use "$id" --user bob',
    ],
    [...keyringExits, 'notFound', 'conflict'],
  );
  return addOwnerFlags(command)
    .option('--json', 'print JSON')
    .action(async (flags: GenerateFlags) => {
      await withKeyring(context, command, async (config) => {
        await config.requireRecovery();
        const owner = await ownerOf(flags, config);
        const made = await config.keyring.generate({ label: flags.label ?? '', owner });
        context.shell.out(
          flags.json === true ? renderJson(keyJson(made, [])) : renderFields(keyFields(made, [])),
        );
      });
    });
}
