import type { Command } from 'commander';
import type { AuditReader, AuditVerification } from '../../model/audit.js';
import type { HeadVerification } from '../../operations/audit.js';
import { type CommandContext, newCommand } from '../command.js';
import { exitCodes, rootExits } from '../exit-codes.js';
import { renderJson } from '../terminal/render.js';

interface VerifyFlags {
  readonly bucket?: boolean;
  readonly json?: boolean;
}

/** Creates `sftpgw audit verify`. */
export function auditVerifyCommand(context: CommandContext): Command {
  const summary = [
    'Verify that no event of the audit trail was changed, removed or inserted.',
    'Recomputes the hash of every row and names the first one that is wrong. With --bucket, also compares the daily heads in the default bucket, which show that the whole database was rewritten. The exit code is 8 if something is wrong.',
  ].join('\n');
  const command = newCommand(
    'verify',
    summary,
    ['sftpgw audit verify', 'sftpgw audit verify --bucket --json'],
    rootExits,
  );
  return (
    command
      .option('--bucket', 'compare the heads in the bucket too')
      .option('--json', 'print JSON')
      // `sftpgw audit` has the flag --json too, and takes it.
      .action(() => verify(context, command, command.optsWithGlobals<VerifyFlags>()))
  );
}

async function verify(context: CommandContext, command: Command, flags: VerifyFlags): Promise<void> {
  const { withAuditTrail, verifyHeads } = await import('../../operations/audit.js');
  const root = context.rootOf(command);
  const chain = await withAuditTrail(root, (trail) => trail.verify());
  const isComparing = flags.bucket === true && chain.problem === null;
  const heads = isComparing
    ? await context.withRoot(root, (opened) =>
        withAuditTrail(root, (trail: AuditReader) => verifyHeads(opened, trail, chain)),
      )
    : null;
  report(context, chain, heads, flags.json === true);
}

function report(
  { shell, setExitCode }: CommandContext,
  chain: AuditVerification,
  heads: HeadVerification | null,
  isJson: boolean,
): void {
  const problem = chain.problem ?? heads?.problem ?? null;
  if (problem !== null) setExitCode(exitCodes.corrupt);
  const { rows, firstSeq, lastSeq } = chain;
  if (isJson) shell.out(renderJson({ rows, firstSeq, lastSeq, heads: heads?.heads ?? null, problem }));
  else if (problem !== null) shell.out(`${problem.kind}: ${problem.text}`);
  else {
    const range = firstSeq === null ? 'no rows' : `${rows} rows (${firstSeq} to ${lastSeq})`;
    const compared = heads === null ? '' : `, and ${heads.heads} heads in the bucket match`;
    shell.out(`the audit trail is intact: ${range}${compared}`);
  }
}
