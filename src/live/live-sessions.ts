import type { Clock } from '../model/call.js';
import type { LoginFacts, SessionAdministration, SessionStatus } from '../model/live.js';
import type { SessionCounts } from '../model/nodes.js';
import { LiveSession } from './live-session.js';

/** Bounds of the sessions. The bounds by user and by address count the sessions of other nodes too. */
export interface LiveSessionLimits {
  /** The sessions of this gateway. */
  readonly maxSessions: number;
  /** The sessions of all nodes; as `maxSessions` by default. */
  readonly maxSessionsOfNodes?: number;
  readonly maxSessionsPerUser: number;
  readonly maxSessionsPerAddress: number;
}

/** Why a login gets no session. */
export type SessionRefusal =
  | 'too many sessions'
  | 'too many sessions from this address'
  | 'too many sessions of this user';

/** A login that asks for a session. */
export interface SessionRequest {
  readonly id: string;
  readonly login: LoginFacts;
  /** The address or network that the bound by address counts; null for a session of sshd. */
  readonly source: string | null;
  /** Ends the client's connection. */
  readonly disconnect: () => void;
}

/**
 * The current sessions and transfers. The limits, the `sessions` commands and every other view read this
 * registry, so that all of them agree.
 */
export class LiveSessions implements SessionAdministration {
  readonly #limits: LiveSessionLimits;
  readonly #clock: Clock;
  readonly #sessions = new Map<string, LiveSession>();
  readonly #byUser = new Map<string, number>();
  readonly #bySource = new Map<string, number>();
  #others: SessionCounts = { count: 0, byUser: new Map(), bySource: new Map() };
  /** Bytes of the sessions that have ended. */
  #endedReceived = 0;
  #endedSent = 0;

  constructor(limits: LiveSessionLimits, clock: Clock) {
    this.#limits = limits;
    this.#clock = clock;
  }

  get count(): number {
    return this.#sessions.size;
  }

  /** The current sessions, the oldest first. */
  get all(): readonly LiveSession[] {
    return [...this.#sessions.values()];
  }

  /** Sets the numbers of sessions of the other nodes, which the bounds count from now on. */
  countOthers(others: SessionCounts): void {
    this.#others = others;
  }

  /** Bytes of all sessions since the start. */
  get totals(): { readonly bytesReceived: number; readonly bytesSent: number } {
    let [bytesReceived, bytesSent] = [this.#endedReceived, this.#endedSent];
    for (const { tally } of this.#sessions.values()) {
      bytesReceived += tally.bytesReceived;
      bytesSent += tally.bytesSent;
    }
    return { bytesReceived, bytesSent };
  }

  /** Number of sessions of a user. */
  countOf(username: string): number {
    return this.#byUser.get(username) ?? 0;
  }

  /** Opens a session, or returns the bound that refuses it. The caller closes it when the connection ends. */
  open({ id, login, source, disconnect }: SessionRequest): LiveSession | SessionRefusal {
    const refusal = this.#refusal(login.username, source);
    if (refusal !== null) return refusal;
    const session = new LiveSession({ id, login, source }, this.#clock, disconnect);
    this.#sessions.set(id, session);
    count(this.#byUser, login.username, 1);
    if (source !== null) count(this.#bySource, source, 1);
    return session;
  }

  /** Removes a session. `source` is that of its request. */
  close(session: LiveSession, source: string | null): void {
    if (!this.#sessions.delete(session.id)) return;
    const { bytesReceived, bytesSent } = session.tally;
    this.#endedReceived += bytesReceived;
    this.#endedSent += bytesSent;
    count(this.#byUser, session.login.username, -1);
    if (source !== null) count(this.#bySource, source, -1);
  }

  async list(): Promise<readonly SessionStatus[]> {
    return [...this.#sessions.values()].map(({ status }) => status);
  }

  async disconnect(id: string): Promise<SessionStatus | null> {
    const session = this.#sessions.get(id);
    if (session === undefined) return null;
    const { status } = session;
    session.disconnect();
    return status;
  }

  #refusal(username: string, source: string | null): SessionRefusal | null {
    const { maxSessions, maxSessionsPerAddress, maxSessionsPerUser } = this.#limits;
    const { maxSessionsOfNodes = maxSessions } = this.#limits;
    const others = this.#others;
    const own = this.#sessions.size;
    if (own >= maxSessions || own + others.count >= maxSessionsOfNodes) return 'too many sessions';
    const ofSource = (name: string) => (this.#bySource.get(name) ?? 0) + (others.bySource.get(name) ?? 0);
    if (source !== null && ofSource(source) >= maxSessionsPerAddress)
      return 'too many sessions from this address';
    const ofUser = this.countOf(username) + (others.byUser.get(username) ?? 0);
    return ofUser >= maxSessionsPerUser ? 'too many sessions of this user' : null;
  }
}

function count(counts: Map<string, number>, name: string, change: 1 | -1): void {
  const next = (counts.get(name) ?? 0) + change;
  if (next > 0) counts.set(name, next);
  else counts.delete(name);
}
