import { describe, expect, it } from 'vitest';
import { noKey, type WriteEncryption } from '../../src/model/encryption.js';
import type { ListedObject, ListRequest } from '../../src/model/object-store.js';
import {
  bodyOf,
  expectBytes,
  faultOf,
  type Given,
  newCall,
  newRef,
  readAll,
  writeOptions,
} from './fixtures.js';

const managed: WriteEncryption = { kind: 'sse-s3' };

/** Names that have caused bugs before. */
const oddNames = [
  ' leading and trailing ',
  'plus+and space',
  'percent%20and%2Fand%',
  'quotes"and\'and`and&amp;<x>',
  'control\u0001\u001f\u007f\t\r\n',
  'ünïcödé 漢字 \u{1f511}',
  'e\u0301 is not \u00e9',
  'a//b///c/',
  '/leading slash',
  './../dots/..',
  'semi;colon,comma=equals?query#hash|pipe\\back',
  "~!*()'$@:[]{}^",
];

export function describeListings(given: Given): void {
  async function everything(request: Omit<ListRequest, 'bucket'>) {
    const objects: ListedObject[] = [];
    const prefixes: string[] = [];
    let continuation: string | null = null;
    let pages = 0;
    do {
      const more = continuation === null ? {} : { continuation };
      const page = await given().store.list(newCall(), { ...request, ...more, bucket: given().bucket });
      objects.push(...page.objects);
      prefixes.push(...page.prefixes);
      continuation = page.continuation;
      pages += 1;
    } while (continuation !== null);
    return { objects, prefixes, pages, keys: objects.map((object) => object.key) };
  }

  async function putAll(keys: readonly string[]): Promise<void> {
    const { store, bucket } = given();
    const left = [...keys];
    const worker = async () => {
      for (let key = left.pop(); key !== undefined; key = left.pop()) {
        await store.put(newCall(), { bucket, key }, bodyOf('x'), writeOptions(managed));
      }
    };
    await Promise.all(Array.from({ length: 16 }, worker));
  }

  describe('names', () => {
    it('of any kind can be written, found, listed, read and removed', async () => {
      const { key: prefix } = newRef(given(), '');
      for (const name of oddNames) {
        const ref = { bucket: given().bucket, key: prefix + name };
        await given().store.put(newCall(), ref, bodyOf(name), writeOptions(managed));
        expectBytes(await readAll(given(), ref, noKey), name);
      }
      const listed = await everything({ prefix, delimiter: null });
      expect(listed.keys.sort()).toEqual(oddNames.map((name) => prefix + name).sort());
      for (const key of listed.keys) await given().store.remove(newCall(), { bucket: given().bucket, key });
      expect((await everything({ prefix, delimiter: null })).keys).toEqual([]);
    });

    it('can have up to 1,024 bytes', async () => {
      const { key: prefix } = newRef(given(), '');
      const fits = prefix + 'é'.repeat((1024 - prefix.length) >> 1) + 'x'.repeat((1024 - prefix.length) & 1);
      expect(Buffer.byteLength(fits)).toBe(1024);
      await putAll([fits]);
      expect((await everything({ prefix, delimiter: null })).keys).toEqual([fits]);
      const long = { bucket: given().bucket, key: `${fits}x` };
      await faultOf(given().store.put(newCall(), long, bodyOf('x'), writeOptions(managed)), 'invalid');
    });
  });

  describe('a listing', () => {
    it('returns size, ETag and time of each object', async () => {
      const ref = newRef(given());
      const { etag } = await given().store.put(newCall(), ref, bodyOf('12345'), writeOptions(managed));
      const { objects } = await everything({ prefix: ref.key, delimiter: null });
      expect(objects).toMatchObject([{ key: ref.key, size: 5, etag }]);
      expect(Math.abs((objects[0]?.lastModifiedMs ?? 0) - Date.now())).toBeLessThan(10 * 60_000);
    });

    it('of one level returns deeper levels as prefixes', async () => {
      const { key: prefix } = newRef(given(), '');
      const keys = ['a', 'b/1', 'b/2', 'c', 'd/', 'd/e/f', 'é+/x'].map((name) => prefix + name);
      await putAll(keys);
      const level = await everything({ prefix, delimiter: '/' });
      expect(level.keys).toEqual([`${prefix}a`, `${prefix}c`]);
      expect(level.prefixes).toEqual([`${prefix}b/`, `${prefix}d/`, `${prefix}é+/`]);
      expect((await everything({ prefix, delimiter: null })).keys).toEqual(keys);
    });

    it('is in UTF-8 byte order', async () => {
      const { key: prefix } = newRef(given(), '');
      // UTF-16 order would exchange the last two.
      const keys = ['A', 'Z', 'a', 'é', '\uffee', '\u{1f511}'].map((name) => prefix + name);
      await putAll([...keys].reverse());
      expect((await everything({ prefix, delimiter: null })).keys).toEqual(keys);
    });

    it('can start after a key', async () => {
      const { key: prefix } = newRef(given(), '');
      await putAll(['a', 'b', 'c d+', 'e'].map((name) => prefix + name));
      const { keys } = await everything({ prefix, delimiter: null, startAfter: `${prefix}b` });
      expect(keys).toEqual([`${prefix}c d+`, `${prefix}e`]);
    });

    it('continues over pages, across unusual names and prefixes', async () => {
      const { key: prefix } = newRef(given(), '');
      const names = ['1 +%', '2/x', '2/y', '3\u0001', '4é/z', '5'];
      await putAll(names.map((name) => prefix + name));
      const flat = await everything({ prefix, delimiter: null, maxKeys: 1 });
      expect(flat.keys).toEqual(names.map((name) => prefix + name));
      expect(flat.pages).toBeGreaterThanOrEqual(6);
      const level = await everything({ prefix, delimiter: '/', maxKeys: 2 });
      expect(level.keys).toEqual(['1 +%', '3\u0001', '5'].map((name) => prefix + name));
      expect(level.prefixes).toEqual([`${prefix}2/`, `${prefix}4é/`]);
    });

    it('of more than a thousand objects has more than one page', async () => {
      const { key: prefix } = newRef(given(), '');
      const keys = Array.from({ length: 1005 }, (_, index) => `${prefix}${String(index).padStart(4, '0')}`);
      await putAll(keys);
      const { keys: listed, pages } = await everything({ prefix, delimiter: null });
      expect(listed).toEqual(keys);
      expect(pages).toBe(2);
    });

    it('of an unused prefix is empty', async () => {
      const { key: prefix } = newRef(given(), '');
      expect(await everything({ prefix, delimiter: '/' })).toMatchObject({
        objects: [],
        prefixes: [],
        pages: 1,
      });
    });
  });
}
