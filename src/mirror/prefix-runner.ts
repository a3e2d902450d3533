import { Slots } from '../concurrency/mirror-slots.js';
import type { Call, Clock, Entropy, LogFields, Logger } from '../model/call.js';
import { Fault, isFault } from '../model/fault.js';
import type { MirrorPass, MirrorPrefixStatus } from '../model/mirror.js';
import type { MirrorPresence } from '../model/mirror-runs.js';
import { mirrorCall } from './mirror-call.js';
import type { MirrorSettings } from './options.js';
import type { PrefixMirror } from './prefix-mirror.js';

export interface RunnerServices {
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly log: Logger;
  readonly settings: () => MirrorSettings;
  readonly hasEvents: (bucket: string) => boolean;
  /** Passes at the same time, of all prefixes. */
  readonly passes: Slots;
}

/** Keys that events named, waiting; a prefix with more is compared as a whole. */
const maxNudges = 10_000;
/** Looked at side by side, and beside a pass under way. */
const parallelLooks = 16;
/** The wait grows so much after each pass that found nothing. */
const growth = 1.5;
/** A prefix is compared for at most about half of the time, however long that takes. */
const restPerPass = 1;

/** Decides when a prefix is compared, and when single keys of it are looked at. */
export class PrefixRunner {
  readonly mirror: PrefixMirror;
  readonly #services: RunnerServices;
  readonly #stopping = new AbortController();
  readonly #log: Logger;
  /** One pass at a time. */
  readonly #turn = new Slots(1);
  /** With the time of the event, monotonic. */
  readonly #nudges = new Map<string, number>();
  /** Those that are looked at, in the order in which that began. */
  readonly #lookedAt = new Set<{ readonly sinceMs: number }>();
  #looks = 0;
  #looking: Promise<void>[] = [];
  #following: Promise<void> | null = null;
  /** Ends the wait for the next pass. */
  #wake: AbortController | null = null;
  #isWanted = false;
  #waitMs = 0;
  #keys: string | null = null;
  /** The problems of the last pass, which are in the log already. */
  #said: ReadonlySet<string> = new Set();

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
    await Promise.all(this.#looking);
    // A pass that was asked for by hand.
    (await this.#turn.take(1, new AbortController().signal))();
    await this.mirror.idle();
  }

  async runOnce(): Promise<MirrorPass> {
    const { signal } = this.#stopping;
    const endTurn = await this.#turn.take(1, signal);
    try {
      const endPass = await this.#services.passes.take(1, signal);
      try {
        const pass = await this.mirror.run(mirrorCall(signal, this.#services.entropy, this.#log));
        await this.#say(pass);
        return pass;
      } finally {
        endPass();
      }
    } finally {
      endTurn();
    }
  }

  async presence(): Promise<MirrorPresence> {
    const status = await this.mirror.status();
    const waitingEvents = this.#nudges.size + this.#lookedAt.size;
    return { status, progress: this.mirror.progress, waitingEvents, lagMs: this.#lagMs(status) };
  }

  /** Where events tell of every change, the directory is behind by the oldest one that waits; else by the last pass. */
  #lagMs({ lastPass, completeMs }: MirrorPrefixStatus): number | null {
    const { clock, hasEvents } = this.#services;
    if (completeMs === null) return null;
    const isTold = this.isFollowing && hasEvents(this.mirror.prefix.bucket);
    if (!isTold || lastPass?.result !== 'complete' || this.#isWanted) return clock.nowMs() - completeMs;
    const [waiting] = this.#nudges.values();
    const sinceMs = [...this.#lookedAt].reduce(
      (oldest, one) => Math.min(oldest, one.sinceMs),
      waiting ?? Infinity,
    );
    return sinceMs === Infinity ? 0 : clock.monotonicMs() - sinceMs;
  }

  /** A pass follows at once when the keys at hand have changed. Never throws. */
  async lookAtKeys(): Promise<void> {
    try {
      const keys = (await this.mirror.prefix.keys()).map((key) => key.fingerprint).join(' ');
      if (this.#keys !== null && this.#keys !== keys) this.#want();
      this.#keys = keys;
    } catch (error) {
      // The pass says it, with the rest of its trouble.
      this.#log.debug('the keys cannot be read', { error: Fault.from(error) });
    }
  }

  /** Takes the path of a key that something happened to. */
  nudge(path: string): void {
    if (this.#stopping.signal.aborted || path === '') return;
    if (this.#nudges.size >= maxNudges) {
      this.#nudges.clear();
      this.#want();
      return;
    }
    if (!this.#nudges.has(path)) this.#nudges.set(path, this.#services.clock.monotonicMs());
    while (this.#looks < Math.min(parallelLooks, this.#nudges.size)) this.#beginLooking();
  }

  /** Removes a file as `PrefixMirror.remove`. What turns out to be another is looked at at once. */
  async remove(call: Call, path: string, actor: string): Promise<void> {
    if (this.#stopping.signal.aborted)
      throw new Fault('unavailable', 'what is mirrored is being changed: try again');
    const removing = this.mirror.remove(call, path, actor);
    // A stop waits for it.
    const over = removing.catch(() => undefined);
    this.#looking.push(over);
    try {
      await removing;
    } catch (error) {
      if (isFault(error, 'conflict')) this.nudge(path);
      throw error;
    } finally {
      this.#looking = this.#looking.filter((one) => one !== over);
    }
  }

  #beginLooking(): void {
    this.#looks += 1;
    const looking = this.#look().finally(() => {
      this.#looks -= 1;
      this.#looking = this.#looking.filter((one) => one !== looking);
    });
    this.#looking.push(looking);
  }

  async #look(): Promise<void> {
    const { signal } = this.#stopping;
    for (const [path, sinceMs] of this.#nudges) {
      if (signal.aborted) return;
      // From here on another event for the same path makes another look.
      this.#nudges.delete(path);
      const looked = { sinceMs };
      this.#lookedAt.add(looked);
      try {
        const call = mirrorCall(signal, this.#services.entropy, this.#log);
        const look = await this.mirror.look(call, path);
        if (look.kind === 'unclear') this.#want();
        else call.log.debug('looked at a key', { path, result: look.kind });
      } catch (error) {
        if (isFault(error, 'cancelled')) return;
        this.#log.warn('a key could not be looked at', { error: Fault.from(error) });
        this.#want();
      } finally {
        this.#lookedAt.delete(looked);
      }
    }
  }

  /** A pass as soon as possible, and another one when one is under way. */
  #want(): void {
    this.#isWanted = true;
    this.#wake?.abort();
  }

  async #follow(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      this.#isWanted = false;
      try {
        const pass = await this.runOnce();
        this.#adapt(pass);
      } catch (error) {
        if (isFault(error, 'cancelled')) return;
        this.#log.error('the mirror failed', { error: Fault.from(error) });
      }
      await this.#rest();
    }
  }

  async #rest(): Promise<void> {
    if (this.#isWanted) return;
    const wake = new AbortController();
    this.#wake = wake;
    const stopped = () => wake.abort();
    this.#stopping.signal.addEventListener('abort', stopped, { once: true });
    if (this.#stopping.signal.aborted) wake.abort();
    try {
      await this.#services.clock.sleep(this.#waitMs, wake.signal);
    } catch {
      // Woken.
    } finally {
      this.#stopping.signal.removeEventListener('abort', stopped);
      this.#wake = null;
    }
  }

  #adapt(pass: MirrorPass): void {
    const { intervalMs, busyIntervalMs, eventIntervalMs } = this.#services.settings();
    const hasEvents = pass.result === 'complete' && this.#services.hasEvents(this.mirror.prefix.bucket);
    const longestMs = hasEvents ? Math.max(intervalMs, eventIntervalMs) : intervalMs;
    const hasChanged = pass.fetched + pass.deleted > 0;
    const shortestMs = Math.min(busyIntervalMs, intervalMs);
    const grownMs = hasChanged ? shortestMs : Math.max(shortestMs, this.#waitMs * growth);
    this.#waitMs = Math.max(Math.min(grownMs, longestMs), pass.durationMs * restPerPass);
  }

  async #say(pass: MirrorPass): Promise<void> {
    const { result, text, fetched, fetchedBytes, deleted, listed, durationMs } = pass;
    const fields = { listed, fetched, fetchedBytes, deleted, durationMs: Math.round(durationMs) };
    if (result === 'failed')
      this.#sayOnce(`failed: ${text}`, 'the mirror could not be brought up to date', { reason: text });
    else if (fetched + deleted > 0) this.#log.info('mirrored', fields);
    else this.#log.debug('nothing to mirror', fields);
    const { problems, problemCount } = await this.mirror.status();
    const said = new Set<string>(result === 'failed' ? [`failed: ${text}`] : []);
    for (const { kind, path, text: reason } of problems) {
      const what = `${kind} ${path} ${reason}`;
      said.add(what);
      this.#sayOnce(what, 'an object is not mirrored', { path, problem: kind, reason });
    }
    const more = `${problemCount - problems.length} more`;
    if (problemCount > problems.length) {
      said.add(more);
      this.#sayOnce(more, 'further objects are not mirrored', { count: problemCount - problems.length });
    }
    // What is over may be said again when it comes back.
    this.#said = said;
  }

  #sayOnce(what: string, message: string, fields: LogFields): void {
    if (!this.#said.has(what)) this.#log.warn(message, fields);
  }
}
