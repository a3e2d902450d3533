import type { Command } from 'commander';
import type { CopyOutcome } from '../../recovery/bucket-copy.js';
import { type CommandContext, newCommand } from '../command.js';
import { rootExits } from '../exit-codes.js';

/** Creates `sftpgw recovery copy`. */
export function recoveryCopyCommand(context: CommandContext): Command {
  const summary = [
    'Copy keys, users and settings to the bucket now.',
    'A running gateway copies them within seconds of a change.',
  ].join('\n');
  const command = newCommand(
    'copy',
    summary,
    ['sftpgw recovery copy', 'sftpgw recovery copy --take-over'],
    [...rootExits, 'conflict', 'key', 'limit'],
  );
  return command
    .option('--take-over', 'continue after the copies of another gateway, which then stops copying')
    .action(async ({ takeOver }: { readonly takeOver?: boolean }) => {
      await context.withRoot(context.rootOf(command), async ({ bucketCopy, call }) => {
        context.shell.out(copyLine(await bucketCopy.run(call, { takeOver: takeOver === true })));
      });
    });
}

/** Describes the result of a copy. */
export function copyLine(outcome: CopyOutcome): string {
  switch (outcome.kind) {
    case 'off':
      return 'Nothing is copied to the bucket: keyring.bucket.copy=no.';
    case 'no-recipient':
      return 'Nothing is copied to the bucket: there is no recovery identity yet (run `sftpgw recovery init`).';
    case 'no-bucket':
      return 'Nothing is copied: no bucket is set (run `sftpgw setup --bucket NAME`).';
    case 'complete':
      return `The copy in the bucket is complete: snapshot ${outcome.snapshot}${outcome.isNewSnapshot ? ', made now' : ''}.`;
  }
}
