import type { AuditScribe } from '../audit/scribe.js';
import type { Clock } from '../model/call.js';
import type { Fault } from '../model/fault.js';

/** Refusals of one minute that are recorded one by one. Further ones are counted in the next event. */
export const maxRefusalsPerMinute = 120;
const minuteMs = 60_000;

/** Records refused logins at the console in the audit trail, few enough that they cannot fill it. */
export class LoginRefusals {
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  #minuteStartMs = Number.NEGATIVE_INFINITY;
  #recorded = 0;
  #skipped = 0;

  constructor(clock: Pick<Clock, 'monotonicMs'>) {
    this.#clock = clock;
  }

  /** Never throws. `who` is the name that was given, or the step. */
  record(scribe: AuditScribe, who: string, fault: Fault): void {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#minuteStartMs >= minuteMs) {
      this.#minuteStartMs = nowMs;
      this.#recorded = 0;
    }
    if (this.#recorded >= maxRefusalsPerMinute) {
      this.#skipped += 1;
      return;
    }
    this.#recorded += 1;
    const more = this.#skipped === 0 ? {} : { notRecorded: this.#skipped };
    this.#skipped = 0;
    scribe.as(who.slice(0, 100)).note({
      action: 'admin.refused',
      target: who,
      result: fault.kind,
      details: { reason: fault.hint, ...more },
    });
  }
}
