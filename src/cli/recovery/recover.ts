import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { RecoverReport, RecoverRequest } from '../../operations/recover.js';
import { type CommandContext, newCommand } from '../command.js';
import { exitCodes, rootExits } from '../exit-codes.js';
import { parseBucketAnswer, parseEndpoint, parseRegion } from '../terminal/answers.js';
import { ProgressLine } from '../terminal/progress.js';
import { readIdentity } from './identity-input.js';

interface RecoverFlags {
  readonly bucket: string;
  readonly identity: string;
  readonly endpoint?: string;
  readonly region?: string;
  readonly endpointCaFile?: string;
  readonly force?: boolean;
  readonly acceptUnsigned?: boolean;
  readonly rehearsal?: boolean;
  readonly ledger: boolean;
}

/** Creates `sftpgw recover`. */
export function recoverCommand(context: CommandContext): Command {
  const summary = [
    'Restore a lost gateway from its bucket with the recovery identity.',
    'Restores settings, keys, users and SSH host keys into an empty root. Run the same command again to continue after an interruption. Credentials come from the AWS default chain. The identity comes from a file or stdin, never from an argument.',
  ].join('\n');
  const command = newCommand(
    'recover',
    summary,
    [
      'sftpgw recover --bucket my-bucket --identity recovery.txt',
      'cat share-*.txt | sftpgw key join |\n  sftpgw recover --bucket my-bucket --identity -',
      'sftpgw recover --root /tmp/rehearsal --rehearsal \\\n  --bucket my-bucket --identity recovery.txt',
    ],
    [...rootExits, 'conflict', 'key', 'limit'],
  );
  return command
    .requiredOption('--bucket <name>', 'the default bucket of the lost gateway')
    .requiredOption('--identity <file>', 'the recovery identity file; "-" is stdin')
    .option('--endpoint <url>', 'an S3 server other than Amazon')
    .option('--region <region>', 'the region of the bucket')
    .option('--endpoint-ca-file <file>', 'trusted certificate authorities of the endpoint (PEM)')
    .option(
      '--rehearsal',
      'try the recovery while the gateway runs: set keyring.bucket.copy=no, only read the bucket',
    )
    .option('--no-ledger', 'do not rebuild the ledger; `sftpgw ledger rebuild` does it later')
    .option(
      '--accept-unsigned',
      'accept a snapshot without a signature, for a recipient that was added with --recipient',
    )
    .option('--force', 'overwrite existing users and keys')
    .action(async (flags: RecoverFlags) => {
      await recover(context, context.rootOf(command), flags);
    });
}

async function recover(context: CommandContext, root: string, flags: RecoverFlags): Promise<void> {
  const { shell } = context;
  const request: RecoverRequest = {
    root,
    bucket: parseBucketAnswer(flags.bucket),
    ...(flags.endpoint === undefined ? {} : { endpoint: parseEndpoint(flags.endpoint) }),
    ...(flags.region === undefined ? {} : { region: parseRegion(flags.region) }),
    ...(flags.endpointCaFile === undefined
      ? {}
      : { endpointCaFile: resolve(shell.workingDirectory, flags.endpointCaFile) }),
    identity: (await readIdentity(shell, flags.identity)).secret,
    force: flags.force === true,
    acceptUnsigned: flags.acceptUnsigned === true,
    rehearsal: flags.rehearsal === true,
    ledger: flags.ledger,
  };
  const { recoverRoot } = await import('../../operations/recover.js');
  const report = await context.interruptible(async (signal) => {
    using line = new ProgressLine(shell.terminal);
    return await recoverRoot(request, signal, (what, files, totalFiles) =>
      line.update(what, { files, totalFiles, bytes: 0, totalBytes: null }),
    );
  });
  for (const text of reportLines(root, report)) shell.out(text);
  for (const problem of [...report.keys.problems, ...report.restored.problems]) shell.err(problem);
  if (report.keys.problems.length + report.restored.problems.length > 0)
    context.setExitCode(exitCodes.corrupt);
}

function reportLines(
  root: string,
  { snapshot, keys, restored, copy, ledger }: RecoverReport,
): readonly string[] {
  const taken = new Date(snapshot.snapshot.takenMs).toISOString();
  const signed = snapshot.isSigned ? 'signed' : 'NOT SIGNED: accepted with --accept-unsigned';
  return [
    ...snapshot.passedOver.map((text) => `Skipped: ${text}.`),
    `Recovered ${root} from snapshot ${snapshot.number} of ${taken} (${signed}):`,
    `  keys: ${keys.keys}, sealed to the new gateway identity and to the recovery recipients`,
    `  users: ${usersText(restored.users)}`,
    `  files: ${restored.files} of settings, logins and host keys, and ${restored.keyFiles} raw key files`,
    `  ledger: ${ledgerText(ledger)}`,
    copyText(copy),
    'Next: `sftpgw serve` (or start the service).',
  ];
}

const maxNames = 10;

function usersText(users: readonly string[]): string {
  if (users.length === 0) return '0';
  const more = users.length > maxNames ? `, and ${users.length - maxNames} more` : '';
  return `${users.length}: ${users.slice(0, maxNames).join(', ')}${more}`;
}

function ledgerText(ledger: RecoverReport['ledger']): string {
  if (ledger === null) return 'left out: run `sftpgw ledger rebuild`';
  if (typeof ledger === 'string') return `incomplete (${ledger}): run \`sftpgw ledger rebuild\``;
  const unopened = ledger.unopened === 0 ? '' : `, ${ledger.unopened} of them without a matching key`;
  return `${ledger.versions} object versions${unopened}`;
}

function copyText(copy: RecoverReport['copy']): string {
  if (copy === null)
    return 'This was a rehearsal: the bucket was only read, and keyring.bucket.copy=no is set.';
  if (typeof copy === 'string') return `This machine is not copied to the bucket yet: ${copy}.`;
  return `This machine is copied to the bucket: snapshot ${copy.snapshot}.`;
}
