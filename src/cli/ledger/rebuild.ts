import type { Command } from 'commander';
import type { AuditFinding } from '../../ledger-audit/findings.js';
import { rebuildLedger } from '../../ledger-audit/rebuild.js';
import { type CommandContext, newCommand } from '../command.js';
import { exitCodes, rootExits } from '../exit-codes.js';
import { ProgressLine } from '../terminal/progress.js';
import { renderFields, renderJson } from '../terminal/render.js';
import { chosenBuckets, findingJson, findingLine, showProgress, withLedger } from './open-ledger.js';

interface RebuildFlags {
  readonly bucket?: readonly string[];
  readonly json?: boolean;
}

/**
 * Maximum objects without a key in the output of `--json`. Without it, all are printed as they are
 * found.
 */
const maxInJson = 10_000;

/** Creates `sftpgw ledger rebuild`. */
export function ledgerRebuildCommand(context: CommandContext): Command {
  const summary = [
    'Rebuild the ledger from the buckets.',
    'Adds each object version that the ledger lacks, with the key that opens it: the key that the object’s tag names, else another key of the keyring. Settles the rows of removed versions. Keeps all other rows. Run it again after an interruption. The gateway may run meanwhile.',
  ].join('\n');
  const command = newCommand(
    'rebuild',
    summary,
    ['sftpgw ledger rebuild', 'sftpgw ledger rebuild --bucket my-bucket --bucket other-bucket --json'],
    [...rootExits, 'key'],
  );
  return command
    .option('--bucket <name...>', 'only these buckets (default: all that the gateway uses)')
    .option('--json', 'print JSON')
    .action((flags: RebuildFlags) => rebuild(context, command, flags));
}

async function rebuild(context: CommandContext, command: Command, flags: RebuildFlags): Promise<void> {
  const { shell, setExitCode } = context;
  await withLedger(context, command, async (ledger, { scribe }) => {
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
    scribe.record({ action: 'ledger.rebuild', target: buckets.join(' '), details: { ...report } });
    if (report.unopened > 0) setExitCode(exitCodes.key);
    if (flags.json === true) {
      shell.out(renderJson({ buckets, ...report, withoutKey: unopened.map(findingJson) }));
      return;
    }
    shell.out(
      renderFields([
        ['buckets', buckets.join(', ')],
        ['versions', `${report.versions}, ${report.known} of them known`],
        ['added by tag', String(report.restoredByTag)],
        ['added by trying keys', String(report.restoredByTrial)],
        ['added without a key', String(report.restoredWithoutKey)],
        ['removed from S3', String(report.gone)],
        ['without a matching key', String(report.unopened)],
      ]),
    );
  });
}
