import { compareUtf8 } from '../../bytes/utf8-order.js';
import type { ListedObject, ListPage, ObjectChange } from '../../model/object-store.js';

/** Estimated memory of a page and of each of its names, in bytes, besides their text. */
const pageBytes = 1024;
const nameBytes = 256;

/** Names of a page from which on its directory is large. Lists of few names do not tell. */
const manyNames = 100;

/** Max names of a page that change before it is dropped. */
const maxChanged = 10_000;

interface Content {
  readonly objects: ReadonlyMap<string, ListedObject>;
  readonly prefixes: ReadonlySet<string>;
  /** The last key that the page covers. Null at the end of the prefix. */
  readonly end: string | null;
}

/**
 * One page of a listing by `/`, as S3 answered it. It covers the keys that begin with its prefix, from `after`
 * to its last key. It does not know the names that this process has changed since it was requested.
 */
export class ListedPage {
  readonly #prefix: string;
  /** The page begins behind this key. Null at the start of the prefix. */
  readonly #after: string | null;
  readonly #changed = new Set<string>();
  /** Whether this process has written or removed anything below the prefix. */
  #below = { written: false, removed: false };
  #content: Content | null = null;

  constructor(prefix: string, after: string | null) {
    this.#prefix = prefix;
    this.#after = after;
  }

  fill(page: ListPage): void {
    this.#content = {
      objects: new Map(page.objects.map((object) => [object.key, object])),
      prefixes: new Set(page.prefixes),
      end: page.continuation === null ? null : (lastOf(page) ?? this.#after ?? ''),
    };
  }

  /** Estimated memory in bytes. */
  get byteLength(): number {
    if (this.#content === null) return pageBytes;
    const { objects, prefixes } = this.#content;
    let bytes = pageBytes;
    for (const name of [...objects.keys(), ...prefixes]) bytes += nameBytes + 2 * name.length;
    return bytes;
  }

  /** True if the page begins at the start of its prefix, has many names, and ends before the last one. */
  get isFirstOfMany(): boolean {
    if (this.#content === null || this.#after !== null || this.#content.end === null) return false;
    return this.#content.objects.size + this.#content.prefixes.size >= manyNames;
  }

  /** True once so many names have changed that the page is not worth its memory. */
  get isOutdated(): boolean {
    return this.#changed.size > maxChanged;
  }

  /** Forgets an object that this process has changed, or a directory (`key/`) below which it has. */
  forget(key: string, change: ObjectChange): void {
    if (this.#content !== null && !this.covers(key)) return;
    // A directory with content stays one.
    if (change === 'written' && this.#content?.prefixes.has(key) === true) return;
    this.#changed.add(key);
  }

  /** Forgets whether the prefix itself is a directory, unless the change leaves no doubt. */
  forgetBelow(change: ObjectChange): void {
    this.#below[change] = true;
  }

  /** Returns the object, null if there is none, or undefined if the page does not know. */
  object(key: string): ListedObject | null | undefined {
    if (!this.covers(key) || this.#changed.has(key)) return undefined;
    return this.#content?.objects.get(key) ?? null;
  }

  /** Returns whether anything is below `key/`, or undefined if the page does not know. */
  isDirectory(key: string): boolean | undefined {
    const directory = `${key}/`;
    if (this.#content === null) return undefined;
    if (directory === this.#prefix) return this.#hasContent(this.#content);
    if (!this.covers(directory) || this.#changed.has(directory)) return undefined;
    return this.#content.prefixes.has(directory);
  }

  covers(key: string): boolean {
    if (this.#content === null || !key.startsWith(this.#prefix)) return false;
    const { end } = this.#content;
    const isAfter = this.#after === null || compareUtf8(key, this.#after) > 0;
    return isAfter && (end === null || compareUtf8(key, end) <= 0);
  }

  #hasContent({ objects, prefixes, end }: Content): boolean | undefined {
    if (objects.size + prefixes.size > 0) return this.#below.removed ? undefined : true;
    return this.#after === null && end === null && !this.#below.written ? false : undefined;
  }
}

/** Returns the last key or prefix of a page in S3's order, or null if it is empty. */
export function lastOf(page: ListPage): string | null {
  const object = page.objects.at(-1)?.key;
  const prefix = page.prefixes.at(-1);
  if (object === undefined || prefix === undefined) return object ?? prefix ?? null;
  return compareUtf8(object, prefix) > 0 ? object : prefix;
}
