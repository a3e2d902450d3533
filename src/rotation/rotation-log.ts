import { noCounts, type RotationCounts, type RotationJob, type RotationProblem } from '../model/rotation.js';
import type { ObjectOutcome } from './rotate-object.js';
import type { RotationServices } from './services.js';

/**
 * Bounds between two records of the progress. After a crash, the objects since the last record are checked
 * again.
 */
const saveEveryMs = 1_000;
const saveEveryObjects = 500;

/** Counts and problems of a running rotation. They are recorded in key order. */
export class RotationLog {
  readonly #services: Pick<RotationServices, 'jobs' | 'clock'>;
  readonly #job: RotationJob;
  #counts: RotationCounts;
  #cursor: string | null;
  #problems: RotationProblem[] = [];
  #unsaved = 0;
  #savedMs: number;

  constructor(services: Pick<RotationServices, 'jobs' | 'clock'>, job: RotationJob) {
    this.#services = services;
    this.#job = job;
    this.#counts = job.counts;
    this.#cursor = job.cursor;
    this.#savedMs = services.clock.monotonicMs();
  }

  get counts(): RotationCounts {
    return this.#counts;
  }

  /** Adds the outcome of the next object in key order. Records the progress if it is due. */
  async done(key: string, outcome: ObjectOutcome): Promise<void> {
    this.#cursor = key;
    this.add(outcome);
    const { clock } = this.#services;
    if (this.#unsaved >= saveEveryObjects || clock.monotonicMs() - this.#savedMs >= saveEveryMs) {
      await this.flush();
    }
  }

  /** Adds the outcome of an object found at the end, outside the key order. */
  add({ counts, problems }: ObjectOutcome): void {
    this.#counts = sum(this.#counts, counts);
    this.#problems.push(...problems);
    this.#unsaved += 1;
  }

  /** Records all outcomes added so far. */
  async flush(): Promise<void> {
    if (this.#unsaved === 0) return;
    const problems = this.#problems.splice(0);
    this.#unsaved = 0;
    this.#savedMs = this.#services.clock.monotonicMs();
    await this.#services.jobs.advance(this.#job.id, this.#cursor, this.#counts, problems);
  }
}

function sum(one: RotationCounts, other: RotationCounts): RotationCounts {
  const names = Object.keys(noCounts) as (keyof RotationCounts)[];
  const entries = names.map((name) => [name, one[name] + other[name]] as const);
  return { ...noCounts, ...Object.fromEntries(entries) };
}
