import type { Command } from 'commander';
import type { AuditFinding } from '../../audit/findings.js';
import { rebuildLedger } from '../../audit/rebuild.js';
import { type CommandContext, newCommand } from '../command.js';
import { exitCodes } from '../exit-codes.js';
import { ProgressLine } from '../terminal/progress.js';
import { renderFields, renderJson } from '../terminal/render.js';
import { chosenBuckets, findingJson, findingLine, showProgress, withLedger } from './open-ledger.js';

interface RebuildFlags {
  readonly bucket?: readonly string[];
  readonly json?: boolean;
}

/** Objects without a key that are listed with `--json`; all of them are printed as they are found otherwise. */
const maxInJson = 10_000;

/** `sftpgw ledger rebuild`. */
export function ledgerRebuildCommand(context: CommandContext): Command {
  const summary = [
    'Make the ledger anew from what the buckets hold.',
    'Each object version that the ledger does not know gets a row under the key that opens it: the one that its tag names, else whichever',
    'key of the keyring does. Rows of versions that are gone are settled. What the ledger knows stays as it is: after an interrupt, run it again.',
    'The gateway may run meanwhile.',
  ].join('\n');
  const command = newCommand('rebuild', summary, [
    'sftpgw ledger rebuild',
    'sftpgw ledger rebuild --bucket my-bucket --bucket other-bucket --json',
  ]);
  return command
    .option('--bucket <name...>', 'only these, instead of all that the gateway uses')
    .option('--json', 'as a JSON object')
    .action((flags: RebuildFlags) => rebuild(context, command, flags));
}

async function rebuild(context: CommandContext, command: Command, flags: RebuildFlags): Promise<void> {
  const { shell, setExitCode } = context;
  await withLedger(context, command, async (ledger) => {
    const buckets = await chosenBuckets(ledger, flags.bucket);
    using line = new ProgressLine(shell.terminal);
    const unopened: AuditFinding[] = [];
    const report = await rebuildLedger(ledger.audit, ledger.call, {
      buckets,
      actor: 'ledger rebuild',
      progress: showProgress(line, 'rebuilding'),
      found: (finding) => {
        if (unopened.length < maxInJson) unopened.push(finding);
        if (flags.json === true) return;
        line.clear();
        shell.err(findingLine(finding));
      },
    });
    line.clear();
    if (report.unopened > 0) setExitCode(exitCodes.key);
    if (flags.json === true) {
      shell.out(renderJson({ buckets, ...report, withoutKey: unopened.map(findingJson) }));
      return;
    }
    shell.out(
      renderFields([
        ['buckets', buckets.join(', ')],
        ['versions', `${report.versions}, of which the ledger knew ${report.known}`],
        ['by tag', String(report.restoredByTag)],
        ['by trying keys', String(report.restoredByTrial)],
        ['need no key', String(report.restoredWithoutKey)],
        ['gone from S3', String(report.gone)],
        ['no key opens', String(report.unopened)],
      ]),
    );
  });
}
