import type { ReadAccess } from '../../model/encryption.js';
import type { ObjectRef } from '../../model/object-store.js';

/** The ETag and access of a content after it was re-encrypted. */
export interface RekeyedObject {
  readonly etag: string;
  readonly access: ReadAccess;
}

interface Watched {
  readers: number;
  /** Keyed by the ETag that the content had before. */
  readonly next: Map<string, RekeyedObject>;
}

/**
 * Remembers, for objects that are being read, which content was copied onto itself with another key. Objects
 * without readers are not remembered.
 */
export class RekeyedObjects {
  readonly #watched = new Map<string, Watched>();

  /** Starts watching an object, before its first byte is requested. Returns a function that stops it. */
  watch(ref: ObjectRef): () => void {
    const name = nameOf(ref);
    const watched = this.#watched.get(name) ?? { readers: 0, next: new Map<string, RekeyedObject>() };
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

  /** Records that the content with this ETag is now `successor`. */
  note(ref: ObjectRef, etag: string, successor: RekeyedObject): void {
    this.#watched.get(nameOf(ref))?.next.set(etag, successor);
  }

  /** Returns the successor of a content, or null if none is known. */
  after(ref: ObjectRef, { etag, access }: RekeyedObject): RekeyedObject | null {
    const next = this.#watched.get(nameOf(ref))?.next.get(etag);
    if (next === undefined) return null;
    // Ceph keeps the ETag when an object is copied onto itself.
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
