import { compareUtf8 } from '../../bytes/utf8-order.js';
import { Fault } from '../../model/fault.js';
import type { ListedObject, ListPage } from '../../model/object-store.js';
import { listedFile } from '../plan/listing.js';
import { ListingDigest } from './listing-digest.js';

/** The digest of everything below a prefix. */
export interface PrefixDigest {
  readonly prefix: string;
  readonly digest: string;
}

/** Returns a page of everything below `parent`, in the order of the keys, after `startAfter` (null: from the first). */
export type ListAfter = (parent: string, startAfter: string | null) => Promise<ListPage>;

/**
 * Lists many prefixes of a bucket with flat lists of their common parent, and yields the digest of each. A list that
 * ends below one prefix, or between two, continues at the next one, so there are never more lists than with one for
 * each prefix. Usually there are far fewer. Throws the faults of `list`.
 */
export async function* sharedDigests(
  list: ListAfter,
  prefixes: Iterable<string>,
): AsyncGenerator<PrefixDigest> {
  for (let left = [...prefixes].sort(compareUtf8); left.length > 0; ) {
    const { outer, inner } = withoutNested(left);
    yield* digestsBelow(list, commonParent(outer), outer);
    left = inner;
  }
}

async function* digestsBelow(
  list: ListAfter,
  parent: string,
  prefixes: readonly string[],
): AsyncGenerator<PrefixDigest> {
  let index = 0;
  let digest = new ListingDigest();
  let after: string | null = null;
  for (let prefix = prefixes[index]; prefix !== undefined; ) {
    const start: string | null = after ?? (prefix === parent ? null : prefix);
    const page = await list(parent, start);
    for (const object of page.objects) {
      while (prefix !== undefined && isBehind(object.key, prefix)) {
        yield { prefix, digest: digest.finish() };
        digest = new ListingDigest();
        index += 1;
        prefix = prefixes[index];
      }
      if (prefix === undefined) return;
      add(digest, prefix, object);
    }
    const last = page.objects.at(-1)?.key;
    if (page.continuation === null) {
      for (; prefix !== undefined; index += 1, prefix = prefixes[index]) {
        yield { prefix, digest: digest.finish() };
        digest = new ListingDigest();
      }
      return;
    }
    if (last === undefined || (start !== null && compareUtf8(last, start) <= 0))
      throw new Fault('unavailable', 'S3 returned a page of a listing without a next key');
    after = last.startsWith(prefix) ? last : null;
  }
}

/** Skips the marker of the prefix itself, as a pass does. */
function add(digest: ListingDigest, prefix: string, object: ListedObject): void {
  if (object.key === prefix || !object.key.startsWith(prefix)) return;
  digest.add(object.key.slice(prefix.length), listedFile(object));
}

/** Returns whether a listing that has reached the key has passed everything below the prefix. */
function isBehind(key: string, prefix: string): boolean {
  return !key.startsWith(prefix) && compareUtf8(key, prefix) > 0;
}

/** Separates prefixes below other prefixes of a sorted list, because a listing passes them at the same time. */
function withoutNested(sorted: readonly string[]): { readonly outer: string[]; readonly inner: string[] } {
  const outer: string[] = [];
  const inner: string[] = [];
  for (const prefix of sorted) {
    const above = outer.at(-1);
    if (above !== undefined && prefix.startsWith(above)) inner.push(prefix);
    else outer.push(prefix);
  }
  return { outer, inner };
}

/** Returns the longest path that all prefixes of a sorted list begin with. */
function commonParent(sorted: readonly string[]): string {
  const [first = '', last = ''] = [sorted[0], sorted.at(-1)];
  let length = 0;
  while (length < first.length && first[length] === last[length]) length += 1;
  return length === 0 ? '' : first.slice(0, first.lastIndexOf('/', length - 1) + 1);
}
