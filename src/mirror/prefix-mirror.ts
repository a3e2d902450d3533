import { KeyedMutex } from '../concurrency/keyed-mutex.js';
import type { Call, Clock, Entropy } from '../model/call.js';
import { Fault } from '../model/fault.js';
import type {
  MirrorAction,
  MirrorPass,
  MirrorPrefix,
  MirrorPrefixStatus,
  MirrorProgress,
  MirrorState,
} from '../model/mirror.js';
import type { ObjectStore } from '../model/object-store.js';
import { Committer } from './disk/committer.js';
import { DiskSpace } from './disk/disk-space.js';
import type { DiskTools } from './disk/disk-tools.js';
import { type LocalDirectory, MirrorDisk } from './disk/mirror-disk.js';
import { removeMirroredFile } from './disk/remove-file.js';
import { initialStatus } from './initial-status.js';
import { checkKey, type KeyCheckResult } from './key-check.js';
import { LikelyAccess } from './likely-access.js';
import { type FetchServices, type MirrorTarget, ObjectFetches } from './object-fetches.js';
import type { MirrorVault } from './options.js';
import { adoptOrigin, hasOtherOrigin } from './origin.js';
import { EmptyListingGuard } from './plan/empty-listing.js';
import { type StartedListing, startListing } from './plan/listing.js';
import { checkedState } from './plan/local-check.js';
import { parentOf } from './plan/mirror-paths.js';
import { Pass } from './plan/pass.js';
import { plan } from './plan/plan.js';

/** Dependencies of `PrefixMirror`. */
export interface PrefixServices extends FetchServices {
  readonly vault: MirrorVault;
  readonly store: ObjectStore;
  readonly state: MirrorState;
  readonly entropy: Entropy;
  readonly clock: Clock;
  readonly tools: DiskTools;
  readonly checkpoint?: (step: string) => Promise<void>;
}

/** Dependencies of work on a single path. */
type PathServices = PrefixServices & { readonly target: MirrorTarget; readonly fetches: ObjectFetches };

/** Max objects of a pass that wait for a fetch slot or for the disk. */
const maxAhead = 1024;

/**
 * Interval in milliseconds at which even an unchanged status is recorded, for commands that run without a
 * gateway. A running gateway answers them itself.
 */
const statusEveryMs = 3_600_000;

/** Mirrors one prefix to its directory. Runs one pass at a time, with checks of single keys in parallel. */
export class PrefixMirror {
  readonly prefix: MirrorPrefix;
  readonly #services: PrefixServices;
  readonly #likely = new LikelyAccess();
  readonly #fetches: ObjectFetches;
  readonly #locks = new KeyedMutex<string>((path) => path);
  readonly #guard: EmptyListingGuard;
  #target: MirrorTarget | null = null;
  #pass: Pass | null = null;
  #status: MirrorPrefixStatus | null = null;
  #statusSavedMs = 0;
  #digest: string | null = null;

  constructor(services: PrefixServices, prefix: MirrorPrefix) {
    this.#services = services;
    this.prefix = prefix;
    this.#fetches = new ObjectFetches(services, prefix, this.#likely);
    this.#guard = new EmptyListingGuard(services, prefix);
  }

  /** Progress of the running pass; null between passes. */
  get progress(): MirrorProgress | null {
    return this.#pass?.progress ?? null;
  }

  /** Digest of the listing that the last pass compared completely; null if there was none. */
  get digest(): string | null {
    return this.#digest;
  }

