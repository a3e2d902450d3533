import Type, { type TSchema } from 'typebox';
import { Fault } from '../../model/fault.js';

export const defaultPageSize = 100;
export const maxPageSize = 1000;
const maxCursorCharacters = 4096;

/** The query of every list. */
export const pageQuery = {
  limit: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: maxPageSize,
      description: `Maximum items of a page; ${defaultPageSize} by default.`,
    }),
  ),
  cursor: Type.Optional(
    Type.String({
      maxLength: maxCursorCharacters,
      description: 'The `next` of the page before. Without it the list begins at its first item.',
    }),
  ),
};

/** Returns the schema of one page of a list. */
export function pageOf<T extends TSchema>(item: T) {
  return Type.Object({
    items: Type.Array(item),
    next: Type.Union([Type.String(), Type.Null()], {
      description: 'The cursor of the following page; null on the last one.',
    }),
  });
}

export interface PageQuery {
  readonly limit?: number;
  readonly cursor?: string;
}

/** Returns a position as an opaque text. */
export function encodeCursor(position: readonly (string | number | null)[]): string {
  return Buffer.from(JSON.stringify(position)).toString('base64url');
}

/** Returns the position of a cursor with `length` parts; null for the beginning. Throws `invalid`. */
export function decodeCursor(
  cursor: string | undefined,
  length: number,
): readonly (string | number | null)[] | null {
  if (cursor === undefined) return null;
  try {
    const position: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
    const isPosition =
      Array.isArray(position) &&
      position.length === length &&
      position.every((part) => part === null || typeof part === 'string' || Number.isFinite(part));
    if (isPosition) return position as (string | number | null)[];
  } catch {
    // Gets the same fault.
  }
  throw new Fault('invalid', 'the cursor is not one of this list: start without a cursor');
}

/**
 * Returns the page of a sorted list that is in memory. `positionOf` returns the text that the list is sorted by,
 * in the order of its code units. Items that are added or removed between two pages move no other item.
 */
export function pageIn<T>(
  sorted: readonly T[],
  { limit = defaultPageSize, cursor }: PageQuery,
  positionOf: (item: T) => string,
): { readonly items: T[]; readonly next: string | null } {
  const position = decodeCursor(cursor, 1)?.[0];
  const after = position === undefined ? null : String(position);
  const rest = after === null ? sorted : sorted.filter((item) => positionOf(item) > after);
  const items = rest.slice(0, limit);
  const last = items.at(-1);
  return {
    items,
    next: rest.length > items.length && last !== undefined ? encodeCursor([positionOf(last)]) : null,
  };
}
