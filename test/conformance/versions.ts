import { describe, expect, it } from 'vitest';
import type { WriteEncryption } from '../../src/model/encryption.js';
import type { ListedVersion, VersionPage } from '../../src/model/object-versions.js';
import { bodyOf, faultOf, type Given, newCall, newKey, newRef, sseC, writeOptions } from './fixtures.js';

const managed: WriteEncryption = { kind: 'sse-s3' };
/** In listing order, which is UTF-8 byte order: U+FFFD comes before characters beyond 16 bits. */
const names = ['%41', 'a b+c', 'a/b', 'b&<"', 'c%2f', 'é', '\ufffd', '\u{1f511}'];

export function describeVersions(given: Given): void {
  async function all(target: 'plain' | 'versioned', prefix: string, maxKeys: number) {
    const { store, bucket } = target === 'plain' ? given() : given().versioned;
    const pages: VersionPage[] = [];
    for (let next: VersionPage['next'] = null; pages.length === 0 || next !== null; ) {
      const more = next === null ? {} : { next };
      const page: VersionPage = await store.listVersions(newCall(), { bucket, prefix, maxKeys, ...more });
      expect(page.versions.length).toBeLessThanOrEqual(maxKeys);
      pages.push(page);
      next = page.next;
    }
    return pages.flatMap((page) => page.versions);
  }
  const namesOf = (versions: readonly ListedVersion[], prefix: string) =>
    versions.map(
      ({ key, isDeleteMarker }) => `${key.slice(prefix.length)}${isDeleteMarker ? ' (marker)' : ''}`,
    );

  describe('the versions of a bucket', () => {
    it('without versioning are its objects, each with the id that opens it', async () => {
      const { store, bucket } = given();
      const prefix = `${newRef(given(), 'plain').key}/`;
      const key = sseC(newKey());
      await store.put(newCall(), { bucket, key: `${prefix}a` }, bodyOf('old'), writeOptions(managed));
      const { etag } = await store.put(
        newCall(),
        { bucket, key: `${prefix}a` },
        bodyOf('1'),
        writeOptions(key),
      );
      await store.put(newCall(), { bucket, key: `${prefix}b` }, bodyOf('22'), writeOptions(managed));
      const versions = await all('plain', prefix, 1);
      expect(versions).toMatchObject([
        { key: `${prefix}a`, isLatest: true, isDeleteMarker: false, size: 1, etag },
        { key: `${prefix}b`, isLatest: true, isDeleteMarker: false, size: 2 },
      ]);
      const versionId = versions[0]?.versionId ?? undefined;
      const info = await store.head(newCall(), { bucket, key: `${prefix}a` }, key, versionId);
      expect(info).toMatchObject({ size: 1, etag });
    });

    it.each([1, 2, 3, 1000])('are ordered by key and from new to old, %i per page', async (maxKeys) => {
      const { store, bucket } = given().versioned;
      const prefix = `${newRef(given(), 'many').key}/`;
      for (const name of names) {
        for (const text of ['older', 'newer!']) {
          await store.put(newCall(), { bucket, key: prefix + name }, bodyOf(text), writeOptions(managed));
        }
      }
      await store.remove(newCall(), { bucket, key: `${prefix}a/b` });
      const versions = await all('versioned', prefix, maxKeys);
      const expected = names.flatMap((name) => [...(name === 'a/b' ? ['a/b (marker)'] : []), name, name]);
      expect(namesOf(versions, prefix)).toEqual(expected);
      for (const name of names) {
        const own = versions.filter(({ key }) => key === prefix + name);
        expect(own.map(({ isLatest }) => isLatest)).toEqual(own.map((_, age) => age === 0));
        const sizes = own.filter(({ isDeleteMarker }) => !isDeleteMarker).map(({ size }) => size);
        expect(sizes).toEqual([6, 5]);
        expect(new Set(own.map(({ versionId }) => versionId)).size).toBe(own.length);
      }
    });

    it('can be listed starting after a key', async () => {
      const { store, bucket } = given().versioned;
      const prefix = `${newRef(given(), 'behind').key}/`;
      for (const name of ['a', 'a', 'b', 'b', 'c']) {
        await store.put(newCall(), { bucket, key: prefix + name }, bodyOf(name), writeOptions(managed));
      }
      const next = { keyMarker: `${prefix}a`, versionIdMarker: '' };
      const page = await store.listVersions(newCall(), { bucket, prefix, next });
      expect(namesOf(page.versions, prefix)).toEqual(['b', 'b', 'c']);
      expect(page.next).toBeNull();
    });

    it('are an empty list if there are none, and a fault if there is no bucket', async () => {
      const { store, bucket } = given();
      const none = await store.listVersions(newCall(), { bucket, prefix: 'nothing is below this' });
      expect(none).toEqual({ versions: [], next: null });
      const request = { bucket: 'sftpgw-no-such-bucket', prefix: '' };
      await faultOf(store.listVersions(newCall(), request), 'not-found');
    });
  });
}
