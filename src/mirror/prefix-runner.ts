import { Semaphore } from '../concurrency/semaphore.js';
import type { Call, Clock, Entropy, LogFields, Logger } from '../model/call.js';
import { Fault, isFault } from '../model/fault.js';
import type { MirrorPass, MirrorPrefixStatus } from '../model/mirror.js';
import type { LiveMirrorStatus } from '../model/mirror-runs.js';
import type { IdleChecks, IdlePrefix } from './idle/idle-checks.js';
import type { RequestBudget } from './idle/request-budget.js';
import { mirrorCall } from './mirror-call.js';
import type { MirrorSettings } from './options.js';
import type { PrefixMirror } from './prefix-mirror.js';

/** Dependencies of `PrefixRunner`. */
export interface RunnerServices {
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly log: Logger;
  readonly settings: () => MirrorSettings;
  readonly hasEvents: (bucket: string) => boolean;
  readonly changed: (prefix: string, pass: MirrorPass) => void;
  /** Bounds the parallel passes of all prefixes. */
  readonly passes: Semaphore;
  readonly idle: IdleChecks;
  readonly budget: RequestBudget;
  /** Returns the number of mirrored prefixes. */
  readonly prefixCount: () => number;
}

/** Max keys with waiting events. Beyond that, the whole prefix is compared. */
const maxChangedKeys = 10_000;
/** Max keys checked in parallel, also during a pass. */
const parallelChecks = 16;
/** Growth factor of the wait after each pass that found nothing. */
const growth = 1.5;
/** Time in milliseconds after a change, or after the user's last session, from which on a prefix is idle. */
const quietMs = 600_000;
/** Part of the budget up to which idle prefixes are compared at the short interval after the start. */
const freshShare = 0.5;
/** Wait in milliseconds for a pass over a prefix whose listing is checked for changes meanwhile. It checks the disk. */
const fullPassMs = 3_600_000;
/** Lag in relation to the promised wait, from which on a prefix is reported as behind. */
const behindFactor = 1.5;
const listedPerPage = 1000;
/** Min wait in relation to the duration of the last pass: at most half of the time is spent on passes. */
const pausePerPass = 1;

/** Decides when a prefix is compared and when single keys of it are checked. */
export class PrefixRunner {
  readonly mirror: PrefixMirror;
  readonly #services: RunnerServices;
  readonly #stopping = new AbortController();
  readonly #log: Logger;
  /** Allows one pass at a time. */
  readonly #turn = new Semaphore(1);
  /** Paths with waiting events, and the monotonic time of the first event. */
  readonly #changedKeys = new Map<string, number>();
  /** Checks that are running, in the order of their start. */
  readonly #underCheck = new Set<{ readonly sinceMs: number }>();
  #checkCount = 0;
  #checks: Promise<void>[] = [];
  #following: Promise<void> | null = null;
  /** Ends the wait for the next pass early. */
  #wake: AbortController | null = null;
  #isPassRequested = false;
  /** Sessions of users who see the directory. */
  #sessions = 0;
  /** Times of the last change or session and of the first pass, by the monotonic clock. */
  #activeMs = -Infinity;
  #freshMs: number | null = null;
  #lastPassMs = -Infinity;
  #waitMs = 0;
  /** True if the idle checks report changes during the next wait. */
  #isEnrolled = false;
  #keys: string | null = null;
  #keysStamp: string | null = null;
  /** Problems of the last pass, which are logged already. */
  #logged: ReadonlySet<string> = new Set();

  constructor(services: RunnerServices, mirror: PrefixMirror) {
    this.#services = services;
    this.mirror = mirror;
    this.#log = services.log.child({ mirror: mirror.prefix.name });
  }

  get isFollowing(): boolean {
    return this.#following !== null;
  }

