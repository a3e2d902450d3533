import { TaskSet } from '../../concurrency/task-set.js';
import { isFault } from '../../model/fault.js';
import type { MirrorAction, MirrorPass, MirrorProblem, MirrorProgress } from '../../model/mirror.js';
import { describeDiskError } from '../object-fetches.js';
import { ProblemList } from '../problem-list.js';

type Fetch = Extract<MirrorAction, { kind: 'fetch' }>;

/**
 * Max objects that did not fit on the disk and are retried at the end of the pass. The next pass tries the
 * others.
 */
const maxRetried = 1000;
const maxRemembered = 10 * maxRetried;

/** Progress, problems and running work of one pass. */
export class Pass {
  readonly problems: ProblemList;
  /** Paths with events since the pass began. The pass may have outdated information about them. */
  readonly overtaken = new Set<string>();
  /** True once the listing has ended. */
  isListed = false;
  deleted = 0;
  #listed = 0;
  #unchanged = 0;
  #fetched = 0;
  #fetchedBytes = 0;
  #toFetch = 0;
  #toFetchBytes = 0;
  #unfitting: { readonly problem: MirrorProblem; readonly action: Fetch }[] = [];
  readonly #tasks = new TaskSet();
  #failure: { readonly error: unknown } | null = null;

  constructor(keptProblems: number) {
    this.problems = new ProblemList(keptProblems);
  }

  get progress(): MirrorProgress {
    return {
      listed: this.#listed,
      fetched: this.#fetched,
      fetchedBytes: this.#fetchedBytes,
      toFetch: this.#toFetch,
      toFetchBytes: this.#toFetchBytes,
      listingDone: this.isListed,
    };
  }

  get counts(): Pick<MirrorPass, 'listed' | 'fetched' | 'fetchedBytes' | 'deleted' | 'unchanged'> {
    return {
      listed: this.#listed,
      fetched: this.#fetched,
      fetchedBytes: this.#fetchedBytes,
      deleted: this.deleted,
      unchanged: this.#unchanged,
    };
  }

  countUnchanged(_size: number): void {
    this.#listed += 1;
    this.#unchanged += 1;
  }

  report(problem: MirrorProblem): void {
    this.#listed += 1;
    this.problems.add(problem);
  }

  plannedFetch(size: number): void {
    this.#listed += 1;
    this.#toFetch += 1;
    this.#toFetchBytes += size;
  }

  fetchedOne(bytes: number): void {
    this.#fetched += 1;
    this.#fetchedBytes += bytes;
  }

  unfetched(problem: MirrorProblem, action: Fetch): void {
    const isRetried = problem.kind === 'no-room' && this.#unfitting.length < maxRemembered;
    if (isRetried) this.#unfitting.push({ problem, action });
    else this.problems.add(problem);
  }

  /** Returns the objects to retry, smallest first, and reports the others. */
  takeUnfitting(): readonly Fetch[] {
    const sorted = this.#unfitting.sort((one, other) => one.action.object.size - other.action.object.size);
    this.#unfitting = [];
    for (const { problem } of sorted.slice(maxRetried)) this.problems.add(problem);
    const retried = sorted.slice(0, maxRetried).map(({ action }) => action);
    this.#listed -= retried.length;
    this.#toFetch -= retried.length;
    for (const { object } of retried) this.#toFetchBytes -= object.size;
    return retried;
  }

  reportUnfitting(): void {
    for (const { problem } of this.#unfitting) this.problems.add(problem);
    this.#unfitting = [];
  }

  /**
   * Adds work that runs in parallel to the pass. An error becomes a problem, or the failure of the whole
   * pass.
   */
  follow(work: Promise<void>, path: string): void {
    this.#tasks.add(
      work.catch((error: unknown) => {
        if (isFault(error, 'conflict', 'exists')) {
          this.problems.add({ kind: 'in-the-way', path, size: 0, text: error.hint });
        } else if (isFault(error)) this.#failure ??= { error };
        else this.problems.add({ kind: 'failed', path, size: 0, text: describeDiskError(error) });
      }),
    );
  }

  /** Resolves when fewer than `max` tasks are running. Throws the fault that ended the pass. */
  async admission(max: number): Promise<void> {
    await this.#tasks.below(max);
    if (this.#failure !== null) throw this.#failure.error;
  }

  /** Resolves when no task is running. Throws the fault that ended the pass. */
  async settle(): Promise<void> {
    await this.#tasks.idle();
    if (this.#failure !== null) throw this.#failure.error;
  }
}
