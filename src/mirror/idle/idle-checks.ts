import type { Call, Clock, Entropy, Logger } from '../../model/call.js';
import { Fault, isFault } from '../../model/fault.js';
import type { ListPage, ObjectStore } from '../../model/object-store.js';
import { mirrorCall } from '../mirror-call.js';
import type { MirrorSettings } from '../options.js';
import type { RequestBudget } from './request-budget.js';
import { sharedDigests } from './shared-listing.js';

/** Part of the idle interval after which the next round begins. The rest is for the round itself and the passes. */
const roundShare = 0.8;
/** Max wait in milliseconds until a changed interval applies. */
const maxSleepMs = 30_000;
/** Time in milliseconds for which prefixes are listed one by one after a list of their parent failed. */
const deniedMs = 3_600_000;

/** Dependencies of `IdleChecks`. */
export interface IdleServices {
  readonly store: Pick<ObjectStore, 'list'>;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly log: Logger;
  readonly settings: () => MirrorSettings;
  readonly budget: RequestBudget;
}

/** A prefix that is not expected to change. */
export interface IdlePrefix {
  readonly bucket: string;
  readonly prefix: string;
  /** Digest of the listing that the directory equals. */
  readonly digest: string;
  /** Reports that S3 listed the same at this time. */
  unchanged(atMs: number): void;
  /** Reports that S3 lists something else. */
  changed(): void;
}

/**
 * Checks idle prefixes for changes. The prefixes of a bucket share the lists, and all lists come from the budget of
 * requests.
 */
export class IdleChecks {
  readonly #services: IdleServices;
  readonly #prefixes = new Set<IdlePrefix>();
  readonly #stopping = new AbortController();
  /** Buckets whose common parents cannot be listed, with the time until which that is assumed. */
  readonly #deniedUntilMs = new Map<string, number>();
  #running: Promise<void> | null = null;
  #isBehind = false;
  #logged = '';

  constructor(services: IdleServices) {
    this.#services = services;
  }

  /** Checks a prefix from the next round on, until the returned function is called. */
  enroll(prefix: IdlePrefix): () => void {
    this.#prefixes.add(prefix);
    this.#running ??= this.#run();
    return () => void this.#prefixes.delete(prefix);
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { clock, settings } = this.#services;
    const { signal } = this.#stopping;
    for (let startedMs = clock.monotonicMs(); !signal.aborted; ) {
      const dueMs = startedMs + settings().idleIntervalMs * roundShare;
      const leftMs = dueMs - clock.monotonicMs();
      if (leftMs > 0) {
        await clock.sleep(Math.min(leftMs, maxSleepMs), signal).catch(() => undefined);
        continue;
      }
      startedMs = clock.monotonicMs();
      await this.#round();
      this.#report(clock.monotonicMs() - startedMs);
    }
  }

  /** Checks every prefix once. Never throws. */
  async #round(): Promise<void> {
    const buckets = groupBy(this.#prefixes, ({ bucket }) => bucket);
    for (const [bucket, prefixes] of buckets) {
      if (this.#stopping.signal.aborted) return;
      try {
        await this.#checkBucket(bucket, prefixes);
        this.#logged = '';
      } catch (error) {
        if (isFault(error, 'cancelled')) return;
        const fault = Fault.from(error);
        if (this.#logged !== fault.hint)
          this.#services.log.warn('idle check failed', { bucket, error: fault });
        this.#logged = fault.hint;
      }
    }
  }

  async #checkBucket(bucket: string, idle: readonly IdlePrefix[]): Promise<void> {
    const { clock } = this.#services;
    const byPrefix = groupBy(idle, ({ prefix }) => prefix);
    if (clock.monotonicMs() >= (this.#deniedUntilMs.get(bucket) ?? 0)) {
      try {
        await this.#check(bucket, byPrefix, byPrefix.keys());
        return;
      } catch (error) {
        // Each prefix may have its own access to the bucket, and the parent none.
        const fault = Fault.from(error);
        if (byPrefix.size === 1 || fault.isTransient || fault.kind === 'cancelled') throw fault;
        this.#deniedUntilMs.set(bucket, clock.monotonicMs() + deniedMs);
      }
    }
    for (const prefix of byPrefix.keys()) await this.#check(bucket, byPrefix, [prefix]);
  }

  async #check(
    bucket: string,
    idle: ReadonlyMap<string, readonly IdlePrefix[]>,
    prefixes: Iterable<string>,
  ): Promise<void> {
    const call = mirrorCall(this.#stopping.signal, this.#services.entropy, this.#services.log);
    let listedMs = 0;
    const list = async (parent: string, startAfter: string | null): Promise<ListPage> => {
      await this.#services.budget.take(call.signal);
      listedMs = this.#services.clock.nowMs();
      return await this.#list(call, bucket, parent, startAfter);
    };
    for await (const { prefix, digest } of sharedDigests(list, prefixes)) {
      for (const one of idle.get(prefix) ?? []) {
        if (!this.#prefixes.has(one)) continue;
        if (one.digest === digest) one.unchanged(listedMs);
        else one.changed();
      }
    }
  }

  #list(call: Call, bucket: string, prefix: string, startAfter: string | null): Promise<ListPage> {
    return this.#services.store.list(call, {
      bucket,
      prefix,
      delimiter: null,
      ...(startAfter === null ? {} : { startAfter }),
    });
  }

  /** Logs that the rounds take longer than promised, and that they no longer do. */
  #report(tookMs: number): void {
    const { log, settings } = this.#services;
    const isBehind = tookMs > settings().idleIntervalMs;
    if (isBehind && !this.#isBehind)
      log.warn('idle checks are behind: raise s3.idle.requests', {
        tookMs: Math.round(tookMs),
        prefixes: this.#prefixes.size,
      });
    this.#isBehind = isBehind;
  }
}

function groupBy<T>(items: Iterable<T>, nameOf: (item: T) => string): ReadonlyMap<string, readonly T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const group = groups.get(nameOf(item));
    if (group === undefined) groups.set(nameOf(item), [item]);
    else group.push(item);
  }
  return groups;
}
