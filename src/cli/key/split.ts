import { join } from 'node:path';
import type { Command } from 'commander';
import { systemEntropy } from '../../assembly/system.js';
import { Fault } from '../../model/fault.js';
import { type Share, splitIdentity } from '../../recovery/shares.js';
import { type CommandContext, newCommand } from '../command.js';
import { localExits } from '../exit-codes.js';
import { readIdentity, writeNewSecretFile } from '../recovery/identity-input.js';

interface SplitFlags {
  readonly shares: string;
  readonly threshold: string;
  readonly identity: string;
  readonly outDir?: string;
}

/** Creates `sftpgw key split`. */
export function keySplitCommand({ shell }: CommandContext): Command {
  const summary = [
    'Split the recovery identity into shares for several people (Shamir).',
    'Any THRESHOLD of the shares restore it with `sftpgw key join`. Fewer reveal nothing. Run this on your own machine: the identity should not be on the gateway.',
  ].join('\n');
  const command = newCommand(
    'split',
    summary,
    [
      'pass gateway/recovery | sftpgw key split --shares 3 --threshold 2',
      'sftpgw key split --shares 5 --threshold 3 --identity recovery.txt \\\n  --out-dir shares',
    ],
    [...localExits, 'notFound', 'exists', 'conflict', 'limit'],
  );
  return command
    .requiredOption('--shares <n>', 'number of shares, 2 to 255')
    .requiredOption('--threshold <k>', 'number of shares that restore the identity')
    .option('--identity <file>', 'the identity file; "-" is stdin', '-')
    .option('--out-dir <dir>', 'write one file per share, mode 0600, into this existing directory')
    .action(async (flags: SplitFlags) => {
      const counts = { shares: parseCount(flags.shares), threshold: parseCount(flags.threshold) };
      const { secret } = await readIdentity(shell, flags.identity);
      const shares = await splitIdentity(secret, counts, systemEntropy);
      if (flags.outDir === undefined) {
        shell.out(shares.map(shareText).join('\n'));
        return;
      }
      for (const share of shares) {
        const name = `share-${share.set}-${share.number}-of-${share.shares}.txt`;
        shell.out(await writeNewSecretFile(shell, join(flags.outDir, name), shareText(share)));
      }
    });
}

function shareText({ set, number, shares, threshold, text }: Share): string {
  return `# share ${number} of ${shares} of the set ${set}; any ${threshold} of them restore the recovery identity: sftpgw key join\n${text}\n`;
}

function parseCount(text: string): number {
  if (!/^\d{1,3}$/.test(text))
    throw new Fault('invalid', `${JSON.stringify(text)} is not a number of shares`);
  return Number(text);
}
