import { forEachBounded } from '../concurrency/bounded.js';
import type { Call } from '../model/call.js';
import { Fault } from '../model/fault.js';
import type { DoctorFinding } from './finding.js';

/** One check of `sftpgw doctor`. */
export interface Check {
  /** Subject of the check, for the progress line. */
  readonly name: string;
  /** Returns no finding if all is well. `runChecks` turns a fault into a finding. */
  run(call: Call): Promise<readonly DoctorFinding[]>;
}

/**
 * Runs the checks, `parallel` at a time, and returns their findings in the order of the checks. If one fails, the
 * others still run. Throws only `cancelled`.
 */
export async function runChecks(
  call: Call,
  checks: readonly Check[],
  onCheck: (name: string) => void,
  parallel = 1,
): Promise<readonly DoctorFinding[]> {
  const findings: (readonly DoctorFinding[])[] = [];
  await forEachBounded(call.signal, checks.entries(), parallel, async ([index, check]) => {
    onCheck(check.name);
    findings[index] = await findingsOf(call, check);
  });
  return findings.flat();
}

async function findingsOf(call: Call, check: Check): Promise<readonly DoctorFinding[]> {
  try {
    return await check.run(call);
  } catch (error) {
    const fault = Fault.from(error);
    if (fault.kind === 'cancelled' || call.signal.aborted)
      throw new Fault('cancelled', 'the checks were interrupted', { cause: fault });
    return [
      {
        code: 'check-failed',
        severity: 'error',
        subject: 'gateway',
        what: `The check of ${check.name} failed: ${fault.hint}.`,
        why: 'A problem in it stays unnoticed.',
        whatToDo: 'Fix the cause, then run `sftpgw doctor` again.',
      },
    ];
  }
}
