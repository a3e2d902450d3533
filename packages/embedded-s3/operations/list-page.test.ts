import { describe, expect, it } from 'vitest';
import { compareKeys } from '../key-order.js';
import { keyAfterMarker, listPage, type Page } from './list-page.js';

interface Row {
  readonly key: string;
}

/** An index in memory that counts the rows and the fetches. */
class CountedIndex {
  readonly #keys: readonly string[];
  rows = 0;
  fetches = 0;

  constructor(keys: readonly string[]) {
    this.#keys = [...keys].sort(compareKeys);
  }

  page(prefix: string, marker: string, limit: number): Page<Row> {
    const from = { key: keyAfterMarker(marker, prefix, '/'), within: null };
    return listPage<Row, null>({ prefix, delimiter: '/', from, marker, limit }, (start, upper, max) => {
      const found = this.#keys.filter(
        (key) => compareKeys(key, start.key) >= 0 && (upper === null || compareKeys(key, upper) < 0),
      );
      const rows = found.slice(0, max).map((key) => ({ key }));
      this.fetches += 1;
      this.rows += rows.length;
      return rows;
    });
  }
}

/** Returns the entries of all pages. */
function list(index: CountedIndex, prefix: string, limit: number): readonly string[] {
  const entries: string[] = [];
  for (let marker = ''; ; ) {
    const { rows, prefixes, isTruncated, last } = index.page(prefix, marker, limit);
    entries.push(...[...rows.map(({ key }) => key), ...prefixes].sort(compareKeys));
    if (!isTruncated || last === null) return entries;
    marker = last.kind === 'row' ? last.row.key : last.prefix;
  }
}

const directories = (count: number, files: number): readonly string[] =>
  Array.from({ length: count * files }, (_, at) => `d/${String(at % count).padStart(4, '0')}/${at}`);

describe('a page of a list with a delimiter', () => {
  it.each([10, 200])('reads one row for each of %i common prefixes after the first', (count) => {
    const index = new CountedIndex(directories(count, 12));
    expect(list(index, 'd/', 1000)).toHaveLength(count);
    expect(index.rows).toBeLessThanOrEqual(Math.min(12 * count, 1001) + count);
    expect(index.fetches).toBeLessThanOrEqual(count + 1);
  });

  it('reads few rows twice where files and common prefixes alternate', () => {
    const keys = Array.from({ length: 300 }, (_, at) => [`d/${at}`, `d/${at}x/f`, `d/${at}x/g`]).flat();
    const index = new CountedIndex(keys);
    expect(list(index, 'd/', 1000)).toHaveLength(600);
    expect(index.rows).toBeLessThan(3 * keys.length);
  });

  it('shows every entry once, for any keys and page sizes', () => {
    let state = 7;
    const random = (below: number) => {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0;
      return (state >>> 16) % below;
    };
    const parts = ['a', 'b', 'a-', '/', 'c/', 'd'];
    for (let round = 0; round < 200; round += 1) {
      const keys = new Set<string>();
      for (let count = random(60); count > 0; count -= 1)
        keys.add(`p/${Array.from({ length: 1 + random(4) }, () => parts[random(parts.length)]).join('')}`);
      const expected = new Set([...keys].map((key) => /^p\/[^/]*\/?/.exec(key)?.[0] ?? key));
      const entries = list(new CountedIndex([...keys]), 'p/', 1 + random(9));
      expect(entries).toEqual([...expected].sort(compareKeys));
    }
  });
});
