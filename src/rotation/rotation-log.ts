import { noCounts, type RotationCounts, type RotationJob, type RotationProblem } from '../model/rotation.js';
import type { ObjectOutcome } from './rotate-object.js';
import type { RotationServices } from './services.js';

/** Progress is recorded at least this often: after a crash, the objects since then are checked again. */
const saveEveryMs = 1_000;
const saveEveryObjects = 500;

/** What a rotation has done so far. It is recorded in the order of the keys. */
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

  /** Adds the outcome of the next object in the order, and records it if it is time to. */
  async done(key: string, outcome: ObjectOutcome): Promise<void> {
    this.#cursor = key;
    this.add(outcome);
    const { clock } = this.#services;
    if (this.#unsaved >= saveEveryObjects || clock.monotonicMs() - this.#savedMs >= saveEveryMs) {
      await this.flush();
    }
  }

  /** Adds an outcome without its place in the order: that of an object found at the end. */
  add({ counts, problems }: ObjectOutcome): void {
    this.#counts = sum(this.#counts, counts);
    this.#problems.push(...problems);
    this.#unsaved += 1;
  }

  /** Records everything added so far. */
  async flush(): Promise<void> {
    if (this.#unsaved === 0 || this.#cursor === null) return;
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
