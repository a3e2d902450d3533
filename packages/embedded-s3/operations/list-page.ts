import { afterPrefix, compareKeys, justAfter } from '../key-order.js';

/** Position at which a listing continues: a key or, in lists with several rows per key, within it. */
export interface Position<P> {
  readonly key: string;
  /** Null: from the first row of the key. */
  readonly within: P | null;
}

/** The request for a list. */
export interface PageRequest<P> {
  readonly prefix: string;
  /** Empty for none. */
  readonly delimiter: string;
  readonly from: Position<P>;
  /** Common prefixes that this begins with were on an earlier page. */
  readonly marker: string;
  readonly limit: number;
}

export interface Page<R> {
  readonly rows: readonly R[];
  /** In order. Each ends with the delimiter. */
  readonly prefixes: readonly string[];
  readonly isTruncated: boolean;
  /** The last row or prefix on the page; null for an empty page. */
  readonly last:
    | { readonly kind: 'row'; readonly row: R }
    | { readonly kind: 'prefix'; readonly prefix: string }
    | null;
}

const maxRowsPerFetch = 1001;

/**
 * Returns one page of a list in the order of its keys. A delimiter groups keys into common
 * prefixes. A common prefix counts as one entry and costs one look-up in the index and one row, however many
 * keys it has. After a common prefix, one row is fetched, then twice as many each time, because another common
 * prefix often follows.
 *
 * @param fetch returns rows from a position (included) up to a key (excluded; null for no bound),
 *   in order
 */
export function listPage<R extends { readonly key: string }, P>(
  request: PageRequest<P>,
  fetch: (from: Position<P>, upper: string | null, limit: number) => readonly R[],
): Page<R> {
  const { prefix, delimiter, limit, marker } = request;
  const upper = afterPrefix(prefix);
  const rows: R[] = [];
  const prefixes: string[] = [];
  let last: Page<R>['last'] = null;
  let from: Position<P> | null = request.from;
  /** Max rows of the next fetch, and the number of them that have been seen from this position. */
  let size = maxRowsPerFetch;
  let seen = 0;
  while (from !== null) {
    const wanted = Math.min(size, seen + limit - rows.length - prefixes.length + 1);
    const found = fetch(from, upper, wanted);
    const isLast = found.length < wanted || wanted < size;
    const fresh = found.slice(seen);
    seen = found.length;
    size = Math.min(size * 2, maxRowsPerFetch);
    const start: Position<P> = from;
    from = isLast ? null : start;
    for (const row of fresh) {
      const common = commonPrefix(row.key, prefix, delimiter);
      const isSeen = common !== null && (common === prefixes.at(-1) || marker.startsWith(common));
      if (!isSeen && rows.length + prefixes.length >= limit) {
        return { rows, prefixes, isTruncated: limit > 0, last };
      }
      if (common === null) {
        rows.push(row);
        last = { kind: 'row', row };
        continue;
      }
      if (!isSeen) {
        prefixes.push(common);
        last = { kind: 'prefix', prefix: common };
      }
      const beyond = afterPrefix(common);
      from = beyond === null ? null : { key: beyond, within: null };
      size = 1;
      seen = 0;
      break;
    }
  }
  return { rows, prefixes, isTruncated: false, last };
}

/**
 * Returns the first key that may follow a marker: the next one or, if the marker is a common prefix
 * of this listing, the one after everything below it. Never returns a key before the prefix.
 */
export function keyAfterMarker(marker: string, prefix: string, delimiter: string): string {
  if (marker === '') return prefix;
  const isPrefix = marker.startsWith(prefix) && commonPrefix(marker, prefix, delimiter) === marker;
  const after = (isPrefix ? afterPrefix(marker) : null) ?? justAfter(marker);
  return compareKeys(after, prefix) < 0 ? prefix : after;
}

function commonPrefix(key: string, prefix: string, delimiter: string): string | null {
  if (delimiter === '') return null;
  const end = key.indexOf(delimiter, prefix.length);
  return end < 0 ? null : key.slice(0, end + delimiter.length);
}
