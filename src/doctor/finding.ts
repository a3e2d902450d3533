/** With an `error` something does not work or is unsafe now; a `warning` will hurt later; a `notice` is worth knowing. */
export type Severity = 'error' | 'warning' | 'notice';

/** What one look found, for a person: what, why it matters, what to do. No secret in any of it. */
export interface DoctorFinding {
  /** Names the kind of finding for scripts: lower case, with `-`. */
  readonly code: string;
  readonly severity: Severity;
  /** Of whom or what: `gateway`, `bucket NAME`, `user NAME`, `shared directory`, `key ID`. */
  readonly subject: string;
  readonly what: string;
  readonly why: string;
  readonly whatToDo: string;
}

const order: Readonly<Record<Severity, number>> = { error: 0, warning: 1, notice: 2 };

/** The worst first; those of one severity as they came. */
export function bySeverity(findings: readonly DoctorFinding[]): readonly DoctorFinding[] {
  return [...findings].sort((a, b) => order[a.severity] - order[b.severity]);
}
