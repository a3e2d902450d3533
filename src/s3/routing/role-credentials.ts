import type { Clock } from '../../model/call.js';
import { Fault } from '../../model/fault.js';
import type { RoleSession } from './assume-role.js';

/** Time before the end of a session from which on a new one is requested. */
const renewBeforeMs = 5 * 60_000;
/** A session that ends sooner is not used any more. */
const minLeftMs = 30_000;
/** After a failed renewal, the present session is used this long without another attempt. */
const retryAfterMs = 15_000;

/**
 * The credentials of one role. They are kept and renewed before they expire, with one request at a time. While
 * STS is unavailable, the present session is used to its end.
 */
export class RoleCredentials {
  readonly #clock: Pick<Clock, 'nowMs'>;
  readonly #assume: () => Promise<RoleSession>;
  #session: RoleSession | null = null;
  #renewal: Promise<RoleSession> | null = null;
  #notBeforeMs = 0;

  constructor(clock: Pick<Clock, 'nowMs'>, assume: () => Promise<RoleSession>) {
    this.#clock = clock;
    this.#assume = assume;
  }

  /** Returns credentials that are valid for at least 30 seconds. Throws the fault of the request to STS. */
  readonly provide = async (): Promise<RoleSession> => {
    const session = this.#session;
    const leftMs = session === null ? 0 : session.expiration.getTime() - this.#clock.nowMs();
    if (session !== null && leftMs > renewBeforeMs) return session;
    const isUsable = session !== null && leftMs > minLeftMs;
    if (isUsable && this.#clock.nowMs() < this.#notBeforeMs) return session;
    this.#renewal ??= this.#renew().finally(() => {
      this.#renewal = null;
    });
    try {
      return await this.#renewal;
    } catch (error) {
      if (isUsable && error instanceof Fault && error.isTransient) return session;
      throw error;
    }
  };

  /** Makes the next call request a new session, because S3 has refused this one. */
  forget(): void {
    this.#session = null;
  }

  async #renew(): Promise<RoleSession> {
    try {
      this.#session = await this.#assume();
      return this.#session;
    } catch (error) {
      this.#notBeforeMs = this.#clock.nowMs() + retryAfterMs;
      throw error;
    }
  }
}
