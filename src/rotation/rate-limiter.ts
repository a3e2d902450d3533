import type { Clock } from '../model/call.js';
import type { RotationPace } from '../model/rotation.js';

/** Limits how fast copies begin. Spaces them evenly by count and by size, without bursts. */
export class RateLimiter {
  readonly #clock: Clock;
  readonly #pace: RotationPace;
  #nextMs = 0;

  constructor(clock: Clock, pace: RotationPace) {
    this.#clock = clock;
    this.#pace = pace;
  }

  /** Resolves when a copy of this size may begin. */
  async admit(bytes: number, signal: AbortSignal): Promise<void> {
    const nowMs = this.#clock.monotonicMs();
    const startMs = Math.max(nowMs, this.#nextMs);
    const { objectsPerSecond, bytesPerSecond } = this.#pace;
    const forObject = objectsPerSecond === null ? 0 : 1000 / objectsPerSecond;
    const forBytes = bytesPerSecond === null ? 0 : (1000 * bytes) / bytesPerSecond;
    this.#nextMs = startMs + Math.max(forObject, forBytes);
    if (startMs > nowMs) await this.#clock.sleep(startMs - nowMs, signal);
  }
}
