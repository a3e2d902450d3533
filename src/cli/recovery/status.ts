import type { Command } from 'commander';
import { isReady, type RecoveryStatus, recoveryStatus } from '../../operations/recovery-status.js';
import type { NoCopy } from '../../recovery/bucket-copy.js';
import { type CommandContext, newCommand } from '../command.js';
import { exitCodes, rootExits } from '../exit-codes.js';
import { renderFields, renderJson } from '../terminal/render.js';

/** Creates `sftpgw recovery status`. */
export function recoveryStatusCommand(context: CommandContext): Command {
  const summary = [
    'Show what could be restored if this machine were lost now.',
    'Does not ask S3: shows the copy in the bucket as this machine left it. The exit code is 12 if something is missing.',
  ].join('\n');
  const command = newCommand(
    'status',
    summary,
    ['sftpgw recovery status', 'sftpgw recovery status --json'],
    [...rootExits, 'key', 'findings'],
  );
  return command.option('--json', 'print JSON').action(async ({ json }: { readonly json?: boolean }) => {
    await context.withRoot(context.rootOf(command), async (root) => {
      const status = await recoveryStatus(root);
      const { shell } = context;
      shell.out(json === true ? renderJson(status) : renderFields(fields(status)));
      if (json !== true) for (const problem of status.problems) shell.err(problem);
      if (!isReady(status)) context.setExitCode(exitCodes.findings);
    });
  });
}

function fields(status: RecoveryStatus): readonly (readonly [string, string])[] {
  const { recipients, keys, recoverableKeys, copy } = status;
  const { completeAt, failure } = copy;
  return [
    ...(recipients.length === 0
      ? [['Recovery recipient', 'none: run `sftpgw recovery init`'] as const]
      : recipients.map((recipient) => ['Recovery recipient', recipient] as const)),
    ['Keys', `${keys}, ${recoverableKeys} of them sealed to every recovery recipient`],
    ['Copy in the bucket', copyText(copy)],
    ['Last complete', completeAt === null ? 'never' : `${completeAt}, snapshot ${copy.snapshot}`],
    ...(copy.none === null ? [['Signed by', signersText(copy.signers)] as const] : []),
    ...(failure === null ? [] : [['Last failure', `${failure.at}: ${failure.text}`] as const]),
  ];
}

const reasons: Readonly<Record<NoCopy, string>> = {
  off: 'none: keyring.bucket.copy=no',
  'no-recipient': 'none: there is no recovery recipient',
  'no-bucket': 'none: no bucket is set',
};

function signersText(signers: readonly string[]): string {
  return signers.length === 0
    ? 'no recovery identity: `sftpgw recover` needs --accept-unsigned'
    : signers.join(', ');
}

function copyText({ none, isCurrent, bucket }: RecoveryStatus['copy']): string {
  if (none !== null) return reasons[none];
  return isCurrent ? `s3://${bucket}/.sftpgw/, up to date` : `s3://${bucket}/.sftpgw/, out of date`;
}
