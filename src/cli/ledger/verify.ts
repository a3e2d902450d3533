import type { Command } from 'commander';
import type { AuditFinding } from '../../ledger-audit/findings.js';
import type { StoredVerification, VerificationFile } from '../../ledger-audit/verification-file.js';
import { type VerifyCounts, type VerifyState, verifyLedger } from '../../ledger-audit/verify.js';
import { Fault } from '../../model/fault.js';
import type { OpenLedger } from '../../operations/ledger-audit.js';
import { type CommandContext, newCommand } from '../command.js';
import { exitCodes, rootExits } from '../exit-codes.js';
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

/** The scope of a verification, and the state of an interrupted run. */
interface Plan {
  readonly buckets: readonly string[];
  readonly sample: number | null;
  readonly reads: boolean;
  readonly from: VerifyState | null;
  readonly findings: readonly AuditFinding[];
}

/** Maximum findings in the report. More are only counted. */
const maxFindings = 10_000;
const saveEveryMs = 2_000;

/** Creates `sftpgw ledger verify`. */
export function ledgerVerifyCommand(context: CommandContext): Command {
  const summary = [
    'Compare the ledger with the buckets.',
    'Lists all versions and finds missing and unknown ones and wrong sizes. Requests each version, or a sample, with its key (HEAD) and finds wrong keys and checksums; --read reads the content too. Changes nothing in S3. The exit code is 8 if something is wrong. --resume continues an interrupted run. The gateway may run meanwhile.',
  ].join('\n');
  const command = newCommand(
    'verify',
    summary,
    [
      'sftpgw ledger verify',
      'sftpgw ledger verify --sample 1000 --read',
      'sftpgw ledger verify --sample 5%',
      'sftpgw ledger verify --resume --json',
    ],
    [...rootExits, 'key'],
  );
  return command
    .option('--bucket <name...>', 'only these buckets (default: all that the gateway uses)')
    .option('--sample <n|n%>', 'request only a random sample: a number or a percentage')
    .option('--read', 'read the content and compare its checksum')
    .option('--resume', 'continue the interrupted run, with its options')
    .option('--json', 'print JSON')
    .action((flags: VerifyFlags) => verify(context, command, flags));
}

async function verify(context: CommandContext, command: Command, flags: VerifyFlags): Promise<void> {
  await withLedger(context, command, async (ledger, { settings, scribe }) => {
    const { VerificationFile } = await import('../../ledger-audit/verification-file.js');
    const file = new VerificationFile(settings.paths.stateDirectory);
    const plan = await planOf(ledger, file, flags);
    const findings = [...plan.findings];
    const counts = await run(context, ledger, file, plan, findings, flags.json ?? false);
    await file.remove();
    scribe.record({ action: 'ledger.verify', target: plan.buckets.join(' '), details: { ...counts } });
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
      throw new Fault(
        'invalid',
        '--resume uses the options of the interrupted run: give no other option than --json',
      );
    }
    const kept = await file.load();
    if (kept === null) throw new Fault('not-found', 'there is no interrupted verification of this root');
    return { ...kept, from: kept.state };
  }
  const buckets = await chosenBuckets(ledger, flags.bucket);
  const sample = await sampleOf(ledger, buckets, flags.sample);
  return { buckets, sample, reads: flags.read ?? false, from: null, findings: [] };
}

/** Parses `1000` or `5%` (of the versions in the ledger). */
async function sampleOf(
  { audit }: OpenLedger,
  buckets: readonly string[],
  text: string | undefined,
): Promise<number | null> {
  if (text === undefined) return null;
  const [, digits, percent] = /^(\d{1,12}(?:\.\d{1,6})?)(%?)$/.exec(text.trim()) ?? [];
  const number = Number(digits);
  const fits = percent === '%' ? number > 0 && number <= 100 : Number.isSafeInteger(number) && number > 0;
  if (!fits)
    throw new Fault('invalid', `--sample ${text}: must be a number such as 1000, or a percentage such as 5%`);
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
      shell.err('interrupted: run `sftpgw ledger verify --resume` to continue');
    }
    throw error;
  }
}

function renderCounts({ buckets }: Plan, counts: VerifyCounts): string {
  return renderFields([
    ['buckets', buckets.join(', ')],
    ['versions', `${counts.versions}, ${renderBytes(counts.bytes)}`],
    ['opened', String(counts.opened)],
    ['in progress', String(counts.pending)],
    [
      'of other clients',
      `${counts.foreignWithoutKey} without a customer key, ${counts.foreignNotOpened} not requested`,
    ],
    ['older versions removed', String(counts.olderVersionsGone)],
    ['wrong', String(counts.findings)],
  ]);
}
