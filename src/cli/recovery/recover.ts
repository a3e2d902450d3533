import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { RecoverReport, RecoverRequest } from '../../operations/recover.js';
import { type CommandContext, newCommand } from '../command.js';
import { exitCodes } from '../exit-codes.js';
import { parseBucketName, parseEndpoint, parseRegion } from '../terminal/answers.js';
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

/** `sftpgw recover`. */
export function recoverCommand(context: CommandContext): Command {
  const summary = [
    'Make a lost gateway again, of its bucket and the recovery identity.',
    'Brings back settings, keys, users and the SSH host keys into an empty root. Interrupted, the same command goes on.',
    'Credentials come from the AWS default chain. The identity comes from a file or stdin, never from an argument.',
  ].join('\n');
  const command = newCommand('recover', summary, [
    'sftpgw recover --bucket my-bucket --region eu-central-1 --identity recovery.txt',
    'cat share-*.txt | sftpgw key join | sftpgw recover --bucket my-bucket --identity -',
    'sftpgw recover --root /tmp/rehearsal --bucket my-bucket --identity recovery.txt --rehearsal',
  ]);
  return command
    .requiredOption('--bucket <name>', 'the default bucket of the lost gateway')
    .requiredOption('--identity <file>', 'the recovery identity; "-" is stdin')
    .option('--endpoint <url>', 'an S3 server that is not Amazon')
    .option('--region <region>', 'the region of the bucket')
    .option('--endpoint-ca-file <file>', 'certificate authorities to trust for the endpoint (PEM)')
    .option(
      '--rehearsal',
      'for a trial while the gateway lives: sets keyring.bucket.copy=no, the bucket is only read',
    )
    .option('--no-ledger', 'leave out the ledger; `sftpgw ledger rebuild` makes it later')
    .option('--accept-unsigned', 'take a snapshot that is not signed: of a recipient added with --recipient')
    .option('--force', 'write over users and keys that are there')
    .action(async (flags: RecoverFlags) => {
      await recover(context, context.rootOf(command), flags);
    });
}

async function recover(context: CommandContext, root: string, flags: RecoverFlags): Promise<void> {
  const { shell } = context;
  const request: RecoverRequest = {
    root,
    bucket: parseBucketName(flags.bucket),
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
  const signed = snapshot.isSigned ? 'signed' : 'NOT SIGNED: accepted as you said';
  return [
    ...snapshot.passedOver.map((text) => `Passed over: ${text}.`),
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
  if (ledger === null) return 'left out; `sftpgw ledger rebuild` makes it';
  if (typeof ledger === 'string') return `not whole (${ledger}); \`sftpgw ledger rebuild\` goes on`;
  const unopened = ledger.unopened === 0 ? '' : `, ${ledger.unopened} of which no key opens`;
  return `${ledger.versions} object versions${unopened}`;
}

function copyText(copy: RecoverReport['copy']): string {
  if (copy === null) return 'The bucket was only read (--rehearsal), and keyring.bucket.copy=no is set here.';
  if (typeof copy === 'string') return `The bucket has no copy of this machine yet: ${copy}.`;
  return `The bucket has the copy of this machine now: snapshot ${copy.snapshot}.`;
}
