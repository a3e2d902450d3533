import type { Clock } from '../transport/clock.js';
import { Counts } from './counts.js';
import type { ServerLimits } from './limits.js';

export type AdmissionLimits = Omit<ServerLimits, 'idleTimeoutMs' | 'maxSessionMs'>;

/** A refusal before the handshake. */
export type EntryRefusal = 'too many connections' | 'too many connections from this source';

/** A refusal at the login. */
export type SessionRefusal =
  | 'too many sessions'
  | 'too many sessions from this address'
  | 'too many sessions of this user';

/** One connection that was admitted. */
export interface AdmittedConnection {
  /** The client's identification arrived. */
  identified(): void;
  /** The client's attempt to log in was refused. From now on the connection gives its slot to a new one when slots are scarce. */
  refused(): void;
  /** Moves an unauthenticated connection to the sessions. Returns why it cannot, null if it could. */
  logIn(username: string): SessionRefusal | null;
  /** The connection is closed. */
  leave(): void;
}

interface Waiting {
  readonly source: string;
  readonly sinceMs: number;
  readonly drop: () => void;
  isSilent: boolean;
  isRefused: boolean;
}

/**
 * Counts connections against their bounds. Connections without a login have slots of their own, so that they never lock out users
 * who are logged in. When slots become scarce, they are dropped at random as with MaxStartups in sshd_config(5), but fairly: a
 * source with more connections than the new one's loses one first, and then one that has sent nothing, or whose login was refused.
 */
export class Admission {
  readonly #limits: AdmissionLimits;
  readonly #clock: Pick<Clock, 'nowMs'>;
  readonly #random: () => number;
  /** In the order of arrival. */
  readonly #waiting = new Set<Waiting>();
  readonly #waitingBySource = new Counts();
  readonly #sessionsBySource = new Counts();
  readonly #sessionsByUser = new Counts();
  #sessions = 0;

  /** `random` returns a number from 0 to below 1. */
  constructor(limits: AdmissionLimits, clock: Pick<Clock, 'nowMs'>, random: () => number = Math.random) {
    this.#limits = limits;
    this.#clock = clock;
    this.#random = random;
  }

  get unauthenticated(): number {
    return this.#waiting.size;
  }

  get sessions(): number {
    return this.#sessions;
  }

  /**
   * Admits a new connection, possibly in place of another one, whose `drop` is called before this returns. Returns a refusal if
   * there is no slot.
   */
  enter(source: string, drop: () => void): AdmittedConnection | EntryRefusal {
    if (this.#waitingBySource.of(source) >= this.#limits.maxUnauthenticatedPerSource) {
      const victim = this.#oldestUseless((waiting) => waiting.source === source);
      if (victim === null) return 'too many connections from this source';
      this.#evict(victim);
    } else if (this.#isDropDue()) {
      const victim = this.#victimFor(source);
      if (victim === null) return 'too many connections';
      this.#evict(victim);
    }
    const waiting: Waiting = { source, sinceMs: this.#clock.nowMs(), drop, isSilent: true, isRefused: false };
    this.#waiting.add(waiting);
    this.#waitingBySource.add(source);
    return this.#admitted(waiting);
  }

  #admitted(waiting: Waiting): AdmittedConnection {
    /** Null while the connection is unauthenticated, and after it left. */
    let username: string | null = null;
    return {
      identified: () => {
        waiting.isSilent = false;
      },
      refused: () => {
        waiting.isRefused = true;
      },
      logIn: (name) => {
        if (!this.#waiting.has(waiting)) return null;
        const refusal = this.#sessionRefusal(waiting.source, name);
        if (refusal !== null) return refusal;
        this.#forget(waiting);
        username = name;
        this.#sessions += 1;
        this.#sessionsBySource.add(waiting.source);
        this.#sessionsByUser.add(name);
        return null;
      },
      leave: () => {
        this.#forget(waiting);
        if (username === null) return;
        this.#sessions -= 1;
        this.#sessionsBySource.remove(waiting.source);
        this.#sessionsByUser.remove(username);
        username = null;
      },
    };
  }

  #sessionRefusal(source: string, username: string): SessionRefusal | null {
    const { maxSessions, maxSessionsPerSource, maxSessionsPerUser } = this.#limits;
    if (this.#sessions >= maxSessions) return 'too many sessions';
    if (this.#sessionsBySource.of(source) >= maxSessionsPerSource)
      return 'too many sessions from this address';
    return this.#sessionsByUser.of(username) >= maxSessionsPerUser ? 'too many sessions of this user' : null;
  }

  /** Random early drop: the probability grows from the drop rate at `start` to 1 at the maximum. */
  #isDropDue(): boolean {
    const {
      unauthenticatedStart: start,
      unauthenticatedDropPercent: percent,
      maxUnauthenticated: max,
    } = this.#limits;
    const count = this.#waiting.size;
    if (count >= max) return true;
    if (count < start) return false;
    const probability = (percent + ((100 - percent) * (count - start)) / (max - start)) / 100;
    return this.#random() < probability;
  }

  /** Returns the connection that gives up its slot, null if it is the new one. */
  #victimFor(source: string): Waiting | null {
    let largest = source;
    for (const { source: other } of this.#waiting) {
      if (this.#waitingBySource.of(other) > this.#waitingBySource.of(largest)) largest = other;
    }
    const isLargest = (waiting: Waiting) => waiting.source === largest;
    // The new connection counts as well.
    if (this.#waitingBySource.of(largest) > this.#waitingBySource.of(source) + 1) {
      return this.#oldestUseless(isLargest) ?? this.#oldest(isLargest);
    }
    return this.#oldestUseless(() => true);
  }

  /** Returns a connection that stayed silent, else one whose login was refused. */
  #oldestUseless(matches: (waiting: Waiting) => boolean): Waiting | null {
    const latestMs = this.#clock.nowMs() - this.#limits.silentMs;
    return (
      this.#oldest((waiting) => waiting.isSilent && waiting.sinceMs <= latestMs && matches(waiting)) ??
      this.#oldest((waiting) => waiting.isRefused && matches(waiting))
    );
  }

  #oldest(matches: (waiting: Waiting) => boolean): Waiting | null {
    for (const waiting of this.#waiting) if (matches(waiting)) return waiting;
    return null;
  }

  #evict(waiting: Waiting): void {
    this.#forget(waiting);
    waiting.drop();
  }

  #forget(waiting: Waiting): void {
    if (this.#waiting.delete(waiting)) this.#waitingBySource.remove(waiting.source);
  }
}
