import type { Clock, Timer } from '../transport/clock.js';
import type { ServerLimits } from './limits.js';

/** Checks for activity within the idle timeout. More checks make the timeout more exact. */
const checks = 4;

export interface SessionTimersOptions {
  readonly limits: Pick<ServerLimits, 'idleTimeoutMs' | 'maxSessionMs'>;
  readonly clock: Clock;
  /** Returns true if there was activity since the last call. */
  readonly takeActivity: () => boolean;
  /** Called with the cause when the session has to end. */
  readonly expired: (cause: string) => void;
}

/** Ends a session that is idle, or too old. */
export class SessionTimers {
  readonly #options: SessionTimersOptions;
  #idleTimer: Timer | null = null;
  readonly #ageTimer: Timer | null;
  #idleChecks = 0;

  constructor(options: SessionTimersOptions) {
    this.#options = options;
    const { limits, clock, expired } = options;
    const { maxSessionMs } = limits;
    this.#ageTimer =
      maxSessionMs > 0
        ? clock.after(maxSessionMs, () => expired(`session is older than ${seconds(maxSessionMs)}`))
        : null;
    this.#schedule();
  }

  stop(): void {
    this.#idleTimer?.cancel();
    this.#ageTimer?.cancel();
  }

  #schedule(): void {
    const { limits, clock } = this.#options;
    if (limits.idleTimeoutMs > 0) {
      this.#idleTimer = clock.after(limits.idleTimeoutMs / checks, () => this.#check());
    }
  }

  #check(): void {
    const { limits, takeActivity, expired } = this.#options;
    this.#idleChecks = takeActivity() ? 0 : this.#idleChecks + 1;
    if (this.#idleChecks < checks) this.#schedule();
    else expired(`session is idle for ${seconds(limits.idleTimeoutMs)}`);
  }
}

function seconds(ms: number): string {
  return `${Math.round(ms / 1000)} seconds`;
}
