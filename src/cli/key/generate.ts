import type { Command } from 'commander';
import { type CommandContext, newCommand } from '../command.js';
import { renderFields, renderJson } from '../terminal/render.js';
import { withKeyring } from './open-keyring.js';
import { addOwnerFlags, type OwnerFlags, ownerOf } from './owner.js';
import { keyFields, keyJson } from './report.js';

interface GenerateFlags extends OwnerFlags {
  readonly label?: string;
  readonly json?: boolean;
}

/** `sftpgw key generate`. */
export function keyGenerateCommand(context: CommandContext): Command {
  const summary = [
    'Make a key of the system’s entropy, sealed in the keyring.',
    'It leaves this machine only sealed, and in the requests to S3. `sftpgw key use` makes somebody write with it.',
  ].join('\n');
  const command = newCommand('generate', summary, [
    'sftpgw key generate --user bob --label "bob 2026"',
    'sftpgw key generate --shared',
    'sftpgw key use "$(sftpgw key generate --user bob --json | jq -r .id)" --user bob',
  ]);
  return addOwnerFlags(command)
    .option('--json', 'as JSON')
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
