import pg from 'pg';

/** PostgreSQL's numbers of types (`pg_type.dat`). */
const int8 = 20;
const text = 25;
const varchar = 1043;
const numeric = 1700;

/**
 * Text of PostgreSQL cannot contain U+0000, but a stranger's login name can. It is stored as this character, which
 * is for private use, and `0`; the character itself is stored as itself and `1`.
 */
const mark = '\uf8f0';
const special = /[\0\uf8f0]/g;
const escaped = /\uf8f0([01])/g;

/** Returns a parameter as PostgreSQL can store it. */
export function toStored(value: unknown): unknown {
  if (typeof value !== 'string' || !(value.includes('\0') || value.includes(mark))) return value;
  return value.replace(special, (character) => mark + (character === '\0' ? '0' : '1'));
}

function fromStored(value: string): string {
  if (!value.includes(mark)) return value;
  return value.replace(escaped, (_, digit: string) => (digit === '0' ? '\0' : mark));
}

/**
 * Parsers of column values. Whole numbers and sums become numbers, as from SQLite: the gateway stores none above
 * 2^53.
 */
export const valueTypes: pg.CustomTypesConfig = {
  getTypeParser: ((oid: number, format?: 'text' | 'binary') => {
    if (oid === int8 || oid === numeric) return Number;
    if (oid === text || oid === varchar) return fromStored;
    return format === 'binary' ? pg.types.getTypeParser(oid, format) : pg.types.getTypeParser(oid, 'text');
  }) as pg.CustomTypesConfig['getTypeParser'],
};