  /** Records that S3 still listed at this time what the last pass compared. */
  confirm(atMs: number): void {
    if (this.#status?.lastPass?.result === 'complete') this.#status = { ...this.#status, completeMs: atMs };
  }

  /** Returns the status of this process, else the recorded one. */
  async status(): Promise<MirrorPrefixStatus> {
    const known = this.#status ?? (await this.#services.state.record(this.prefix.name))?.status;
    return known ?? initialStatus(this.prefix);
  }

  /**
   * Runs a pass: compares S3 with the directory and brings the directory up to date. Returns and records
   * the result, and never throws. Must not be called during a pass.
   */
  async run(call: Call): Promise<MirrorPass> {
    const { clock, settings } = this.#services;
    const startedMs = clock.nowMs();
    const started = clock.monotonicMs();
    const pass = new Pass(settings().keptProblems);
    this.#pass = pass;
    let result: Pick<MirrorPass, 'result' | 'text' | 'fault'>;
    try {
      await this.#compare(call, pass);
      result = { result: pass.problems.count === 0 ? 'complete' : 'problems', text: null, fault: null };
    } catch (error) {
      const fault = Fault.from(error);
      if (fault.kind === 'bug')
        call.log.error('mirror pass failed', { mirror: this.prefix.name, error: fault });
      const isCancelled = call.signal.aborted;
      result = { result: isCancelled ? 'cancelled' : 'failed', text: fault.hint, fault: fault.kind };
    } finally {
      this.#pass = null;
    }
    const done: MirrorPass = {
      startedMs,
      durationMs: clock.monotonicMs() - started,
      ...result,
      ...pass.counts,
    };
    await this.#conclude(call, pass, done);
    return done;
  }

  /** Yields what a pass would do now, without changing anything. Throws the store's faults. */
  async *dryRun(call: Call): AsyncGenerator<readonly MirrorAction[]> {
    this.#likely.keys = await this.prefix.keys();
    const disk = this.#target?.disk ?? (await MirrorDisk.inspect(this.prefix.directory));
    const listing = await startListing(this.#services.store, call, this.prefix);
    yield* this.#plan(disk, listing, await hasOtherOrigin(this.#services.state, this.prefix));
  }

  /**
   * Checks one key after an event. The result is `unclear` if only a pass can decide. Throws the faults of
   * the disk and the database.
   */
  async checkKey(call: Call, path: string): Promise<KeyCheckResult> {
    if (this.#likely.keys.length === 0) this.#likely.keys = await this.prefix.keys();
    return this.#alone(path, (services) => checkKey(services, this.prefix, call, path));
  }

  /**
   * Removes a file for a client: first the object, then the file. Throws as `MirrorRemoval.removeFile` does.
   */
  remove(call: Call, path: string, actor: string): Promise<void> {
    return this.#alone(path, (services) => removeMirroredFile(services, this.prefix, call, path, actor));
  }

  /** Locks the path against passes and checks, and marks it as newer than the running pass. */
  async #alone<T>(path: string, work: (services: PathServices) => Promise<T>): Promise<T> {
    const target = this.#target ?? (await this.#openTarget());
    this.#overtake(path);
    return this.#locks.runExclusive([path], async () => {
      const result = await work({ ...this.#services, target, fetches: this.#fetches });
      this.#overtake(path);
      return result;
    });
  }

  #overtake(path: string): void {
    if (this.#pass === null) return;
    for (let above = path; above !== ''; above = parentOf(above)) this.#pass.overtaken.add(above);
  }

  /** Resolves when no work on disk is running. Call it only when no pass and no check is running. */
  async idle(): Promise<void> {
    await this.#target?.committer.idle();
  }

  async #compare(call: Call, pass: Pass): Promise<void> {
    this.#digest = null;
    this.#likely.keys = await this.prefix.keys();
    const target = await this.#openTarget();
    const listing = await startListing(this.#services.store, call, this.prefix);
    await this.#guard.check(call, listing);
    const isOtherOrigin = await hasOtherOrigin(this.#services.state, this.prefix);
    try {
      for await (const actions of this.#plan(target.disk, listing, isOtherOrigin)) {
        for (const action of actions) await this.#act(call, target, pass, action);
        if (call.signal.aborted) throw new Fault('cancelled', 'the mirror is stopping');
      }
      pass.isListed = true;
    } finally {
      await pass.settle();
    }
    await this.#retryUnfitting(call, target, pass);
    await adoptOrigin(this.#services.state, this.prefix);
    await target.committer.idle();
    await this.#services.observations.flush();
    this.#digest = listing.digest();
  }

  #plan(
    disk: LocalDirectory,
    listing: StartedListing,
    isOtherOrigin: boolean,
  ): AsyncGenerator<readonly MirrorAction[]> {
    const { state, tools } = this.#services;
    return plan(listing.pages, checkedState(state, tools.stats, this.prefix.name, disk.root, isOtherOrigin), {
      maxPathBytes: disk.maxPathBytes,
      foldsCase: disk.foldsCase,
      keys: this.#likely.fingerprints,
    });
  }

  async #openTarget(): Promise<MirrorTarget> {
    const { entropy, state, settings } = this.#services;
    const { directory, name } = this.prefix;
    const before = this.#target;
    const disk =
      before === null
        ? await MirrorDisk.open(directory, entropy, this.#services.tools)
        : await before.disk.current(directory, entropy);
    if (before !== null && disk === before.disk) return before;
    const space = new DiskSpace(disk, () => settings().reserveBytes);
    this.#target = { disk, space, committer: new Committer(disk, state, name, this.#services.checkpoint) };
    return this.#target;
  }

  async #act(call: Call, target: MirrorTarget, pass: Pass, action: MirrorAction): Promise<void> {
    switch (action.kind) {
      case 'leave':
        pass.countUnchanged(action.size);
        return;
      case 'report':
        pass.report(action.problem);
        return;
      case 'fetch':
        await this.#fetch(call, target, pass, action);
        return;
      case 'make-directory': {
        const marker = action.marker && { ...action.marker, fingerprint: null };
        await target.committer.ready();
        pass.follow(target.committer.commit({ kind: action.kind, path: action.path, marker }), action.path);
        return;
      }
      default:
        await this.#remove(target, pass, action);
    }
  }

  async #remove(
    { committer }: MirrorTarget,
    pass: Pass,
    action: Extract<MirrorAction, { kind: 'delete' | 'forget' | 'remove-directory' }>,
  ): Promise<void> {
    const { kind, path } = action;
    // An event has changed this path since the listing, or is doing so now.
    if (pass.overtaken.has(path) || this.#locks.isLocked(path)) return;
    await committer.ready();
    if (action.kind === 'delete') {
      pass.deleted += 1;
      this.#fetches.removed(path, action.entry);
    }
    pass.follow(committer.commit({ kind, path }), path);
  }

  async #fetch(
    call: Call,
    target: MirrorTarget,
    pass: Pass,
    action: Extract<MirrorAction, { kind: 'fetch' }>,
  ): Promise<void> {
    const { path, object, entry } = action;
    pass.plannedFetch(object.size);
    if (pass.overtaken.has(path)) return;
    const standing = this.#fetches.failures.recentProblem(path, object.etag, this.#services.clock.nowMs());
    if (standing !== null) {
      pass.report(standing);
      return;
    }
    await target.committer.ready();
    await pass.admission(this.#services.settings().parallelFetches + maxAhead);
    const fetching = this.#locks.runExclusive([path], async () => {
      if (pass.overtaken.has(path)) return;
      const outcome = await this.#fetches.fetch(call, target, path, object, {
        entry,
        isIntact: false,
        newDirectories: [],
      });
      if (outcome.kind === 'placed') pass.fetchedOne(outcome.bytes);
      else if (outcome.kind === 'problem') pass.unfetched(outcome.problem, action);
    });
    pass.follow(fetching, path);
  }

  /**
   * Retries objects that did not fit, smallest first. Deletions and smaller versions may have freed space.
   */
  async #retryUnfitting(call: Call, target: MirrorTarget, pass: Pass): Promise<void> {
    for (const action of pass.takeUnfitting()) {
      await this.#fetch(call, target, pass, action);
      await pass.settle();
    }
    pass.reportUnfitting();
  }

  async #conclude(call: Call, pass: Pass, done: MirrorPass): Promise<void> {
    const { state, clock } = this.#services;
    const { name } = this.prefix;
    try {
      const before = await this.status();
      const { files, bytes } =
        pass.isListed && done.result !== 'failed'
          ? await state.totals(name)
          : { files: before.objects, bytes: before.bytes };
      const isComplete = done.result === 'complete';
      // A failed listing has no news about problems of single objects.
      const problems = pass.isListed
        ? { problemCount: pass.problems.count, problems: pass.problems.kept }
        : { problemCount: before.problemCount, problems: before.problems };
      this.#status = {
        ...initialStatus(this.prefix),
        objects: files,
        bytes,
        lastPass: done,
        completeMs: isComplete ? done.startedMs : before.completeMs,
        ...problems,
      };
      const isNews =
        done.fetched + done.deleted > 0 ||
        before.lastPass?.result !== done.result ||
        before.problemCount !== this.#status.problemCount;
      if (!isNews && clock.nowMs() - this.#statusSavedMs < statusEveryMs) return;
      const record = await state.record(name);
      await state.saveRecord(name, { origin: '', emptySeenMs: null, ...record, status: this.#status });
      this.#statusSavedMs = clock.nowMs();
    } catch (error) {
      call.log.warn('cannot record the mirror status', { mirror: name, error: Fault.from(error) });
    }
  }
}
