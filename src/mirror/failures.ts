import type { MirrorProblem } from '../model/mirror.js';

interface Failure {
  readonly etag: string;
  readonly count: number;
  readonly retryMs: number;
  readonly problem: MirrorProblem;
}

const firstPauseMs = 5_000;
const maxPauseMs = 10 * 60_000;
const maxRemembered = 10_000;

/**
 * Remembers objects that could not be fetched for a reason outside the gateway. They are retried at growing
 * intervals, so that an object damaged at S3 is not downloaded in every pass.
 */
export class Failures {
  readonly #byPath = new Map<string, Failure>();

  record(path: string, etag: string, problem: MirrorProblem, nowMs: number): void {
    const earlier = this.#byPath.get(path);
    const count = earlier?.etag === etag ? earlier.count + 1 : 1;
    const pauseMs = Math.min(maxPauseMs, firstPauseMs * 2 ** (count - 1));
    this.#byPath.delete(path);
    this.#byPath.set(path, { etag, count, retryMs: nowMs + pauseMs, problem });
    if (this.#byPath.size <= maxRemembered) return;
    for (const oldest of this.#byPath.keys()) {
      this.#byPath.delete(oldest);
      return;
    }
  }

  forget(path: string): void {
    this.#byPath.delete(path);
  }

  /** Returns the last problem of this version while it is too early to retry it, else null. */
  recentProblem(path: string, etag: string, nowMs: number): MirrorProblem | null {
    const failure = this.#byPath.get(path);
    return failure?.etag === etag && nowMs < failure.retryMs ? failure.problem : null;
  }
}
