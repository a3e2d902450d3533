import type { Call } from '../model/call.js';
import { Fault } from '../model/fault.js';
import type { DoctorFinding } from './finding.js';

/** One thing that the doctor looks at. */
export interface Check {
  /** What is looked at, for the progress line. */
  readonly name: string;
  /** Empty when all is well. What it throws becomes a finding of its own. */
  run(call: Call): Promise<readonly DoctorFinding[]>;
}

/** Runs the checks one after the other; one that fails does not keep the others from running. Throws `cancelled` only. */
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
        what: `${check.name} could not be looked at: ${fault.hint}`,
        why: 'What cannot be looked at may be wrong unnoticed.',
        whatToDo: 'Mend what the sentence names, and run the doctor again.',
      });
    }
  }
  return findings;
}
