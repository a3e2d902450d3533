import type { Command } from 'commander';
import type { CopyOutcome } from '../../recovery/bucket-copy.js';
import { type CommandContext, newCommand } from '../command.js';

/** `sftpgw recovery copy`. */
export function recoveryCopyCommand(context: CommandContext): Command {
  const summary = [
    'Bring the copy of keys, users and settings in the bucket up to date now.',
    'A running gateway does it by itself within seconds of a change.',
  ].join('\n');
  const command = newCommand('copy', summary, ['sftpgw recovery copy', 'sftpgw recovery copy --take-over']);
  return command
    .option('--take-over', 'go on after the copies of another gateway, which from then on makes none')
    .action(async ({ takeOver }: { readonly takeOver?: boolean }) => {
      await context.withRoot(context.rootOf(command), async ({ bucketCopy, call }) => {
        context.shell.out(copyLine(await bucketCopy.run(call, { takeOver: takeOver === true })));
      });
    });
}

/** What became of a copy, for a person. */
export function copyLine(outcome: CopyOutcome): string {
  switch (outcome.kind) {
    case 'off':
      return 'Nothing is copied to the bucket: keyring.bucket.copy=no.';
    case 'no-recipient':
      return 'Nothing is copied to the bucket: there is no recovery identity yet (`sftpgw recovery init`).';
    case 'no-bucket':
      return 'Nothing is copied: no bucket is set (`sftpgw setup --bucket NAME`).';
    case 'complete':
      return `The bucket has everything: snapshot ${outcome.snapshot}${outcome.isNewSnapshot ? ', made now' : ''}.`;
  }
}
