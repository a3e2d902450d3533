import { Semaphore } from '../concurrency/semaphore.js';
import type { Call } from '../model/call.js';
import { Fault } from '../model/fault.js';
import type {
  MirrorAction,
  MirrorControl,
  MirrorPass,
  MirrorPrefix,
  MirrorPrefixStatus,
  MirrorRemoval,
  MirrorUse,
} from '../model/mirror.js';
import type { LiveMirrorStatus, MirrorRunEvent, MirrorRuns } from '../model/mirror-runs.js';
import { ClearedDirectories } from './disk/clear.js';
import { DiskTools } from './disk/disk-tools.js';
import { IdleChecks } from './idle/idle-checks.js';
import { RequestBudget } from './idle/request-budget.js';
import { mirrorCall } from './mirror-call.js';
import { KeyObservations } from './observations.js';
import { defaultMirrorSettings, type MirrorOptions, type MirrorSettings } from './options.js';
import { PrefixMirror, type PrefixServices } from './prefix-mirror.js';
import { PrefixRunner, type RunnerServices } from './prefix-runner.js';

/** The mirror. Disposing it stops running passes; the next start resumes them. */
export interface Mirror extends MirrorControl, MirrorRemoval, MirrorRuns, MirrorUse, AsyncDisposable {
  /**
   * Starts following the sources: passes over every prefix now and at intervals. Later calls have no effect.
   */
  start(): void;
  /** Runs one pass over a prefix, after any running pass. Throws `not-found` for an unknown prefix. */
  runOnce(prefix: string): Promise<MirrorPass>;
  /**
   * Returns what a pass would do now, in order and in batches. Throws `not-found` for an unknown prefix, and
   * the store's faults.
   */
  dryRun(prefix: string): AsyncIterable<readonly MirrorAction[]>;
}

/** Interval in milliseconds between checks for new users, changed settings and new keys. */
const sourcesEveryMs = 2_000;
const progressEveryMs = 250;

/** Keeps directories identical to prefixes of buckets. Does nothing before `start` or `runOnce`. */
export function createMirror(options: MirrorOptions): Mirror {
  return new SourcesMirror(options);
}

class SourcesMirror implements Mirror {
  readonly #options: MirrorOptions;
  readonly #services: PrefixServices & RunnerServices;
  readonly #runners = new Map<string, PrefixRunner>();
  readonly #cleared: ClearedDirectories;
  readonly #stopping = new AbortController();
  #following: Promise<void> | null = null;

