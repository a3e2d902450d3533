import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareKeys } from '../key-order.js';
import { keyAfterMarker, listPage } from './list-page.js';

type Row = { readonly key: string };

/** A bucket as a sorted array. */
function bucketOf(keys: readonly string[]) {
  const rows = [...new Set(keys)].sort(compareKeys).map((key) => ({ key }));
  return (from: { key: string }, upper: string | null, limit: number) =>
    rows
      .filter(({ key }) => compareKeys(key, from.key) >= 0 && (upper === null || compareKeys(key, upper) < 0))
      .slice(0, limit);
}

/** Returns the whole listing by its definition. */
function expected(keys: readonly string[], prefix: string, delimiter: string): string[] {
  const names = new Set<string>();
  for (const key of keys) {
    if (!key.startsWith(prefix)) continue;
    const end = delimiter === '' ? -1 : key.indexOf(delimiter, prefix.length);
    names.add(end < 0 ? key : key.slice(0, end + delimiter.length));
  }
  return [...names].sort(compareKeys);
}

/** Follows the pages like a client. */
function walk(keys: readonly string[], prefix: string, delimiter: string, limit: number): string[] {
  const fetch = bucketOf(keys);
  const names: string[] = [];
  let marker = '';
  for (let pages = 0; pages <= keys.length; pages++) {
    const from = { key: keyAfterMarker(marker, prefix, delimiter), within: null };
    const page = listPage<Row, never>({ prefix, delimiter, marker, limit, from }, fetch);
    expect(page.rows.length + page.prefixes.length).toBeLessThanOrEqual(limit);
    names.push(...[...page.rows.map((row) => row.key), ...page.prefixes].sort(compareKeys));
    if (!page.isTruncated || page.last === null) return names;
    marker = page.last.kind === 'row' ? page.last.row.key : page.last.prefix;
    expect(names.at(-1)).toBe(marker);
  }
  throw new Error('the listing does not end');
}

const characters = fc.constantFrom(
  'a',
  'b',
  '/',
  '//',
  'é',
  '\u{10FFFF}',
  '\uD7FF',
  '\uE000',
  '\uFFFD',
  '😀',
  '\0',
);
const text = (max: number) => fc.array(characters, { maxLength: max }).map((parts) => parts.join(''));

describe('a listing', () => {
  it('has every key or common prefix once and in byte order, whatever the size of its pages', () => {
    fc.assert(
      fc.property(
        fc.array(
          text(6).filter((key) => key !== ''),
          { maxLength: 30 },
        ),
        text(2),
        fc.constantFrom('', '/', 'a', '//', 'é'),
        fc.integer({ min: 1, max: 5 }),
        (keys, prefix, delimiter, limit) => {
          expect(walk(keys, prefix, delimiter, limit)).toEqual(expected(keys, prefix, delimiter));
        },
      ),
      { numRuns: 2000 },
    );
  });

  it('skips a common prefix with one look-up, however many keys it has', () => {
    const keys = Array.from({ length: 5000 }, (_, index) => `a/${String(index).padStart(5, '0')}`);
    let looks = 0;
    const fetch = bucketOf([...keys, 'b']);
    const page = listPage<Row, never>(
      { prefix: '', delimiter: '/', marker: '', limit: 1000, from: { key: '', within: null } },
      (from, upper, limit) => {
        looks++;
        return fetch(from, upper, limit);
      },
    );
    expect([page.prefixes, page.rows, looks]).toEqual([['a/'], [{ key: 'b' }], 2]);
  });

  it('of no keys is empty and not truncated', () => {
    const page = listPage<Row, never>(
      { prefix: '', delimiter: '', marker: '', limit: 0, from: { key: '', within: null } },
      bucketOf(['a']),
    );
    expect(page).toMatchObject({ rows: [], prefixes: [], isTruncated: false });
  });

  it('continues inside a directory after its own marker object', () => {
    const keys = ['dir/', 'dir/a', 'dir/b'];
    const from = { key: keyAfterMarker('dir/', 'dir/', '/'), within: null };
    const page = listPage<Row, never>(
      { prefix: 'dir/', delimiter: '/', marker: 'dir/', limit: 10, from },
      bucketOf(keys),
    );
    expect(page.rows.map((row) => row.key)).toEqual(['dir/a', 'dir/b']);
  });
});
