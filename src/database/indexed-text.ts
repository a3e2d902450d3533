import { type RawBuilder, sql } from 'kysely';

/**
 * The characters of a text that PostgreSQL's indexes have, of 4 bytes or fewer each. An entry of an index has 2,704
 * bytes or fewer (https://www.postgresql.org/docs/current/btree.html).
 */
export const indexedCharacters = 600;

/** Returns the part of a text that PostgreSQL's indexes have. */
export function beginning(text: RawBuilder<string>): RawBuilder<string> {
  return sql<string>`substr(${text}, 1, ${sql.lit(indexedCharacters)})`;
}
