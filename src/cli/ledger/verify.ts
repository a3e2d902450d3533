import type { Command } from 'commander';
import type { AuditFinding } from '../../audit/findings.js';
import type { StoredVerification, VerificationFile } from '../../audit/verification-file.js';
import { type VerifyCounts, type VerifyState, verifyLedger } from '../../audit/verify.js';
import { Fault } from '../../model/fault.js';
import type { OpenLedger } from '../../operations/ledger-audit.js';
import { type CommandContext, newCommand } from '../command.js';
import { exitCodes } from '../exit-codes.js';
import { ProgressLine } from '../terminal/progress.js';
import { renderBytes, renderFields, renderJson } from '../terminal/render.js';
import { chosenBuckets, findingJson, findingLine, showProgress, withLedger } from './open-ledger.js';

interface VerifyFlags {
  readonly bucket?: readonly string[];
  readonly sample?: string;
  readonly read?: boolean;
  readonly resume?: boolean;
  readonly json?: boolean;
}

/** What was asked for, and where an interrupted run of it was. */
interface Plan {
  readonly buckets: readonly string[];
  readonly sample: number | null;
  readonly reads: boolean;
  readonly from: VerifyState | null;
  readonly findings: readonly AuditFinding[];
}

/** Findings that are kept for the report; more are counted. */
const maxFindings = 10_000;
const saveEveryMs = 2_000;

/** `sftpgw ledger verify`. */
export function ledgerVerifyCommand(context: CommandContext): Command {
  const summary = [
    'Compare the ledger with what the buckets hold.',
    'All versions are compared by listing: missing ones, ones that the ledger does not know, wrong sizes. Each, or a sample, is asked for with',
    'its key (HEAD): wrong keys, wrong checksums; with --read it is read whole. In S3 nothing is changed. Ends with 8 when something is wrong.',
    'An interrupted run goes on with --resume. The gateway may run meanwhile.',
  ].join('\n');
  const command = newCommand('verify', summary, [
    'sftpgw ledger verify',
    'sftpgw ledger verify --sample 1000 --read',
    'sftpgw ledger verify --sample 5%',
    'sftpgw ledger verify --resume --json',
  ]);
  return command
    .option('--bucket <name...>', 'only these, instead of all that the gateway uses')
    .option('--sample <n|n%>', 'ask only for so many versions, chosen at random')
    .option('--read', 'read what is asked for whole, and compare its checksum')
    .option('--resume', 'go on where the last run was interrupted, with what it was asked for')
    .option('--json', 'as a JSON object')
    .action((flags: VerifyFlags) => verify(context, command, flags));
}

async function verify(context: CommandContext, command: Command, flags: VerifyFlags): Promise<void> {
  await withLedger(context, command, async (ledger, { settings }) => {
    const { VerificationFile } = await import('../../audit/verification-file.js');
    const file = new VerificationFile(settings.paths.stateDirectory);
    const plan = await planOf(ledger, file, flags);
    const findings = [...plan.findings];
    const counts = await run(context, ledger, file, plan, findings, flags.json ?? false);
    await file.remove();
    if (counts.findings > 0) context.setExitCode(exitCodes.corrupt);
    if (flags.json === true) {
      const { buckets, sample, reads } = plan;
      context.shell.out(renderJson({ buckets, sample, reads, ...counts, found: findings.map(findingJson) }));
    } else context.shell.out(renderCounts(plan, counts));
  });
}

async function planOf(ledger: OpenLedger, file: VerificationFile, flags: VerifyFlags): Promise<Plan> {
  if (flags.resume === true) {
    if (flags.bucket !== undefined || flags.sample !== undefined || flags.read === true) {
      throw new Fault('invalid', '--resume goes on with what was asked for: say nothing else but --json');
    }
    const kept = await file.load();
    if (kept === null) throw new Fault('not-found', 'no verification of this root was interrupted');
    return { ...kept, from: kept.state };
  }
  const buckets = await chosenBuckets(ledger, flags.bucket);
  const sample = await sampleOf(ledger, buckets, flags.sample);
  return { buckets, sample, reads: flags.read ?? false, from: null, findings: [] };
}

/** `1000` or `5%`, of what the ledger knows. */
async function sampleOf(
  { audit }: OpenLedger,
  buckets: readonly string[],
  text: string | undefined,
): Promise<number | null> {
  if (text === undefined) return null;
  const [, digits, percent] = /^(\d{1,12}(?:\.\d{1,6})?)(%?)$/.exec(text.trim()) ?? [];
  const number = Number(digits);
  const fits = percent === '%' ? number > 0 && number <= 100 : Number.isSafeInteger(number) && number > 0;
  if (!fits) throw new Fault('invalid', `--sample takes a number such as 1000 or 5%, not "${text}"`);
  if (percent !== '%') return number;
  let total = 0;
  for (const bucket of buckets) total += await audit.versions.countLive(bucket);
  return Math.ceil((total * number) / 100);
}

async function run(
  { shell }: CommandContext,
  ledger: OpenLedger,
  file: VerificationFile,
  plan: Plan,
  findings: AuditFinding[],
  isJson: boolean,
): Promise<VerifyCounts> {
  const { buckets, sample, reads, from } = plan;
  using line = new ProgressLine(shell.terminal);
  let kept: StoredVerification | null = null;
  let savedMs = performance.now();
  try {
    return await verifyLedger(ledger.audit, ledger.call, {
      buckets,
      sample,
      reads,
      from,
      actor: 'ledger verify',
      progress: showProgress(line, reads ? 'reading' : 'verifying'),
      found: (finding) => {
        if (findings.length < maxFindings) findings.push(finding);
        if (isJson) return;
        line.clear();
        shell.out(findingLine(finding));
      },
      checkpoint: async (state) => {
        kept = { buckets, sample, reads, state, findings: [...findings] };
        if (performance.now() - savedMs < saveEveryMs) return;
        await file.save(kept);
        savedMs = performance.now();
      },
    });
  } catch (error) {
    line.clear();
    if (kept !== null) {
      await file.save(kept);
      shell.err('what was done is kept: `sftpgw ledger verify --resume` goes on');
    }
    throw error;
  }
}

function renderCounts({ buckets }: Plan, counts: VerifyCounts): string {
  return renderFields([
    ['buckets', buckets.join(', ')],
    ['versions', `${counts.versions}, ${renderBytes(counts.bytes)}`],
    ['opened', String(counts.opened)],
    ['under way', String(counts.pending)],
    [
      'not the gateway’s',
      `${counts.foreignWithoutKey} without a customer key, ${counts.foreignNotOpened} not asked for`,
    ],
    ['older versions gone', String(counts.olderVersionsRemoved)],
    ['wrong', String(counts.findings)],
  ]);
}
