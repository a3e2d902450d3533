import type { Clock } from '../transport/clock.js';
import { Counts } from './counts.js';
import type { ServerLimits } from './limits.js';
import type { SshConnection } from './ssh-connection.js';

export type AdmissionLimits = Omit<ServerLimits, 'idleTimeoutMs' | 'maxSessionMs'>;

/** A refusal before the handshake. */
export type EntryRefusal = 'too many connections' | 'too many connections from this source';

/** A refusal at the login. */
export type SessionRefusal =
  | 'too many sessions'
  | 'too many sessions from this address'
  | 'too many sessions of this user';

/** A connection that logs in. */
export interface SessionLogin {
  readonly source: string;
  readonly username: string;
  /** Null only in tests of the admission. */
  readonly connection: SshConnection | null;
}

/** Counts the connections with a login against their bounds. An application may keep its own list of them. */
export interface SessionSlots {
  /** Connections that have a slot. */
  readonly count: number;
  /** Returns why there is no slot, else the function that frees it when the connection is closed. */
  take(login: SessionLogin): SessionRefusal | (() => void);
}

/** One connection that was admitted. */
export interface AdmittedConnection {
  /** The client's identification arrived. */
  identified(): void;
  /** The client's attempt to log in was refused. From now on the connection gives its slot to a new one when slots are scarce. */
  refused(): void;
  /** Moves an unauthenticated connection to the sessions. Returns why it cannot, null if it could. */
  logIn(username: string, connection?: SshConnection): SessionRefusal | null;
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
  readonly #sessions: SessionSlots;

  /** `random` returns a number from 0 to below 1. */
  constructor(
    limits: AdmissionLimits,
    clock: Pick<Clock, 'nowMs'>,
    random: () => number = Math.random,
    sessions: SessionSlots = new CountedSessions(limits),
  ) {
    this.#limits = limits;
    this.#clock = clock;
    this.#random = random;
    this.#sessions = sessions;
  }

  get unauthenticated(): number {
    return this.#waiting.size;
  }

  get sessions(): number {
    return this.#sessions.count;
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
    let free: (() => void) | null = null;
    return {
      identified: () => {
        waiting.isSilent = false;
      },
      refused: () => {
        waiting.isRefused = true;
      },
      logIn: (username, connection) => {
        if (!this.#waiting.has(waiting)) return null;
        const { source } = waiting;
        const taken = this.#sessions.take({ source, username, connection: connection ?? null });
        if (typeof taken === 'string') return taken;
        this.#forget(waiting);
        free = taken;
        return null;
      },
      leave: () => {
        this.#forget(waiting);
        free?.();
        free = null;
      },
    };
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

/** The slots of an application that keeps no list of its sessions. */
class CountedSessions implements SessionSlots {
  readonly #limits: Pick<AdmissionLimits, 'maxSessions' | 'maxSessionsPerSource' | 'maxSessionsPerUser'>;
  readonly #bySource = new Counts();
  readonly #byUser = new Counts();
  #count = 0;

  constructor(limits: AdmissionLimits) {
    this.#limits = limits;
  }

  get count(): number {
    return this.#count;
  }

  take({ source, username }: SessionLogin): SessionRefusal | (() => void) {
    const refusal = this.#refusal(source, username);
    if (refusal !== null) return refusal;
    this.#count += 1;
    this.#bySource.add(source);
    this.#byUser.add(username);
    return () => {
      this.#count -= 1;
      this.#bySource.remove(source);
      this.#byUser.remove(username);
    };
  }

  #refusal(source: string, username: string): SessionRefusal | null {
    const { maxSessions, maxSessionsPerSource, maxSessionsPerUser } = this.#limits;
    if (this.#count >= maxSessions) return 'too many sessions';
    if (this.#bySource.of(source) >= maxSessionsPerSource) return 'too many sessions from this address';
    return this.#byUser.of(username) >= maxSessionsPerUser ? 'too many sessions of this user' : null;
  }
}
