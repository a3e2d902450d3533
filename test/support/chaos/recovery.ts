import { type EndedFault, type FaultKind, faultKinds } from './faults.js';
import type { ProbedLogin } from './login-probe.js';

/** The effect of a fault on logins, in milliseconds. */
export interface FaultEffect {
  readonly fault: EndedFault;
  /** Logins that failed, among those that began between this fault and the next one. */
  readonly failed: number;
  readonly logins: number;
  /** The slowest login that succeeded. */
  readonly slowestMs: number;
  /** From the end of the fault to the begin of the last login that failed after it; 0 if none did. */
  readonly recoveredMs: number;
}

/** Assigns the logins to the faults. */
export function effectsOf(
  faults: readonly EndedFault[],
  logins: readonly ProbedLogin[],
): readonly FaultEffect[] {
  return faults.map((fault, index) => {
    const untilMs = faults[index + 1]?.beganMs ?? Number.POSITIVE_INFINITY;
    const own = logins.filter(({ beganMs }) => beganMs >= fault.beganMs && beganMs < untilMs);
    const failed = own.filter(({ isOk }) => !isOk);
    const lastMs = Math.max(fault.endedMs, ...failed.map(({ beganMs }) => beganMs));
    const slowestMs = Math.max(0, ...own.filter(({ isOk }) => isOk).map(({ tookMs }) => tookMs));
    return {
      fault,
      failed: failed.length,
      logins: own.length,
      slowestMs,
      recoveredMs: lastMs - fault.endedMs,
    };
  });
}

/** Returns a line for each kind of fault, for people. */
export function linesOf(effects: readonly FaultEffect[]): readonly string[] {
  return faultKinds.flatMap((kind: FaultKind) => {
    const own = effects.filter(({ fault }) => fault.kind === kind);
    if (own.length === 0) return [];
    const sum = (value: (effect: FaultEffect) => number) =>
      own.reduce((total, each) => total + value(each), 0);
    const max = (value: (effect: FaultEffect) => number) => (Math.max(...own.map(value)) / 1_000).toFixed(1);
    const logins = `${sum(({ failed }) => failed)} of ${sum((each) => each.logins)} logins failed`;
    const times = `slowest ${max((each) => each.slowestMs)} s, last failure ${max((each) => each.recoveredMs)} s after the end`;
    return [`${kind}: ${own.length} times, ${logins}, ${times}`];
  });
}
