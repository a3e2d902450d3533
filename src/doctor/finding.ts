/**
 * `error`: something fails or is unsafe now. `warning`: it will cause trouble later. `notice`: worth knowing.
 */
export type Severity = 'error' | 'warning' | 'notice';

/** One finding, for a person: the problem, why it matters and what to do. It contains no secret. */
export interface DoctorFinding {
  /** Names the kind of finding for scripts: lower case, with `-`. */
  readonly code: string;
  readonly severity: Severity;
  /** Subject of the finding: `gateway`, `bucket NAME`, `user NAME`, `shared directory`, `key ID`. */
  readonly subject: string;
  readonly what: string;
  readonly why: string;
  readonly whatToDo: string;
}

const order: Readonly<Record<Severity, number>> = { error: 0, warning: 1, notice: 2 };

/** Returns the findings with the most severe first. Findings of equal severity keep their order. */
export function bySeverity(findings: readonly DoctorFinding[]): readonly DoctorFinding[] {
  return [...findings].sort((a, b) => order[a.severity] - order[b.severity]);
}
