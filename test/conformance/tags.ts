import { describe, expect, it } from 'vitest';
import { accessFor, noKey, type WriteEncryption } from '../../src/model/encryption.js';
import { type CopyOptions, keyTagName } from '../../src/model/object-store.js';
import {
  bodyOf,
  expectBytes,
  faultOf,
  type Given,
  newCall,
  newKey,
  newRef,
  readAll,
  sseC,
  writeOptions,
} from './fixtures.js';

const managed: WriteEncryption = { kind: 'sse-s3' };
/** Characters that query strings, XML and HTTP headers encode differently. */
const odd = { kind: 'a+b = c', empty: '', 'ä/:@': 'ünï _.-' };

export function describeTags(given: Given): void {
  const write = (encryption: WriteEncryption, to = newRef(given())) =>
    given()
      .store.put(newCall(), to, bodyOf('tagged'), writeOptions(encryption))
      .then(() => to);

  describe('tags', () => {
    it('name the key of an object with a customer key, however it was written', async () => {
      const { store } = given();
      const key = newKey();
      expect(await store.getTags(newCall(), await write(sseC(key)))).toEqual({
        [keyTagName]: key.fingerprint,
      });
      const ref = newRef(given());
      await using upload = await store.beginUpload(newCall(), ref, writeOptions(sseC(key)));
      const body = bodyOf('one part');
      const part = await upload.uploadPart(newCall(), 1, body);
      await upload.complete(newCall(), [part], { size: body.byteLength, checksum: body.checksum });
      expect(await store.getTags(newCall(), ref)).toEqual({ [keyTagName]: key.fingerprint });
    });

    it('are empty without a customer key', async () => {
      expect(await given().store.getTags(newCall(), await write(managed))).toEqual({});
    });

    it('are read and replaced without the key, and the object is unchanged', async () => {
      const { store } = given();
      const key = newKey();
      const ref = await write(sseC(key));
      await store.putTags(newCall(), ref, odd);
      expect(await store.getTags(newCall(), ref)).toEqual(odd);
      await store.putTags(newCall(), ref, {});
      expect(await store.getTags(newCall(), ref)).toEqual({});
      expectBytes(await readAll(given(), ref, sseC(key)), 'tagged');
    });

    it('of a missing object are null, and cannot be written', async () => {
      const { store } = given();
      expect(await store.getTags(newCall(), newRef(given()))).toBeNull();
      await faultOf(store.putTags(newCall(), newRef(given()), odd), 'not-found');
    });
  });

  describe('the tags of a copy', () => {
    const copyOptions = (from: WriteEncryption, to: WriteEncryption): CopyOptions => ({
      ...writeOptions(to),
      sourceAccess: accessFor(from),
      metadataFrom: 'copy',
    });

    it.each([
      ['a new key', sseC(newKey()), sseC(newKey())],
      ['no customer key any more', sseC(newKey()), managed],
      ['a customer key for the first time', managed, sseC(newKey())],
      ['none, as before', managed, managed],
    ] as const)('are those of its source except the key: %s', async (_, before, after) => {
      const { store } = given();
      const expected = after.kind === 'sse-c' ? { [keyTagName]: after.key.fingerprint } : {};
      const own = before.kind === 'sse-c' ? { [keyTagName]: before.key.fingerprint } : {};
      const from = await write(before);
      const described = { metadata: { mtime: '7' }, contentType: 'text/x-copy' };
      await store.put(newCall(), from, bodyOf('tagged'), writeOptions(before, described));
      for (const others of [{}, odd]) {
        await store.putTags(newCall(), from, { ...others, ...own });
        for (const known of [
          {},
          { sourceTags: { ...others, ...own } },
          { sourceTags: { wrong: '1', in: '2' } },
        ]) {
          const to = newRef(given());
          await store.copy(newCall(), from, to, { ...copyOptions(before, after), ...known });
          expect(await store.getTags(newCall(), to)).toEqual({ ...others, ...expected });
          expect(await store.head(newCall(), to, accessFor(after))).toMatchObject(described);
        }
      }
      await store.copy(newCall(), from, from, copyOptions(before, after));
      expect(await store.getTags(newCall(), from)).toEqual({ ...odd, ...expected });
      expect(await store.head(newCall(), from, accessFor(after))).toMatchObject(described);
    });

    it('are kept even if the copy has its own metadata', async () => {
      const { store } = given();
      const [before, after] = [sseC(newKey()), sseC(newKey())];
      const from = await write(before);
      await store.putTags(newCall(), from, odd);
      const to = newRef(given());
      await store.copy(newCall(), from, to, {
        ...copyOptions(before, after),
        metadataFrom: 'options',
        metadata: { own: '1' },
      });
      expect(await store.getTags(newCall(), to)).toEqual({ ...odd, [keyTagName]: after.key.fingerprint });
      expect((await store.head(newCall(), to, after))?.metadata).toEqual({ own: '1' });
    });
  });

  describe('the tags of a version', () => {
    it('belong to that version', async () => {
      const { store, bucket } = given().versioned;
      const ref = { bucket, key: newRef(given(), 'versions').key };
      const [first, second] = [newKey(), newKey()];
      const older = await store.put(newCall(), ref, bodyOf('1'), writeOptions(sseC(first)));
      const newer = await store.put(newCall(), ref, bodyOf('2'), writeOptions(sseC(second)));
      const tagsOf = (versionId: string | null) => store.getTags(newCall(), ref, versionId ?? undefined);
      expect(await tagsOf(older.versionId)).toEqual({ [keyTagName]: first.fingerprint });
      await store.putTags(newCall(), ref, odd, older.versionId ?? undefined);
      expect(await tagsOf(older.versionId)).toEqual(odd);
      expect(await tagsOf(newer.versionId)).toEqual({ [keyTagName]: second.fingerprint });
      await store.remove(newCall(), ref, { versionId: older.versionId ?? '' });
      expect(await tagsOf(older.versionId)).toBeNull();
      await store.remove(newCall(), ref);
      expect(await store.getTags(newCall(), ref)).toBeNull();
      expect(await store.head(newCall(), ref, noKey)).toBeNull();
      expect(await tagsOf(newer.versionId)).toEqual({ [keyTagName]: second.fingerprint });
    });
  });
}
