import { Fault, type FaultKind } from '../../model/fault.js';

/**
 * A problem and its solution, in one sentence each. With an `error` the gateway cannot work; a `warning` can
 * wait; a `notice` needs no action.
 */
export interface Finding {
  readonly severity: 'error' | 'warning' | 'notice';
  /** The kind of the fault, or a problem that is found without one. */
  readonly about: FaultKind | 'plain-http' | 'clock' | 'checksums' | 'tags' | 'copies' | 'object-lock';
  readonly what: string;
  readonly whatToDo: string;
}

/** Makes a finding of a fault. Its hint has the problem, and after a semicolon the solution. */
export function findingOf(error: unknown, severity: Finding['severity'], consequence = ''): Finding {
  const { kind, hint } = Fault.from(error);
  const cut = hint.indexOf('; ');
  const what = cut === -1 ? hint : hint.slice(0, cut);
  const whatToDo = cut === -1 ? 'See the log for the answer of S3' : hint.slice(cut + 2);
  return { severity, about: kind, what: sentence(what + consequence), whatToDo: sentence(whatToDo) };
}

function sentence(text: string): string {
  const begun = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.'}]$/.test(begun) ? begun : `${begun}.`;
}
