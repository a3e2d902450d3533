import type { Clock, Logger } from '../model/call.js';
import { Fault, type FaultKind } from '../model/fault.js';

/** One check of the readiness. */
export interface ReadinessCheck {
  readonly name: string;
  /** Throws a fault if the gateway cannot work. Must end soon after the signal aborts. */
  readonly run: (signal: AbortSignal) => Promise<void> | void;
}

/** The result of a check. */
export interface CheckResult {
  readonly name: string;
  readonly isOk: boolean;
  /** Kind and text of the fault; null if the check passed. */
  readonly kind: FaultKind | null;
  readonly reason: string | null;
  /** Time since the end of the check, in milliseconds. */
  readonly ageMs: number;
}

/** Whether the gateway can serve, and the results of all checks. */
export interface ReadinessReport {
  readonly isReady: boolean;
  readonly checks: readonly CheckResult[];
}

/** A result is used this long, so that frequent questions cost nothing. In milliseconds. */
const cacheMs = 5_000;
/** Time for one check, in milliseconds. */
const checkTimeoutMs = 5_000;

interface Known {
  readonly fault: Fault | null;
  readonly endedMs: number;
}

/** Runs checks on request, at most one of each at a time, and keeps their results for some seconds. */
export class Readiness {
  readonly #checks: readonly ReadinessCheck[];
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #known = new Map<string, Known>();
  readonly #running = new Map<string, Promise<Known>>();
  #isDraining = false;

  constructor(checks: readonly ReadinessCheck[], clock: Clock, log: Logger) {
    this.#checks = checks;
    this.#clock = clock;
    this.#log = log;
  }

  /** From now on the gateway is not ready. */
  drain(): void {
    this.#isDraining = true;
  }

  /** Never rejects. Resolves within the timeout of a check. */
  async report(): Promise<ReadinessReport> {
    const results = await Promise.all(this.#checks.map((check) => this.#result(check)));
    const checks = this.#isDraining ? [...results, draining] : results;
    return { isReady: checks.every(({ isOk }) => isOk), checks };
  }

  async #result(check: ReadinessCheck): Promise<CheckResult> {
    const known = this.#known.get(check.name);
    const isFresh = known !== undefined && this.#clock.monotonicMs() - known.endedMs < cacheMs;
    const { fault, endedMs } = isFresh ? known : await this.#run(check);
    return {
      name: check.name,
      isOk: fault === null,
      kind: fault?.kind ?? null,
      reason: fault?.hint ?? null,
      ageMs: Math.max(0, Math.round(this.#clock.monotonicMs() - endedMs)),
    };
  }

  #run(check: ReadinessCheck): Promise<Known> {
    const running = this.#running.get(check.name);
    if (running !== undefined) return running;
    const begun = this.#check(check).finally(() => this.#running.delete(check.name));
    this.#running.set(check.name, begun);
    return begun;
  }

  async #check({ name, run }: ReadinessCheck): Promise<Known> {
    const stop = new AbortController();
    let timer: NodeJS.Timeout | null = null;
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => {
        reject(new Fault('timed-out', `no result within ${checkTimeoutMs / 1000} s`));
        stop.abort();
      }, checkTimeoutMs);
    });
    let fault: Fault | null = null;
    try {
      await Promise.race([run(stop.signal), late]);
    } catch (error) {
      fault = Fault.from(error);
    } finally {
      if (timer !== null) clearTimeout(timer);
    }
    this.#logChange(name, fault);
    const known = { fault, endedMs: this.#clock.monotonicMs() };
    this.#known.set(name, known);
    return known;
  }

  #logChange(check: string, fault: Fault | null): void {
    const before = this.#known.get(check)?.fault ?? null;
    if (fault !== null && fault.hint !== before?.hint) {
      this.#log.warn('readiness check failed', { check, kind: fault.kind, error: fault });
    }
    if (fault === null && before !== null) this.#log.info('readiness check passes again', { check });
  }
}

const draining: CheckResult = {
  name: 'drain',
  isOk: false,
  kind: 'cancelled',
  reason: 'the gateway is stopping',
  ageMs: 0,
};
