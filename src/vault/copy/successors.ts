import type { ReadAccess } from '../../model/encryption.js';
import type { ObjectRef } from '../../model/object-store.js';

/** Where a content is that was given another key. */
export interface Successor {
  readonly etag: string;
  readonly access: ReadAccess;
}

interface Watched {
  readers: number;
  /** By the ETag that the content had before. */
  readonly next: Map<string, Successor>;
}

/**
 * What objects that are being read were copied onto themselves as: the same content, known by the copy that made it. Nothing is
 * kept of objects that nobody reads.
 */
export class Successors {
  readonly #watched = new Map<string, Watched>();

  /** From before the first byte is asked for. Answers what ends it. */
  watch(ref: ObjectRef): () => void {
    const name = nameOf(ref);
    const watched = this.#watched.get(name) ?? { readers: 0, next: new Map<string, Successor>() };
    watched.readers += 1;
    this.#watched.set(name, watched);
    let isOver = false;
    return () => {
      if (isOver) return;
      isOver = true;
      watched.readers -= 1;
      if (watched.readers === 0) this.#watched.delete(name);
    };
  }

  /** The content of this ETag is now that. */
  note(ref: ObjectRef, etag: string, successor: Successor): void {
    this.#watched.get(nameOf(ref))?.next.set(etag, successor);
  }

  /** Null when the content is not known to be anywhere else. */
  after(ref: ObjectRef, { etag, access }: Successor): Successor | null {
    const next = this.#watched.get(nameOf(ref))?.next.get(etag);
    if (next === undefined) return null;
    // At Ceph a copy onto itself keeps the ETag.
    return next.etag === etag && isSame(next.access, access) ? null : next;
  }
}

function nameOf({ bucket, key }: ObjectRef): string {
  return `${bucket}/${key}`;
}

function isSame(one: ReadAccess, other: ReadAccess): boolean {
  if (one.kind === 'no-key' || other.kind === 'no-key') return one.kind === other.kind;
  return one.key.equals(other.key);
}
