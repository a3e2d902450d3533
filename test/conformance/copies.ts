import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { accessFor, noKey, type ReadAccess, type WriteEncryption } from '../../src/model/encryption.js';
import type { CopyOptions } from '../../src/model/object-store.js';
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

function copyOptions(
  encryption: WriteEncryption,
  sourceAccess: ReadAccess,
  more: Partial<CopyOptions> = {},
): CopyOptions {
  return { ...writeOptions(encryption), sourceAccess, metadataFrom: 'copy', ...more };
}

export function describeCopies(given: Given): void {
  describe('a copy', () => {
    const kinds = ['sse-c', 'sse-s3', 'bucket-default'] as const;
    const pairs = kinds.flatMap((from) => kinds.map((to) => [from, to] as const));
    const make = (kind: (typeof kinds)[number]): WriteEncryption =>
      kind === 'sse-c' ? sseC(newKey()) : { kind };

    it.each(pairs)('from %s to %s has the requested encryption', async (fromKind, toKind) => {
      const [before, after] = [make(fromKind), make(toKind)];
      const [from, to] = [newRef(given(), 'from é+%'), newRef(given(), 'to é+%')];
      const body = bodyOf(randomBytes(100_000));
      const described = { metadata: { mtime: '7' }, contentType: 'text/x-copy' };
      await given().store.put(newCall(), from, body, writeOptions(before, described));
      const written = await given().store.copy(newCall(), from, to, copyOptions(after, accessFor(before)));
      const info = await given().store.head(newCall(), to, accessFor(after));
      expect(info).toMatchObject({ size: body.byteLength, etag: written?.etag, ...described });
      if (after.kind !== 'bucket-default') expect(info?.encryption.kind).toBe(after.kind);
      expectBytes(await readAll(given(), to, accessFor(after)), body.whole);
      if (after.kind === 'sse-c') await faultOf(given().store.head(newCall(), to, noKey), 'key-missing');
      expectBytes(await readAll(given(), from, accessFor(before)), body.whole);
    });

    it('can have its own metadata and type', async () => {
      const [from, to] = [newRef(given()), newRef(given())];
      const before = { metadata: { a: '1' }, contentType: 'text/x-before' };
      const after = { metadata: { b: '2' }, contentType: 'text/x-after' };
      await given().store.put(newCall(), from, bodyOf('x'), writeOptions(managed, before));
      const options = copyOptions(managed, noKey, { ...after, metadataFrom: 'options' });
      await given().store.copy(newCall(), from, to, options);
      expect(await given().store.head(newCall(), to, noKey)).toMatchObject(after);
    });

    it('onto itself gives the object another key, and keeps all else', async () => {
      const ref = newRef(given());
      const [before, after] = [newKey(), newKey()];
      const described = { metadata: { mtime: '9' }, contentType: 'text/x-self' };
      await given().store.put(newCall(), ref, bodyOf('same'), writeOptions(sseC(before), described));
      await given().store.copy(newCall(), ref, ref, copyOptions(sseC(after), sseC(before)));
      expect(await given().store.head(newCall(), ref, sseC(after))).toMatchObject({ size: 4, ...described });
      expectBytes(await readAll(given(), ref, sseC(after)), 'same');
      await faultOf(given().store.read(newCall(), ref, sseC(before), null), 'key-mismatch');
    });

    it('of a missing object is null', async () => {
      const [from, to] = [newRef(given()), newRef(given())];
      expect(await given().store.copy(newCall(), from, to, copyOptions(managed, noKey))).toBeNull();
      expect(await given().store.head(newCall(), to, noKey)).toBeNull();
    });

    it('requires the key of its source', async () => {
      const [from, to] = [newRef(given()), newRef(given())];
      await given().store.put(newCall(), from, bodyOf('sealed'), writeOptions(sseC(newKey())));
      const copy = (access: ReadAccess) =>
        given().store.copy(newCall(), from, to, copyOptions(sseC(newKey()), access));
      await faultOf(copy(noKey), 'key-missing');
      await faultOf(copy(sseC(newKey())), 'key-mismatch');
      expect(await given().store.head(newCall(), to, noKey)).toBeNull();
    });

    it('is made only of the expected object', async () => {
      const [from, to] = [newRef(given()), newRef(given())];
      const { etag } = await given().store.put(newCall(), from, bodyOf('meant'), writeOptions(managed));
      const options = copyOptions(managed, noKey, { sourceEtag: etag });
      expect(await given().store.copy(newCall(), from, to, options)).not.toBeNull();
      await given().store.put(newCall(), from, bodyOf('other'), writeOptions(managed));
      await faultOf(given().store.copy(newCall(), from, to, options), 'conflict');
    });

    it('does not replace an object if the condition forbids it', async () => {
      const [from, to] = [newRef(given()), newRef(given())];
      await given().store.put(newCall(), from, bodyOf('new'), writeOptions(managed));
      await given().store.put(newCall(), to, bodyOf('old'), writeOptions(managed));
      const options = copyOptions(managed, noKey, { onlyIfAbsent: true });
      await faultOf(given().store.copy(newCall(), from, to, options), 'exists');
      expectBytes(await readAll(given(), to, noKey), 'old');
    });

    it('onto itself keeps an object that was replaced meanwhile', async () => {
      const ref = newRef(given());
      const key = newKey();
      const { etag } = await given().store.put(newCall(), ref, bodyOf('old'), writeOptions(sseC(key)));
      await given().store.put(newCall(), ref, bodyOf('newer'), writeOptions(sseC(key)));
      const options = copyOptions(sseC(newKey()), sseC(key), { sourceEtag: etag, onlyIfMatches: etag });
      await faultOf(given().store.copy(newCall(), ref, ref, options), 'conflict');
      expectBytes(await readAll(given(), ref, sseC(key)), 'newer');
    });

    it.each([0, 3, 6 * 1024 * 1024])('of %i bytes replaces only the expected object', async (size) => {
      const [from, to] = [newRef(given()), newRef(given())];
      const body = bodyOf(randomBytes(size));
      const key = newKey();
      await given().store.put(newCall(), from, body, writeOptions(managed));
      const { etag } = await given().store.put(newCall(), to, bodyOf('meant'), writeOptions(sseC(key)));
      const options = copyOptions(sseC(key), noKey, { onlyIfMatches: etag });
      for (const other of ['other', 'another']) {
        await given().store.put(newCall(), to, bodyOf(other), writeOptions(sseC(key)));
        await faultOf(given().store.copy(newCall(), from, to, options), 'conflict');
        expectBytes(await readAll(given(), to, sseC(key)), other);
      }
      await given().store.remove(newCall(), to);
      await faultOf(given().store.copy(newCall(), from, to, options), 'conflict');
      expect(await given().store.head(newCall(), to, sseC(key))).toBeNull();
      const again = await given().store.put(newCall(), to, bodyOf('meant'), writeOptions(sseC(key)));
      const now = copyOptions(sseC(key), noKey, { onlyIfMatches: again.etag });
      const copied = await given().store.copy(newCall(), from, to, now);
      expect(copied?.source).toMatchObject({ size });
      expectBytes(await readAll(given(), to, sseC(key)), body.whole);
    });

    it('can be empty', async () => {
      const [from, to] = [newRef(given()), newRef(given())];
      const key = newKey();
      await given().store.put(newCall(), from, bodyOf(), writeOptions(managed));
      await given().store.copy(newCall(), from, to, copyOptions(sseC(key), noKey));
      expectBytes(await readAll(given(), to, sseC(key)), Buffer.alloc(0));
    });
  });
}
