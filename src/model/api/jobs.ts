import type { FaultKind } from '../fault.js';

/** The kinds of long work. */
export const jobKinds = [
  'copy-tree',
  'move-tree',
  'remove-tree',
  'prove-key',
  'destroy-key',
  'verify-ledger',
  'rebuild-ledger',
  'verify-audit',
  'doctor',
] as const;
export type JobKind = (typeof jobKinds)[number];

/**
 * `waiting` jobs run when a place is free, also after a restart. `paused` jobs wait for a person. The other states
 * are final.
 */
export type JobState = 'waiting' | 'running' | 'paused' | 'done' | 'failed' | 'cancelled';

/** Long work that outlives its client and the process. Its request, progress and result never contain a secret. */
export interface Job {
  readonly id: string;
  readonly kind: JobKind;
  readonly request: unknown;
  readonly state: JobState;
  /** Counts so far, such as `{"objects": 12}`; null before the first. */
  readonly progress: Readonly<Record<string, number>> | null;
  /** The point where the work resumes after an interruption; null for the beginning. */
  readonly position: unknown;
  /** Null until it is done. */
  readonly result: unknown;
  readonly fault: { readonly kind: FaultKind; readonly text: string } | null;
  /** The person that began it. */
  readonly person: string;
  readonly createdMs: number;
  readonly updatedMs: number;
  readonly finishedMs: number | null;
}

/** The jobs of a root. Changes are durable when a method resolves. */
export interface Jobs {
  /** Throws `over-quota` if too many jobs are not finished. */
  begin(kind: JobKind, request: unknown, person: string): Promise<Job>;
  find(id: string): Promise<Job | null>;
  /** Returns a job of this kind and request that is not finished; null for none. */
  findOpen(kind: JobKind, request: unknown): Promise<Job | null>;
  /** Returns the jobs, the newest first: at most `limit` after the job `after`. */
  list(after: string | null, limit: number): Promise<readonly Job[]>;
  /** Returns the newest job of a kind that is done; null for none. */
  lastDone(kind: JobKind): Promise<Job | null>;
  /** Makes the jobs of ended processes wait again. */
  recover(): Promise<void>;
  /** Makes the oldest waiting job run, and returns it; null if none waits. */
  claim(): Promise<Job | null>;
  /** Records progress of a running job. */
  advance(id: string, progress: Readonly<Record<string, number>>, position: unknown): Promise<void>;
  /** Ends a running job. */
  finish(
    id: string,
    outcome:
      | { readonly result: unknown }
      | { readonly fault: { readonly kind: FaultKind; readonly text: string } },
  ): Promise<void>;
  /**
   * Changes the state from one of `from`. Returns the changed job, or null if it is in another state or does not
   * exist.
   */
  change(id: string, from: readonly JobState[], to: JobState): Promise<Job | null>;
}
