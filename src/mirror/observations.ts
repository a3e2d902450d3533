import type { Logger } from '../model/call.js';
import { Fault } from '../model/fault.js';
import type { Observation, ObservedObjects } from '../model/ledger.js';
import type { ObjectRef } from '../model/object-store.js';

/** Observations per commit, because each commit waits for the disk. */
const batch = 1024;
const actor = 'mirror';

/**
 * Records in the ledger which key opened each object, in batches. The mirror has the key in its own state. A
 * record lost in a crash costs other readers one try with another key, and is made again when the object
 * changes.
 */
export class KeyObservations {
  readonly #observed: ObservedObjects | null;
  readonly #log: Logger;
  #seen: Observation[] = [];
  #removed: { readonly ref: ObjectRef; readonly etag: string }[] = [];
  #recording: Promise<void> = Promise.resolve();

  constructor(observed: ObservedObjects | null, log: Logger) {
    this.#observed = observed;
    this.#log = log;
  }

  opened(observation: Observation): void {
    this.#seen.push(observation);
    if (this.#seen.length >= batch) this.#record();
  }

  removed(ref: ObjectRef, etag: string): void {
    this.#removed.push({ ref, etag });
    if (this.#removed.length >= batch) this.#record();
  }

  /** Resolves when everything is recorded. Logs errors and never throws. */
  async flush(): Promise<void> {
    this.#record();
    await this.#recording;
  }

  #record(): void {
    const seen = this.#seen;
    const removed = this.#removed;
    this.#seen = [];
    this.#removed = [];
    const observed = this.#observed;
    if (observed === null || seen.length + removed.length === 0) return;
    this.#recording = this.#recording
      .then(async () => {
        if (removed.length > 0) await observed.recordRemovals(removed, actor);
        if (seen.length > 0) await observed.observe(seen, actor);
      })
      .catch((error: unknown) => {
        this.#log.warn('cannot record the keys of mirrored objects', {
          error: Fault.from(error),
        });
      });
  }
}
