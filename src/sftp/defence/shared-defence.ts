import type { Ban } from '../../model/bans.js';
import type { Clock, Logger } from '../../model/call.js';
import { Fault } from '../../model/fault.js';
import type {
  AddedPoints,
  KnownLogin,
  LoginChanges,
  LoginCountKind,
  LoginReport,
  LoginRevisions,
  SharedLogins,
} from '../../model/nodes.js';
import type { Counters } from './counters.js';

/** Max counts, bans, and logins that one report has. Strangers decide how many there are. */
const maxPoints = 256;
const maxBans = 64;
const maxLogins = 256;
/** Max time that a failed login waits for the counts of the other nodes, in milliseconds. */
const maxWaitMs = 1_000;

interface PendingPoints extends AddedPoints {
  points: number;
  readonly sum: PromiseWithResolvers<number | null>;
}

const nothing = { points: [], resets: [], bans: [], cleared: [], logins: [] };

/**
 * The defence's link to the other nodes. It collects what this node learns and reports it with each `sync`, so that
 * the work of the database does not depend on the number of attempts. This node alone counts what exceeds a report.
 */
export class SharedDefence {
  readonly #shared: SharedLogins;
  readonly #clock: Clock;
  readonly #log: Logger;
  #points = new Map<string, PendingPoints>();
  #resets = new Map<string, Pick<AddedPoints, 'kind' | 'subject'>>();
  #bans = new Map<string, Ban>();
  #logins = new Map<string, KnownLogin>();
  #revisions: LoginRevisions = { bans: 0, logins: 0 };
  #hasFailed = false;

  constructor(shared: SharedLogins, clock: Clock, log: Logger) {
    this.#shared = shared;
    this.#clock = clock;
    this.#log = log;
  }

  /** Returns counters that also count what the other nodes have counted. `own` are those of this node. */
  counters(own: Counters, kind: LoginCountKind, windowMs: number): Counters {
    return {
      add: async (subject, points) => {
        const counted = await own.add(subject, points);
        if (points === 0) return counted;
        return Math.max(counted, (await this.#add({ kind, subject, points, windowMs })) ?? 0);
      },
      clear: async (subject) => {
        await own.clear(subject);
        const key = keyOf(kind, subject);
        this.#drop(key);
        if (this.#resets.size < maxPoints) this.#resets.set(key, { kind, subject });
      },
    };
  }

  /** Stores a ban for all nodes. Throws the database's faults. */
  async ban(ban: Ban): Promise<void> {
    await this.#shared.report({ ...nothing, bans: [ban] });
  }

  /** Stores a ban for all nodes with the next report. */
  banLater(ban: Ban): void {
    if (this.#bans.has(ban.source) || this.#bans.size < maxBans) this.#bans.set(ban.source, ban);
  }

  /** Ends bans on all nodes. Throws the database's faults. */
  async clear(sources: readonly string[]): Promise<void> {
    for (const source of sources) {
      this.#bans.delete(source);
      for (const kind of ['penalties', 'bans', 'sources']) this.#drop(keyOf(kind, source));
    }
    await this.#shared.report({ ...nothing, cleared: sources });
  }

  /** Reports a known login, if the others may not know it. */
  loggedIn(login: KnownLogin, isNews: boolean): void {
    if (isNews && this.#logins.size < maxLogins) this.#logins.set(keyOf(login.source, login.username), login);
  }

  /** Reports what was collected and returns what the other nodes have changed. Throws the database's faults. */
  async sync(): Promise<LoginChanges> {
    const [points, resets, bans, logins] = [this.#points, this.#resets, this.#bans, this.#logins];
    this.#points = new Map();
    this.#resets = new Map();
    this.#bans = new Map();
    this.#logins = new Map();
    const pending = [...points.values()];
    const report: LoginReport = {
      points: pending.map(({ kind, subject, points: added, windowMs }) => ({
        ...{ kind, subject, points: added, windowMs },
      })),
      resets: [...resets.values()],
      bans: [...bans.values()],
      cleared: [],
      logins: [...logins.values()],
    };
    try {
      const sums = await this.#shared.report(report);
      for (const [index, { sum }] of pending.entries()) sum.resolve(sums[index] ?? null);
      this.#hasFailed = false;
    } catch (error) {
      for (const { sum } of pending) sum.resolve(null);
      for (const [source, ban] of bans) if (!this.#bans.has(source)) this.#bans.set(source, ban);
      if (!this.#hasFailed) this.#log.error('failed logins not shared', { error: Fault.from(error) });
      this.#hasFailed = true;
      throw error;
    }
    const changes = await this.#shared.changesSince(this.#revisions);
    this.#revisions = changes.revisions;
    return changes;
  }

  /** Forgets points that are not reported yet. */
  #drop(key: string): void {
    this.#points.get(key)?.sum.resolve(null);
    this.#points.delete(key);
  }

  /** Returns the sum of all nodes, or null if it is not known in time. */
  async #add({ kind, subject, points, windowMs }: AddedPoints): Promise<number | null> {
    const key = keyOf(kind, subject);
    let pending = this.#points.get(key);
    if (pending === undefined) {
      if (this.#points.size >= maxPoints) return null;
      pending = { kind, subject, points, windowMs, sum: Promise.withResolvers() };
      this.#points.set(key, pending);
    } else pending.points += points;
    const known = new AbortController();
    const patience = this.#clock.sleep(maxWaitMs, known.signal).then(
      () => null,
      () => null,
    );
    const sum = await Promise.race([pending.sum.promise, patience]);
    known.abort();
    return sum;
  }
}

function keyOf(kind: string, subject: string): string {
  return `${kind}\n${subject}`;
}
