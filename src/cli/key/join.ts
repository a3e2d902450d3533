import type { Command } from 'commander';
import { parseAgeIdentity } from '../../keyring/age.js';
import { joinShares, type ShareLine } from '../../recovery/shares.js';
import { type CommandContext, newCommand } from '../command.js';
import { localExits } from '../exit-codes.js';
import { identityFileText, writeNewSecretFile } from '../recovery/identity-input.js';
import { answerFileName, readAnswerFile } from '../terminal/answers.js';

/** Creates `sftpgw key join`. */
export function keyJoinCommand({ shell }: CommandContext): Command {
  const summary = [
    'Join shares of the recovery identity.',
    'Reads files, or one share per line from stdin. Prints the identity, or writes it into a new file with --out.',
  ].join('\n');
  const command = newCommand(
    'join',
    summary,
    [
      'sftpgw key join share-1.txt share-4.txt share-5.txt --out recovery.txt',
      'cat share-*.txt | sftpgw key join --out recovery.txt',
    ],
    [...localExits, 'notFound', 'exists', 'conflict', 'corrupt', 'limit'],
  );
  return command
    .argument('[files...]', 'files with shares (default: stdin)')
    .option('--out <file>', 'write the identity into a new file, mode 0600')
    .action(async (files: readonly string[], { out }: { readonly out?: string }) => {
      const lines: ShareLine[] = [];
      for (const path of files.length === 0 ? ['-'] : files) {
        const content = (await readAnswerFile(shell, path)).toString('utf8');
        const name = answerFileName(path);
        lines.push(
          ...content.split('\n').map((text, index) => ({ text, where: `${name} line ${index + 1}` })),
        );
      }
      const text = identityFileText(await parseAgeIdentity(await joinShares(lines)));
      if (out === undefined) shell.out(text.trimEnd());
      else shell.err(`The recovery identity is in ${await writeNewSecretFile(shell, out, text)}.`);
    });
}
