import { Fault } from '../../model/fault.js';
import type { ProvisionPlan, ProvisionRequest, ProvisionStep } from '../../operations/provision.js';
import type { CommandContext } from '../command.js';
import { exitCodeOf } from '../exit-codes.js';
import { renderJson } from '../terminal/render.js';

/** Flags of `setup` for the role and the buckets. */
export interface PolicyFlags {
  readonly policies?: boolean;
  readonly apply?: boolean;
  readonly allowSseC?: boolean;
  readonly gatewayPrincipal?: string;
  readonly alsoAllow?: readonly string[];
  readonly unfinishedDays?: string;
  readonly json?: boolean;
}

/** Returns true if the flags ask for more than settings. */
export function wantsPolicies({ policies, apply, allowSseC }: PolicyFlags): boolean {
  return policies === true || apply === true || allowSseC === true;
}

/** Prints the policies, changes the buckets, or both. */
export async function runPolicies(context: CommandContext, root: string, flags: PolicyFlags): Promise<void> {
  const request = requestOf(flags);
  await context.withRoot(root, async (opened) => {
    const { allowSseC, applyProvision, planProvision } = await import('../../operations/provision.js');
    const plan = flags.policies === true ? await planProvision(opened, request) : null;
    const steps: ProvisionStep[] = [];
    if (flags.apply === true) steps.push(...(await applyProvision(opened, request)));
    else if (flags.allowSseC === true) steps.push(...(await allowSseC(opened)));
    report(context, flags, plan, steps);
  });
}

function requestOf(flags: PolicyFlags): ProvisionRequest {
  const days = Number(flags.unfinishedDays ?? '7');
  if (!Number.isInteger(days) || days < 1 || days > 365) {
    throw new Fault('invalid', '--unfinished-days must be a whole number of days, 1 to 365');
  }
  const { gatewayPrincipal = null, alsoAllow = [] } = flags;
  for (const principal of [gatewayPrincipal, ...alsoAllow]) {
    if (principal !== null && !/^arn:[a-z-]+:(?:iam|sts):[^:]*:[^:]*:.+$/.test(principal)) {
      throw new Fault(
        'invalid',
        `${JSON.stringify(principal.slice(0, 200))} is not the ARN of a role or user, such as arn:aws:iam::111122223333:role/sftpgw`,
      );
    }
  }
  return { writers: { gateway: gatewayPrincipal, others: alsoAllow }, unfinishedDays: days };
}

function report(
  { shell, setExitCode }: CommandContext,
  flags: PolicyFlags,
  plan: ProvisionPlan | null,
  steps: readonly ProvisionStep[],
): void {
  if (flags.json === true) {
    const results = steps.map(({ fault, ...rest }) => ({ ...rest, problem: fault?.hint ?? null }));
    shell.out(renderJson({ ...plan, steps: results }));
  } else {
    if (plan !== null) for (const line of planLines(plan)) shell.out(line);
    for (const { bucket, what, outcome, fault } of steps) {
      if (fault === null) shell.out(`bucket ${bucket}: ${what} (${outcome})`);
      else shell.err(`bucket ${bucket}: not done: ${what}: ${fault.hint}`);
    }
    for (const note of plan?.notes ?? []) shell.err(note);
  }
  const failed = steps.find((step) => step.fault !== null)?.fault;
  if (failed) setExitCode(exitCodeOf[failed.kind]);
}

function planLines(plan: ProvisionPlan): readonly string[] {
  const lines = [
    '# The permissions of the gateway (IAM policy of its role or user):',
    renderJson(plan.rolePolicy),
  ];
  for (const { bucket, statements, allowsSseC, unfinishedDays } of plan.buckets) {
    lines.push(
      `# Bucket ${bucket}: policy. \`setup --apply\` adds it to the existing one:`,
      renderJson({ Version: '2012-10-17', Statement: statements }),
      `# Bucket ${bucket}: \`setup --apply\` aborts incomplete uploads after ${unfinishedDays} days${allowsSseC ? ' and allows customer keys (SSE-C)' : ''}.`,
    );
  }
  return lines;
}
