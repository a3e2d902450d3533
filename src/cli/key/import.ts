import type { Command } from 'commander';
import { checkNewKey } from '../../keyring/weak-keys.js';
import { keyJson, ownerOf } from '../../operations/key-administration.js';
import { parseKeyMaterial } from '../../operations/key-material.js';
import { type CommandContext, newCommand } from '../command.js';
import { keyringExits } from '../exit-codes.js';
import { answerFileName, readAnswerFile } from '../terminal/answers.js';
import { renderFields, renderJson } from '../terminal/render.js';
import { withKeyring } from './open-keyring.js';
import { addOwnerFlags, type OwnerFlags } from './owner.js';
import { keyFields } from './report.js';

interface ImportFlags extends OwnerFlags {
  readonly file: string;
  readonly label?: string;
  readonly json?: boolean;
  readonly allowExampleKey?: boolean;
}

/** Creates `sftpgw key import`. */
export function keyImportCommand(context: CommandContext): Command {
  const summary = [
    'Import a key from a file or stdin: 32 raw bytes, base64 or hexadecimal.',
    'A key is never an argument, because every process can read arguments. A key that is already in the keyring keeps its label and owner.',
  ].join('\n');
  const command = newCommand(
    'import',
    summary,
    [
      'sftpgw key import --file old.key --user bob --label "bob 2024"',
      'pass sftp/shared | sftpgw key import --shared',
    ],
    [...keyringExits, 'notFound', 'conflict', 'limit'],
  );
  return addOwnerFlags(command)
    .option('--file <file>', 'the key file; "-" is stdin', '-')
    .option('--allow-example-key', 'accept a key that documentation prints, for a trial')
    .option('--json', 'print JSON')
    .action(async (flags: ImportFlags) => {
      const content = await readAnswerFile(context.shell, flags.file);
      const key = parseKeyMaterial(content, answerFileName(flags.file));
      content.fill(0);
      const allowsExample = flags.allowExampleKey === true;
      const warning = checkNewKey(key, { username: flags.user ?? null, allowsExample });
      if (warning !== null) context.shell.err(warning);
      await withKeyring(context, command, async (config) => {
        await config.requireRecovery();
        const owner = await ownerOf(flags, config);
        const { keyring } = config;
        const before = await keyring.describe(key.fingerprint);
        const label = flags.label ?? '';
        const imported = await keyring.import(key, { label, owner, origin: 'imported' });
        if (before !== null) context.shell.err(`the keyring had the key ${imported.id} already`);
        const writers = (await config.keyWriters()).get(imported.id) ?? [];
        context.shell.out(
          flags.json === true
            ? renderJson(keyJson(imported, writers))
            : renderFields(keyFields(imported, writers)),
        );
      });
    });
}
