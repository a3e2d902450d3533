import type { Command } from 'commander';
import { type CommandContext, newCommand } from '../command.js';
import { answerFileName, readAnswerFile } from '../terminal/answers.js';
import { renderFields, renderJson } from '../terminal/render.js';
import { parseKeyMaterial } from './material.js';
import { withKeyring } from './open-keyring.js';
import { addOwnerFlags, type OwnerFlags, ownerOf } from './owner.js';
import { keyFields, keyJson } from './report.js';

interface ImportFlags extends OwnerFlags {
  readonly file: string;
  readonly label?: string;
  readonly json?: boolean;
}

/** `sftpgw key import`. */
export function keyImportCommand(context: CommandContext): Command {
  const summary = [
    'Take a key in: 32 raw bytes, base64 or hexadecimal, from a file or stdin.',
    'A key never is an argument, where every process could read it. One that the keyring has keeps what is known of it.',
  ].join('\n');
  const command = newCommand('import', summary, [
    'sftpgw key import --file old.key --user bob --label "bob 2024"',
    'pass sftp/shared | sftpgw key import --shared',
  ]);
  return addOwnerFlags(command)
    .option('--file <file>', 'the file, "-" for stdin', '-')
    .option('--json', 'as JSON')
    .action(async (flags: ImportFlags) => {
      const content = await readAnswerFile(context.shell, flags.file);
      const key = parseKeyMaterial(content, answerFileName(flags.file));
      content.fill(0);
      await withKeyring(context, command, async (config) => {
        await config.requireRecovery();
        const owner = await ownerOf(flags, config);
        const { keyring } = config;
        const before = await keyring.describe(key.fingerprint);
        const label = flags.label ?? '';
        const taken = await keyring.import(key, { label, owner, origin: 'imported' });
        if (before !== null) context.shell.err(`the keyring had the key ${taken.id} already`);
        const writers = (await config.keyWriters()).get(taken.id) ?? [];
        context.shell.out(
          flags.json === true ? renderJson(keyJson(taken, writers)) : renderFields(keyFields(taken, writers)),
        );
      });
    });
}
