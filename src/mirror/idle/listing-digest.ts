import { createHash } from 'node:crypto';
import type { ListedFile } from '../../model/mirror.js';

/** A digest of a listing: two listings with the same digest show the same objects. */
export class ListingDigest {
  readonly #hash = createHash('sha256');

  /** Adds an object; `path` is below the prefix. The order counts. */
  add(path: string, { etag, size, lastModifiedMs }: ListedFile): void {
    this.#hash.update(`${path}\0${etag}\0${size}\0${lastModifiedMs}\n`);
  }

  /** Returns the digest. Nothing can be added afterwards. */
  finish(): string {
    return this.#hash.digest('base64');
  }
}
