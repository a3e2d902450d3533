import { decodeCursor, defaultPageSize, encodeCursor, type PageQuery } from '../api/description/page.js';
import { Fault } from '../model/fault.js';

/**
 * Returns the page of a list behind the item that the cursor names, whatever the list is sorted by. Throws
 * `invalid` if that item is not in the list any more.
 */
export function pageBehind<T>(
  list: readonly T[],
  { limit = defaultPageSize, cursor }: PageQuery,
  idOf: (item: T) => string,
): { readonly items: T[]; readonly next: string | null } {
  const after = decodeCursor(cursor, 1)?.[0];
  const at = after === undefined ? -1 : list.findIndex((item) => idOf(item) === after);
  if (after !== undefined && at === -1) {
    throw new Fault('invalid', 'the item of the cursor is not in the list any more: start without a cursor');
  }
  const items = list.slice(at + 1, at + 1 + limit);
  const last = items.at(-1);
  const isLast = at + 1 + limit >= list.length;
  return { items, next: isLast || last === undefined ? null : encodeCursor([idOf(last)]) };
}
