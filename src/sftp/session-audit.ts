import type { FailedConnection } from '@sftpgw/ssh';
import type { LiveSession } from '../live/live-session.js';
import type { AuditActor, AuditDetails, AuditRecorder } from '../model/audit.js';
import type { Clock } from '../model/call.js';

/** A refusal of a connection or a login. */
export interface SessionRefused {
  readonly address: string;
  /** The user whose login was requested; null before that. */
  readonly username: string | null;
  /** The kind of rule that refused: `address`, `sessions`, `login` or `timeout`. */
  readonly rule: string;
  readonly reason: string;
  /** Refused requests by method and by reason. */
  readonly details?: Readonly<Record<string, unknown>>;
}

/** Refusals of one minute that are recorded one by one. Further ones are counted in one event. */
export const maxRefusalsPerMinute = 600;
const minuteMs = 60_000;

/** Records logins, refusals and the ends of sessions in the audit trail. */
export class SessionAudit {
  readonly #trail: AuditRecorder;
  readonly #clock: Clock;
  #minuteStartMs = Number.NEGATIVE_INFINITY;
  #recorded = 0;
  #counted = 0;

  constructor(trail: AuditRecorder, clock: Clock) {
    this.#trail = trail;
    this.#clock = clock;
  }

  /** Records a login, with `more` details. */
  loggedIn({ id, login }: LiveSession, more: AuditDetails = {}): void {
    const { protocol, methods, keyFingerprint, certificate, connection } = login;
    this.#trail.record({
      action: 'session.login',
      ...who(login.username, login.address),
      session: id,
      result: 'ok',
      details: { protocol, methods, key: keyFingerprint, certificate, ...connection, ...more },
    });
  }

  ended({ id, login, status, tally }: LiveSession): void {
    const seconds = Math.round((this.#clock.nowMs() - status.startedMs) / 1000);
    this.#trail.record({
      action: 'session.end',
      ...who(login.username, login.address),
      session: id,
      result: 'ok',
      details: { seconds, ...tally },
    });
  }

  /** Records a connection that ended without a login, unless it requested none, as scans of the port do. */
  failed({ address, username, refusals, reasons, cause }: FailedConnection): void {
    if (username === null) return;
    const rule = cause === 'timeout' ? 'timeout' : 'login';
    const reason = Object.keys(reasons).join('; ') || (cause === 'timeout' ? 'login timeout' : 'no login');
    this.refused({ address, username, rule, reason, details: { refusals, reasons } });
  }

  /** Records a refusal, or counts it if there are very many. */
  refused({ address, username, rule, reason, details }: SessionRefused): void {
    if (this.#isOverRate()) return;
    this.#trail.record({
      action: 'session.refused',
      ...who(username ?? '', address),
      result: 'denied',
      details: { rule, reason, ...details },
    });
  }

  /** Records the refusals that were only counted. */
  flush(): void {
    if (this.#counted === 0) return;
    const details = { rule: 'rate', reason: 'too many refusals to record each', count: this.#counted };
    this.#counted = 0;
    const actor: AuditActor = { kind: 'gateway', name: 'sftp' };
    this.#trail.record({ action: 'session.refused', actor, result: 'denied', details });
  }

  #isOverRate(): boolean {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#minuteStartMs >= minuteMs) {
      this.flush();
      this.#minuteStartMs = nowMs;
      this.#recorded = 0;
    }
    if (this.#recorded >= maxRefusalsPerMinute) {
      this.#counted += 1;
      return true;
    }
    this.#recorded += 1;
    return false;
  }
}

function who(name: string, address: string) {
  return { actor: { kind: 'user', name }, address } as const;
}
