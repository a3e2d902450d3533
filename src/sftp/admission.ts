/** How many there are of each name, and no more than a bound. */
class BoundedCounts {
  readonly #counts = new Map<string, number>();
  readonly #max: number;

  constructor(max: number) {
    this.#max = max;
  }

  /** False when there is no room for one more. */
  enter(name: string): boolean {
    const count = this.#counts.get(name) ?? 0;
    if (count >= this.#max) return false;
    this.#counts.set(name, count + 1);
    return true;
  }

  leave(name: string): void {
    const count = this.#counts.get(name) ?? 0;
    if (count <= 1) this.#counts.delete(name);
    else this.#counts.set(name, count - 1);
  }
}

export interface SessionAdmissionLimits {
  readonly maxSessions: number;
  readonly maxSessionsPerAddress: number;
  readonly maxSessionsPerUser: number;
}

/** Counts connections against their bounds: all and by address before the handshake, by user at the login. */
export class SessionAdmission {
  readonly #all: BoundedCounts;
  readonly #byAddress: BoundedCounts;
  readonly #byUser: BoundedCounts;

  constructor(limits: SessionAdmissionLimits) {
    this.#all = new BoundedCounts(limits.maxSessions);
    this.#byAddress = new BoundedCounts(limits.maxSessionsPerAddress);
    this.#byUser = new BoundedCounts(limits.maxSessionsPerUser);
  }

  /** Null when the connection is let in (then `leave` ends it), else the sentence for the client. */
  enter(address: string): string | null {
    if (!this.#all.enter('')) return 'the server has as many connections as it takes; try again later';
    if (this.#byAddress.enter(address)) return null;
    this.#all.leave('');
    return 'there are too many connections from this address; close some';
  }

  leave(address: string): void {
    this.#all.leave('');
    this.#byAddress.leave(address);
  }

  /** False when the user has as many connections as one may have. */
  enterUser(username: string): boolean {
    return this.#byUser.enter(username);
  }

  leaveUser(username: string): void {
    this.#byUser.leave(username);
  }
}
