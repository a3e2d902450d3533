import { type CidrList, type FailedConnection, parseSource, sourceOf } from '@sftpgw/ssh';
import type { Ban, BanAdministration, BanScope } from '../../model/bans.js';
import type { Clock, Logger } from '../../model/call.js';
import { Fault } from '../../model/fault.js';
import type { LoginCountKind, SharedLogins } from '../../model/nodes.js';
import { BanList } from './ban-list.js';
import { type Counters, createMemoryCounters } from './counters.js';
import { readDefenceState, writeDefenceState } from './defence-file.js';
import { KnownLogins } from './known-logins.js';
import {
  type DefenceLimits,
  defaultDefenceLimits,
  delayAfter,
  type PenaltyKind,
  penalties,
} from './penalties.js';
import { RefusalCounts } from './refusal-counts.js';
import { SharedDefence } from './shared-defence.js';
import { StateSaver } from './state-saver.js';

type AddressList = Pick<CidrList, 'contains'>;

export interface DefenceOptions {
  /** File that keeps bans and known logins over a restart. */
  readonly file: string;
  /** Addresses that may connect; null for all. */
  readonly allowFrom?: AddressList | null;
  /** Addresses that may not connect. */
  readonly denyFrom?: AddressList | null;
  /** Addresses whose refusals are not delayed, and that failed logins never ban. */
  readonly exemptFrom?: AddressList | null;
  readonly limits?: Partial<DefenceLimits>;
  /** Called for each ban that failed logins cause. */
  readonly onBan?: (ban: Ban) => void;
  /** Bans, known logins and counts that several nodes share. The caller calls `sync`. None by default. */
  readonly shared?: SharedLogins | null;
  readonly log: Logger;
  readonly clock: Clock;
}

const loginSaveDelayMs = 60_000;
/** The other nodes learn of a known login again after this time, so that they do not forget it. In milliseconds. */
const loginShareMs = 24 * 60 * 60 * 1000;
const notAllowed = 'this address may not connect';
const banned = 'too many failed logins from this address: try again later';

/**
 * Counts failed logins by address, by user and by both, delays refusals, and bans addresses.
 *
 * Guesses of others do not keep out a client that knows the password. Delays apply to refusals only. The
 * count of a user never refuses. A ban of an address does not apply to users who have logged in from it.
 */
export class LoginDefence implements BanAdministration {
  readonly #options: DefenceOptions;
  readonly #limits: DefenceLimits;
  readonly #bans: BanList;
  readonly #known: KnownLogins;
  readonly #counts: RefusalCounts;
  readonly #saver: StateSaver;
  /** Null if this gateway is the only node. */
  readonly #shared: SharedDefence | null;
  /** This node's own counts that end with a ban. */
  readonly #clearable: readonly Counters[];
  readonly #penalties: Counters;
  readonly #bansBefore: Counters;
  readonly #failuresBySource: Counters;
  readonly #failuresByUser: Counters;
  readonly #failuresByPair: Counters;

  private constructor(options: DefenceOptions) {
    const { log, clock } = options;
    this.#options = options;
    const limits = { ...defaultDefenceLimits, ...options.limits };
    this.#limits = limits;
    this.#bans = new BanList(limits.maxBans, clock);
    this.#known = new KnownLogins(limits, clock);
    this.#counts = new RefusalCounts(log, clock);
    this.#saver = new StateSaver(() => this.#write(), clock, log);
    const { shared = null } = options;
    this.#shared = shared === null ? null : new SharedDefence(shared, clock, log);
    const own = (windowMs: number) => createMemoryCounters(windowMs, limits.maxCounted);
    const all = (counters: Counters, kind: LoginCountKind, windowMs: number) =>
      this.#shared === null ? counters : this.#shared.counters(counters, kind, windowMs);
    const [penalties, bans, sources] = [own(limits.windowMs), own(limits.maxBanMs), own(limits.windowMs)];
    this.#clearable = [penalties, bans, sources];
    this.#penalties = all(penalties, 'penalties', limits.windowMs);
    this.#bansBefore = all(bans, 'bans', limits.maxBanMs);
    this.#failuresBySource = all(sources, 'sources', limits.windowMs);
    this.#failuresByUser = all(own(limits.windowMs), 'users', limits.windowMs);
    this.#failuresByPair = all(own(limits.pairWindowMs), 'pairs', limits.pairWindowMs);
  }

