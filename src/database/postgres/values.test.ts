import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { toStored, valueTypes } from './values.js';

/** The numbers of types in `pg_type.dat`. */
const types = { int8: 20, text: 25, varchar: 1043, numeric: 1700, int4: 23, bool: 16 } as const;
const read = (type: keyof typeof types, text: string): unknown =>
  valueTypes.getTypeParser(types[type], 'text')(text);

describe('a text in PostgreSQL', () => {
  it('is read as it was written, and contains no U+0000', () => {
    const characters = fc.constantFrom('\0', '\uf8f0', '0', '1', 'a', '\u{1f511}');
    const texts = fc.oneof(
      fc.array(characters, { maxLength: 12 }).map((all) => all.join('')),
      fc.string(),
    );
    fc.assert(
      fc.property(texts, (text) => {
        const stored = String(toStored(text));
        expect(stored).not.toContain('\0');
        expect(read('text', stored)).toBe(text);
        expect(read('varchar', stored)).toBe(text);
        if (!/[\0\uf8f0]/.test(text)) expect(stored).toBe(text);
      }),
    );
  });

  it('is another one for each text', () => {
    expect(new Set(['\0', '\uf8f0', '\uf8f00', '\uf8f01', '0'].map(toStored)).size).toBe(5);
  });
});

it.each([1, null, true])('the parameter %j stays as it is', (value) => expect(toStored(value)).toBe(value));

it('numbers and sums are read as numbers, and other types as pg reads them', () => {
  expect(read('int8', '1700000000000')).toBe(1_700_000_000_000);
  expect(read('numeric', '12')).toBe(12);
  expect(read('int4', '7')).toBe(7);
  expect(read('bool', 't')).toBe(true);
});
