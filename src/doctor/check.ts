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
 * Runs the checks in order and returns their findings. If one fails, the others still run. Throws only
 * `cancelled`.
 */
export async function runChecks(
  call: Call,
  checks: readonly Check[],
  onCheck: (name: string) => void,
): Promise<readonly DoctorFinding[]> {
  const findings: DoctorFinding[] = [];
  for (const check of checks) {
    onCheck(check.name);
    try {
      findings.push(...(await check.run(call)));
    } catch (error) {
      const fault = Fault.from(error);
      if (fault.kind === 'cancelled') throw fault;
      findings.push({
        code: 'check-failed',
        severity: 'error',
        subject: 'gateway',
        what: `The check of ${check.name} failed: ${fault.hint}.`,
        why: 'A problem in it stays unnoticed.',
        whatToDo: 'Fix the cause, then run `sftpgw doctor` again.',
      });
    }
  }
  return findings;
}