  /** Loads the bans of the last run. If the file cannot be read, logs an error and starts without bans. */
  static async open(options: DefenceOptions): Promise<LoginDefence> {
    const defence = new LoginDefence(options);
    try {
      const { bans, logins } = await readDefenceState(options.file);
      for (const ban of bans) defence.#bans.put(ban);
      for (const login of logins) defence.#known.add(login);
    } catch (error) {
      options.log.error('bans of the last run not loaded', { error: Fault.from(error) });
    }
    return defence;
  }

  /**
   * Shares what this node has learned since the last call with the other nodes, and learns what they have. Does
   * nothing if there are none. Throws the database's faults.
   */
  async sync(): Promise<void> {
    const changes = await this.#shared?.sync();
    if (changes === undefined) return;
    for (const ban of changes.bans) this.#bans.put(ban);
    for (const source of changes.cleared) await this.#forget(source);
    for (const login of changes.logins) this.#known.add(login);
    if (changes.bans.length + changes.cleared.length > 0) void this.#saver.later(loginSaveDelayMs);
  }

  /** Returns why an address may not connect, null if it may. */
  admit(address: string): string | null {
    const { allowFrom = null, denyFrom = null } = this.#options;
    const refusal = denyFrom?.contains(address) === true || allowFrom?.contains(address) === false;
    const source = sourceOf(address);
    if (!refusal && this.#bans.scopeOf(source) !== 'everyone') return null;
    this.#counts.add('refusedConnections', source, null);
    return refusal ? notAllowed : banned;
  }

  /** Returns false if passwords of this user from this address must be refused without a check. */
  mayCheck(address: string, username: string): boolean {
    const source = sourceOf(address);
    const scope = this.#bans.scopeOf(source);
    if (scope === null || (scope === 'new-users' && this.#known.has(source, username))) return true;
    this.#counts.add('unchecked', source, username);
    return false;
  }

  /** Counts a wrong password. Returns the delay of the refusal in milliseconds, from the request on. */
  async refused(address: string, username: string): Promise<number> {
    const source = sourceOf(address);
    this.#counts.add('wrong', source, username);
    const [bySource, byUser, byPair] = await Promise.all([
      this.#failuresBySource.add(source, 1),
      this.#failuresByUser.add(username, 1),
      this.#failuresByPair.add(pairOf(source, username), 1),
      this.#penalise(address, 'authfail'),
    ]);
    if (this.#isExempt(address)) return 0;
    const { freeSourceFailures, freeUserFailures, freePairFailures } = this.#limits;
    return Math.max(
      delayAfter(bySource, freeSourceFailures, this.#limits),
      delayAfter(byUser, freeUserFailures, this.#limits),
      delayAfter(byPair, freePairFailures, this.#limits),
    );
  }

  /**
   * Counts a password that was not checked because too many others wait. Returns the delay of the answer in milliseconds: an address
   * with many failures must not come back at once.
   */
  async busy(address: string, username: string): Promise<number> {
    const source = sourceOf(address);
    this.#counts.add('busy', source, username);
    const failures = await this.#failuresBySource.add(source, 0);
    return this.#isExempt(address) ? 0 : delayAfter(failures, this.#limits.freeSourceFailures, this.#limits);
  }

  /** Records a login. It clears the failures of the user from this address. */
  loggedIn(address: string, username: string): void {
    const source = sourceOf(address);
    const lastMs = this.#known.lastMs(source, username);
    const login = { source, username, atMs: this.#options.clock.nowMs() };
    this.#known.add(login);
    void this.#failuresByPair.clear(pairOf(source, username));
    this.#shared?.loggedIn(login, lastMs === null || login.atMs - lastMs >= loginShareMs);
    if (lastMs === null) void this.#saver.later(loginSaveDelayMs);
  }

  /** Penalises a connection that ended without a login. */
  connectionFailed({ address, username, refusals, isIdentified, cause }: FailedConnection): void {
    // Scans of the port and health checks are not penalised.
    if (!isIdentified) return;
    const source = sourceOf(address);
    this.#counts.add('failedConnections', source, username);
    const { publickey = 0, password = 0, 'keyboard-interactive': answers = 0 } = refusals;
    if (cause === 'fault') void this.#penalise(address, 'fault');
    else if (cause === 'timeout') void this.#penalise(address, 'grace-exceeded');
    else if (username === null) void this.#penalise(address, 'noauth');
    else if (publickey > 0 && password + answers === 0) void this.#penalise(address, 'authfail');
  }

  async list(): Promise<readonly Ban[]> {
    return this.#bans.list();
  }

  async add(address: string, durationMs: number): Promise<Ban> {
    const sinceMs = this.#options.clock.nowMs();
    const source = checkedSource(address);
    const ban: Ban = { source, scope: 'everyone', cause: 'command', sinceMs, untilMs: sinceMs + durationMs };
    await this.#ban(ban);
    return ban;
  }

  async clear(address: string | null): Promise<number> {
    const sources =
      address === null ? this.#bans.list().map(({ source }) => source) : [checkedSource(address)];
    await this.#shared?.clear(sources);
    let ended = 0;
    for (const source of sources) if (await this.#forget(source)) ended += 1;
    if (ended > 0) {
      this.#options.log.info('bans ended by command', { address: address ?? 'all', bans: ended });
      await this.#saver.now();
    }
    return ended;
  }

  /** Logs the last counts and saves the state. */
  async close(): Promise<void> {
    this.#counts.close();
    await this.#saver.close();
  }

  /** Ends the ban of a source on this node and forgets its failures. Returns false if it was not banned. */
  async #forget(source: string): Promise<boolean> {
    const isBanned = this.#bans.remove(source);
    for (const counters of this.#clearable) await counters.clear(source);
    return isBanned;
  }

  #isExempt(address: string): boolean {
    return this.#options.exemptFrom?.contains(address) === true;
  }

  /** Never rejects. */
  async #penalise(address: string, kind: PenaltyKind): Promise<void> {
    const { banAfterPenalty, banMs, maxBanMs } = this.#limits;
    if (banAfterPenalty === 0 || this.#isExempt(address)) return;
    const source = sourceOf(address);
    const sum = await this.#penalties.add(source, penalties[kind]);
    if (sum < banAfterPenalty || this.#bans.scopeOf(source) !== null) return;
    const sinceMs = this.#options.clock.nowMs();
    const scope: BanScope = this.#known.hasSource(source) ? 'new-users' : 'everyone';
    const ban: Ban = { source, scope, cause: 'logins', sinceMs, untilMs: sinceMs + banMs };
    // The ban is set before the first `await`, so that penalties in the meantime find it.
    this.#bans.put(ban);
    await this.#penalties.clear(source);
    const bans = await this.#bansBefore.add(source, 1);
    const durationMs = Math.min(maxBanMs, banMs * 2 ** Math.min(30, bans - 1));
    await this.#ban({ ...ban, untilMs: sinceMs + durationMs });
  }

  async #ban(ban: Ban): Promise<void> {
    const { source, scope, cause, sinceMs, untilMs } = ban;
    this.#bans.put(ban);
    // The command waits until the ban is stored, so that its answer is true for all nodes.
    if (cause === 'command') await this.#shared?.ban(ban);
    else this.#shared?.banLater(ban);
    // The command that bans an address records it itself, with its administrator.
    if (cause === 'logins') this.#options.onBan?.(ban);
    this.#options.log.warn('address banned', {
      address: source,
      scope,
      cause,
      seconds: Math.round((untilMs - sinceMs) / 1_000),
    });
    await this.#saver.now();
  }

  #write(): Promise<void> {
    return writeDefenceState(this.#options.file, { bans: this.#bans.list(), logins: this.#known.list() });
  }
}

/** Separates the two by a line feed, which a source does not contain. The client chooses the user name. */
function pairOf(source: string, username: string): string {
  return `${source}\n${username}`;
}

function checkedSource(address: string): string {
  const source = parseSource(address.trim());
  if (source !== null) return source;
  throw new Fault('invalid', `invalid address ${JSON.stringify(address)}: expected an IPv4 or IPv6 address`);
}
