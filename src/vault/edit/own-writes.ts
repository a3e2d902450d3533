import type { ObjectRef } from '../../model/object-store.js';

/** The object that a write of this process has created, and the user or job that it was for. */
export interface OwnWrite {
  readonly ref: ObjectRef;
  readonly actor: string;
  readonly etag: string;
}

/** Max objects to remember. The gateway forgets the one first that it has not written for the longest time. */
const maxObjects = 10_000;

/** Remembers the last write of this process to each object. */
export class OwnWrites {
  readonly #latest = new Map<string, OwnWrite>();

  /** Records a write. Call it before another write to the object can begin. */
  note({ ref, actor, etag }: OwnWrite): void {
    const name = nameOf(ref);
    // Deleted first, so that the oldest entries stay at the front of the map.
    this.#latest.delete(name);
    this.#latest.set(name, { ref, actor, etag });
    for (const oldest of this.#latest.keys()) {
      if (this.#latest.size <= maxObjects) break;
      this.#latest.delete(oldest);
    }
  }

  /** Returns the last write to this object for this actor, or null if another write or none is remembered. */
  latest(ref: ObjectRef, actor: string): OwnWrite | null {
    const latest = this.#latest.get(nameOf(ref));
    return latest?.actor === actor ? latest : null;
  }
}

function nameOf({ bucket, key }: ObjectRef): string {
  return `${bucket}/${key}`;
}