  constructor(options: MirrorOptions) {
    this.#options = options;
    const settings = (): MirrorSettings => ({ ...defaultMirrorSettings, ...options.settings?.() });
    const { parallelFetches, parallelPasses } = settings();
    const budget = new RequestBudget(options.clock, () => settings().idleRequestsPerMinute);
    this.#services = {
      ...options,
      settings,
      budget,
      idle: new IdleChecks({ ...options, settings, budget }),
      prefixCount: () => this.#runners.size,
      hasEvents: options.hasEvents ?? (() => false),
      changed: options.changed ?? (() => undefined),
      slots: new Semaphore(parallelFetches),
      passes: new Semaphore(parallelPasses),
      observations: new KeyObservations(options.observed ?? null, options.log),
      tools: new DiskTools(),
    };
    this.#cleared = new ClearedDirectories(this.#services);
  }

  start(): void {
    this.#following ??= this.#follow();
  }

  keyChanged(bucket: string, key: string): void {
    for (const runner of this.#runners.values()) {
      const { prefix } = runner.mirror;
      if (prefix.bucket === bucket && key.startsWith(prefix.prefix)) {
        runner.keyChanged(key.slice(prefix.prefix.length));
      }
    }
  }

  sessionOpened(names: readonly string[]): () => void {
    const closed = names.flatMap((name) => this.#runners.get(name)?.opened() ?? []);
    return () => {
      for (const close of closed) close();
    };
  }

  async status(): Promise<readonly MirrorPrefixStatus[]> {
    return (await this.liveStatus()).map(({ status }) => status);
  }

  async liveStatus(): Promise<readonly LiveMirrorStatus[]> {
    const known: LiveMirrorStatus[] = [];
    for (const prefix of (await this.#options.sources.list()).prefixes) {
      const runner = this.#runners.get(prefix.name);
      known.push(await (runner ?? this.#idleRunner(prefix)).presence());
    }
    return known;
  }

  async runOnce(name: string): Promise<MirrorPass> {
    return (await this.#runnerOf(name)).runOnce();
  }

  async run(names: readonly string[] | null, report: (event: MirrorRunEvent) => void): Promise<void> {
    const wanted = names ?? (await this.#options.sources.list()).prefixes.map(({ name }) => name);
    const runners: PrefixRunner[] = [];
    for (const name of wanted) runners.push(await this.#runnerOf(name));
    for (const runner of runners) {
      const { mirror } = runner;
      const { name } = mirror.prefix;
      const reportProgress = () => report({ kind: 'progress', name, progress: mirror.progress });
      const timer = setInterval(reportProgress, progressEveryMs);
      try {
        await runner.runOnce();
      } finally {
        clearInterval(timer);
      }
      report({ kind: 'done', status: await mirror.status() });
    }
  }

  async removeFile(call: Call, name: string, path: string, actor: string): Promise<void> {
    const runner = await this.#runnerOf(name);
    await runner.remove(call, path, actor);
  }

  async *dryRun(name: string): AsyncGenerator<readonly MirrorAction[]> {
    const { mirror } = await this.#runnerOf(name);
    yield* mirror.dryRun(this.#call());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort();
    await this.#following;
    await this.#services.idle.stop();
    await Promise.all([...this.#runners.values()].map((runner) => runner.stop()));
    this.#runners.clear();
    await this.#services.observations.flush();
    await this.#services.tools[Symbol.asyncDispose]();
  }

  #call(): Call {
    return mirrorCall(this.#stopping.signal, this.#options.entropy, this.#options.log);
  }

  async #follow(): Promise<void> {
    const { clock, log } = this.#options;
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      try {
        await this.#refresh();
      } catch (error) {
        log.warn('cannot read the mirror sources', { error: Fault.from(error) });
      }
      await clock.sleep(sourcesEveryMs, signal).catch(() => undefined);
    }
  }

  /**
   * Starts new prefixes, stops removed ones, and checks the keys of the others. Directories of removed
   * prefixes stay, unless the sources list them as cleared.
   */
  async #refresh(): Promise<void> {
    const wanted = new Map<string, MirrorPrefix>();
    const { prefixes, cleared } = await this.#options.sources.list();
    for (const prefix of prefixes) wanted.set(prefix.name, prefix);
    for (const [name, runner] of this.#runners) {
      const prefix = wanted.get(name);
      if (prefix !== undefined && isSameTarget(prefix, runner.mirror.prefix)) continue;
      this.#runners.delete(name);
      await runner.stop();
    }
    for (const prefix of wanted.values()) {
      if (this.#stopping.signal.aborted) return;
      const known = this.#runners.get(prefix.name);
      const runner = known ?? this.#newRunner(prefix);
      if (known === undefined || !known.isFollowing) runner.follow();
      else await runner.checkKeys(prefix.keysStamp);
    }
    await this.#cleared.clear(cleared, this.#stopping.signal);
  }

  /** Creates a runner that does nothing by itself. */
  #idleRunner(prefix: MirrorPrefix): PrefixRunner {
    return new PrefixRunner(this.#services, new PrefixMirror(this.#services, prefix));
  }

  #newRunner(prefix: MirrorPrefix): PrefixRunner {
    const runner = this.#idleRunner(prefix);
    this.#runners.set(prefix.name, runner);
    return runner;
  }

  async #runnerOf(name: string): Promise<PrefixRunner> {
    const known = this.#runners.get(name);
    if (known !== undefined) return known;
    const { prefixes } = await this.#options.sources.list();
    const prefix = prefixes.find((one) => one.name === name);
    if (prefix !== undefined) return this.#newRunner(prefix);
    const names = prefixes.map((one) => one.name).join(', ');
    throw new Fault('not-found', `no mirrored prefix is named ${name}; the names are: ${names || 'none'}`);
  }
}

function isSameTarget(one: MirrorPrefix, other: MirrorPrefix): boolean {
  return one.bucket === other.bucket && one.prefix === other.prefix && one.directory === other.directory;
}