  follow(): void {
    this.#following ??= this.#follow();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#following;
    await Promise.all(this.#checks);
    // Waits for a pass that was started by hand.
    (await this.#turn.acquire(1, new AbortController().signal))();
    await this.mirror.idle();
  }

  async runOnce(): Promise<MirrorPass> {
    const { signal } = this.#stopping;
    const endTurn = await this.#turn.acquire(1, signal);
    try {
      const endPass = await this.#services.passes.acquire(1, signal);
      try {
        const pass = await this.mirror.run(mirrorCall(signal, this.#services.entropy, this.#log));
        await this.#logPass(pass);
        return pass;
      } finally {
        endPass();
      }
    } finally {
      endTurn();
    }
  }

  async presence(): Promise<LiveMirrorStatus> {
    const status = await this.mirror.status();
    const waitingEvents = this.#changedKeys.size + this.#underCheck.size;
    const lagMs = this.#lagMs(status);
    const { intervalMs, idleIntervalMs } = this.#services.settings();
    const isBehind = this.isFollowing && (lagMs ?? 0) > behindFactor * Math.max(intervalMs, idleIntervalMs);
    return { status, progress: this.mirror.progress, waitingEvents, lagMs, isBehind };
  }

  /**
   * Reports a session of a user who sees the directory. The prefix is compared at once if that is due, and at the
   * short interval until some minutes after the session. Returns the function that reports its end.
   */
  opened(): () => void {
    this.#sessions += 1;
    const { clock, settings } = this.#services;
    if (clock.monotonicMs() - this.#lastPassMs >= settings().intervalMs) this.#requestPass();
    return () => {
      this.#sessions -= 1;
      this.#activeMs = clock.monotonicMs();
    };
  }

  get #isActive(): boolean {
    return this.#sessions > 0 || this.#services.clock.monotonicMs() - this.#activeMs < quietMs;
  }

  /** Returns true soon after the start of a gateway with few prefixes. */
  get #isFresh(): boolean {
    const { clock, settings, prefixCount } = this.#services;
    const { intervalMs, idleRequestsPerMinute } = settings();
    if (clock.monotonicMs() - (this.#freshMs ?? clock.monotonicMs()) >= quietMs) return false;
    return (prefixCount() * 60_000) / intervalMs <= freshShare * idleRequestsPerMinute;
  }

  /**
   * Returns the lag in milliseconds. With events it is the age of the oldest waiting event, else the age of
   * the last complete pass.
   */
  #lagMs({ lastPass, completeMs }: MirrorPrefixStatus): number | null {
    const { clock, hasEvents } = this.#services;
    if (completeMs === null) return null;
    const isNotified = this.isFollowing && hasEvents(this.mirror.prefix.bucket);
    if (!isNotified || lastPass?.result !== 'complete' || this.#isPassRequested)
      return clock.nowMs() - completeMs;
    const [waiting] = this.#changedKeys.values();
    const sinceMs = [...this.#underCheck].reduce(
      (oldest, one) => Math.min(oldest, one.sinceMs),
      waiting ?? Infinity,
    );
    return sinceMs === Infinity ? 0 : clock.monotonicMs() - sinceMs;
  }

  /**
   * Starts a pass at once if the available keys have changed. `stamp` is that of the present keys (see
   * `MirrorPrefix`). Never throws.
   */
  async checkKeys(stamp: string | null): Promise<void> {
    if (stamp !== null && stamp === this.#keysStamp) return;
    try {
      const keys = (await this.mirror.prefix.keys()).map((key) => key.fingerprint).join(' ');
      if (this.#keys !== null && this.#keys !== keys) this.#requestPass();
      this.#keys = keys;
      this.#keysStamp = stamp;
    } catch (error) {
      // The next pass reports the error.
      this.#log.debug('cannot read keys', { error: Fault.from(error) });
    }
  }

  /** Queues a check of the path after an event. */
  keyChanged(path: string): void {
    if (this.#stopping.signal.aborted || path === '') return;
    if (this.#changedKeys.size >= maxChangedKeys) {
      this.#changedKeys.clear();
      this.#requestPass();
      return;
    }
    if (!this.#changedKeys.has(path)) this.#changedKeys.set(path, this.#services.clock.monotonicMs());
    while (this.#checkCount < Math.min(parallelChecks, this.#changedKeys.size)) this.#startCheck();
  }

  /** Removes a file as `PrefixMirror.remove` does. After a conflict, checks the path at once. */
  async remove(call: Call, path: string, actor: string): Promise<void> {
    if (this.#stopping.signal.aborted)
      throw new Fault('unavailable', 'the mirror is being reconfigured; try again');
    const removing = this.mirror.remove(call, path, actor);
    // `stop` waits for the removal.
    const settled = removing.catch(() => undefined);
    this.#checks.push(settled);
    try {
      await removing;
    } catch (error) {
      if (isFault(error, 'conflict')) this.keyChanged(path);
      throw error;
    } finally {
      this.#checks = this.#checks.filter((one) => one !== settled);
    }
  }

  #startCheck(): void {
    this.#checkCount += 1;
    const check = this.#checkChangedKeys().finally(() => {
      this.#checkCount -= 1;
      this.#checks = this.#checks.filter((one) => one !== check);
    });
    this.#checks.push(check);
  }

  async #checkChangedKeys(): Promise<void> {
    const { signal } = this.#stopping;
    for (const [path, sinceMs] of this.#changedKeys) {
      if (signal.aborted) return;
      // From here on, another event for this path starts another check.
      this.#changedKeys.delete(path);
      const checked = { sinceMs };
      this.#underCheck.add(checked);
      try {
        const call = mirrorCall(signal, this.#services.entropy, this.#log);
        const result = await this.mirror.checkKey(call, path);
        if (result.kind === 'unclear') this.#requestPass();
        else call.log.debug('key checked', { path, result: result.kind });
      } catch (error) {
        if (isFault(error, 'cancelled')) return;
        this.#log.warn('key check failed', { error: Fault.from(error) });
        this.#requestPass();
      } finally {
        this.#underCheck.delete(checked);
      }
    }
  }

  /** Requests a pass as soon as possible, or another one after the running pass. */
  #requestPass(): void {
    this.#isPassRequested = true;
    this.#wake?.abort();
  }

  async #follow(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      const isIdle = this.#freshMs !== null && !this.#isPassRequested && !this.#isActive;
      this.#isPassRequested = false;
      try {
        if (isIdle) await this.#services.budget.take(signal);
        const pass = await this.runOnce();
        if (isIdle) this.#services.budget.spend(Math.ceil(pass.listed / listedPerPage) - 1);
        this.#adapt(pass);
      } catch (error) {
        if (isFault(error, 'cancelled')) return;
        this.#log.error('mirror pass failed', { error: Fault.from(error) });
      }
      await this.#waitForNextPass();
    }
  }

  async #waitForNextPass(): Promise<void> {
    if (this.#isPassRequested) return;
    const wake = new AbortController();
    this.#wake = wake;
    const leave = this.#isEnrolled ? this.#services.idle.enroll(this.#idlePrefix()) : () => undefined;
    const stopped = () => wake.abort();
    this.#stopping.signal.addEventListener('abort', stopped, { once: true });
    if (this.#stopping.signal.aborted) wake.abort();
    try {
      await this.#services.clock.sleep(this.#waitMs, wake.signal);
    } catch {
      // Woken.
    } finally {
      leave();
      this.#stopping.signal.removeEventListener('abort', stopped);
      this.#wake = null;
    }
  }

  #idlePrefix(): IdlePrefix {
    const { bucket, prefix } = this.mirror.prefix;
    return {
      bucket,
      prefix,
      digest: this.mirror.digest ?? '',
      unchanged: (atMs) => this.mirror.confirm(atMs),
      changed: () => this.#requestPass(),
    };
  }

  #adapt(pass: MirrorPass): void {
    const { clock, hasEvents: haveEvents, settings } = this.#services;
    const { intervalMs, busyIntervalMs, eventIntervalMs, idleIntervalMs } = settings();
    const hasChanged = pass.fetched + pass.deleted > 0;
    this.#lastPassMs = clock.monotonicMs();
    // The first pass fetches what changed at any time before the start.
    if (hasChanged && this.#freshMs !== null) this.#activeMs = this.#lastPassMs;
    this.#freshMs ??= this.#lastPassMs;
    const isQuick = this.#isActive || this.#isFresh || idleIntervalMs <= intervalMs;
    this.#isEnrolled = !isQuick && pass.result === 'complete' && this.mirror.digest !== null;
    if (this.#isEnrolled) {
      this.#waitMs = Math.max(fullPassMs, intervalMs);
      return;
    }
    const hasEvents = pass.result === 'complete' && haveEvents(this.mirror.prefix.bucket);
    const maxMs = Math.max(intervalMs, hasEvents ? eventIntervalMs : 0, isQuick ? 0 : idleIntervalMs);
    const minMs = Math.min(busyIntervalMs, intervalMs);
    const grownMs = hasChanged ? minMs : Math.max(minMs, this.#waitMs * growth);
    this.#waitMs = Math.max(Math.min(grownMs, maxMs), pass.durationMs * pausePerPass);
  }

  async #logPass(pass: MirrorPass): Promise<void> {
    const { result, text, fetched, fetchedBytes, deleted, listed, durationMs } = pass;
    const fields = { listed, fetched, fetchedBytes, deleted, durationMs: Math.round(durationMs) };
    if (fetched + deleted > 0) this.#services.changed(this.mirror.prefix.name, pass);
    if (result === 'failed') this.#logOnce(`failed: ${text}`, 'mirror pass failed', { reason: text });
    else if (fetched + deleted > 0) this.#log.info('mirrored', fields);
    else this.#log.debug('nothing to mirror', fields);
    const { problems, problemCount } = await this.mirror.status();
    const logged = new Set<string>(result === 'failed' ? [`failed: ${text}`] : []);
    for (const { kind, path, text: reason } of problems) {
      const what = `${kind} ${path} ${reason}`;
      logged.add(what);
      this.#logOnce(what, 'object not mirrored', { path, problem: kind, reason });
    }
    const more = `${problemCount - problems.length} more`;
    if (problemCount > problems.length) {
      logged.add(more);
      this.#logOnce(more, 'further objects not mirrored', { count: problemCount - problems.length });
    }
    // A problem that ends and returns is logged again.
    this.#logged = logged;
  }

  #logOnce(what: string, message: string, fields: LogFields): void {
    if (!this.#logged.has(what)) this.#log.warn(message, fields);
  }
}
