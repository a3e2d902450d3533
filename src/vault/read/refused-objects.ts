import type { Call, Clock } from '../../model/call.js';
import type { CustomerKey } from '../../model/customer-key.js';
import { type Fault, isFault } from '../../model/fault.js';
import { findListed } from '../../model/list-pages.js';
import type { ListedObject, ObjectRef, ObjectStore } from '../../model/object-store.js';

const maxObjects = 1_000;
/** Time in milliseconds for which a refusal is remembered. */
const keptMs = 600_000;
/**
 * Min age of a remembered object in milliseconds, by S3's time. S3 refuses requests of a clock that is off by more. A
 * younger object may have replaced the one that the keys were tried on.
 */
const minAgeMs = 900_000;

interface Refusal {
  readonly listed: ListedObject;
  readonly tried: string;
  readonly fault: Fault;
  readonly untilMs: number;
}

/**
 * Remembers objects that no key opens, because each attempt costs a request for each key. As long as the listing shows
 * the same object, the same keys are not tried again.
 */
export class RefusedObjects {
  readonly #store: Pick<ObjectStore, 'list'>;
  readonly #clock: Clock;
  /** In the order of their insertion. */
  readonly #refusals = new Map<string, Refusal>();

  constructor(store: Pick<ObjectStore, 'list'>, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  /** Runs `open`, which tries the keys. Throws its last fault without running it if the refusal is remembered. */
  async guard<T>(
    call: Call,
    ref: ObjectRef,
    keys: readonly CustomerKey[],
    open: () => Promise<T>,
  ): Promise<T> {
    const name = `${ref.bucket}/${ref.key}`;
    const tried = keys.map(({ fingerprint }) => fingerprint).join();
    const known = this.#refusals.get(name);
    if (known !== undefined) {
      if (known.tried === tried && this.#clock.monotonicMs() < known.untilMs) {
        const listed = await this.#listed(call, ref);
        if (listed !== null && isSame(listed, known.listed)) throw known.fault;
      }
      this.#refusals.delete(name);
    }
    const startedMs = this.#clock.nowMs();
    try {
      return await open();
    } catch (error) {
      if (isFault(error, 'key-mismatch', 'key-missing')) {
        const listed = await this.#listed(call, ref);
        if (listed !== null && listed.lastModifiedMs < startedMs - minAgeMs)
          this.#remember(name, {
            listed,
            tried,
            fault: error,
            untilMs: this.#clock.monotonicMs() + keptMs,
          });
      }
      throw error;
    }
  }

  #remember(name: string, refusal: Refusal): void {
    this.#refusals.set(name, refusal);
    if (this.#refusals.size <= maxObjects) return;
    for (const oldest of this.#refusals.keys()) {
      this.#refusals.delete(oldest);
      return;
    }
  }

  /** Returns null if the object is not listed or must not be. */
  async #listed(call: Call, ref: ObjectRef): Promise<ListedObject | null> {
    return await findListed(this.#store, call, ref).catch(() => null);
  }
}

function isSame(one: ListedObject, other: ListedObject): boolean {
  return one.etag === other.etag && one.size === other.size && one.lastModifiedMs === other.lastModifiedMs;
}
