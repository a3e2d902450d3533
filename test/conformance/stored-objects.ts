import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { noKey, type WriteEncryption } from '../../src/model/encryption.js';
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

export function describeStoredObjects(given: Given): void {
  describe('an object that was put', () => {
    it('comes back byte for byte, with what was said of it', async () => {
      const ref = newRef(given());
      const body = bodyOf(randomBytes(70_000), '', randomBytes(300_000), randomBytes(1));
      const options = writeOptions(managed, {
        metadata: { mtime: '1700000000', note: 'a b' },
        contentType: 'text/x-test',
      });
      const written = await given().store.put(newCall(), ref, body, options);
      const info = await given().store.head(newCall(), ref, noKey);
      expect(info).toMatchObject({
        size: body.byteLength,
        etag: written.etag,
        encryption: { kind: 'sse-s3' },
        metadata: { mtime: '1700000000', note: 'a b' },
        contentType: 'text/x-test',
      });
      expect(info?.etag).toMatch(/^".+"$/);
      expect(Math.abs((info?.lastModifiedMs ?? 0) - Date.now())).toBeLessThan(10 * 60_000);
      expectBytes(await readAll(given(), ref, noKey), body.whole);
    });

    it('has the checksum that was sent with it, where the server keeps one', async () => {
      const ref = newRef(given());
      const body = bodyOf('checksummed');
      const written = await given().store.put(newCall(), ref, body, writeOptions(managed));
      const info = await given().store.head(newCall(), ref, noKey);
      expect([body.checksum, null]).toContainEqual(written.checksum);
      expect(info?.checksum).toEqual(written.checksum);
    });

    it.each([null, 'text/x-test'])(
      'under a customer key is the same whether it was sent by the SDK (as with a condition) or without it: %s',
      async (contentType) => {
        const { store } = given();
        const sealed = sseC(newKey());
        const metadata = { mtime: '1700000000', note: 'two  spaces, ~ and "quotes"' };
        const body = bodyOf(randomBytes(50_000), randomBytes(3));
        // What goes without the SDK goes as the last one of the bucket that went with it.
        await store.list(newCall(), { bucket: newRef(given()).bucket, prefix: 'none', delimiter: null });
        const seen = [];
        for (const onlyIfAbsent of [true, false]) {
          const ref = newRef(given(), 'é and + in its name');
          const options = writeOptions(sealed, { metadata, contentType, onlyIfAbsent });
          const written = await store.put(newCall(), ref, body, options);
          const info = await store.head(newCall(), ref, sealed);
          expect(info?.etag).toBe(written.etag);
          expectBytes(await readAll(given(), ref, sealed), body.whole);
          const { size, metadata: kept, contentType: type, checksum, encryption } = info ?? {};
          const tags = await store.getTags(newCall(), ref);
          seen.push({ size, kept, type, checksum, encryption, tags, stored: written.checksum });
        }
        expect(seen[1]).toEqual(seen[0]);
        expect(seen[0]?.kept).toEqual(metadata);
      },
    );

    it('may be empty', async () => {
      const ref = newRef(given());
      await given().store.put(newCall(), ref, bodyOf(), writeOptions(managed));
      expect(await given().store.head(newCall(), ref, noKey)).toMatchObject({ size: 0 });
      expectBytes(await readAll(given(), ref, noKey), Buffer.alloc(0));
    });

    it('replaces the one before it, metadata and all', async () => {
      const ref = newRef(given());
      await given().store.put(
        newCall(),
        ref,
        bodyOf('first'),
        writeOptions(managed, { metadata: { a: '1' } }),
      );
      await given().store.put(
        newCall(),
        ref,
        bodyOf('second'),
        writeOptions(managed, { metadata: { b: '2' } }),
      );
      expectBytes(await readAll(given(), ref, noKey), 'second');
      expect((await given().store.head(newCall(), ref, noKey))?.metadata).toEqual({ b: '2' });
    });

    it('does not replace one when it must not', async () => {
      const ref = newRef(given());
      const options = writeOptions(managed, { onlyIfAbsent: true });
      await given().store.put(newCall(), ref, bodyOf('first'), options);
      await faultOf(given().store.put(newCall(), ref, bodyOf('second'), options), 'exists');
      expectBytes(await readAll(given(), ref, noKey), 'first');
    });

    it('is refused when the bytes are not those of its checksum, and nothing is there', async () => {
      const ref = newRef(given());
      const body = { ...bodyOf('bytes'), checksum: bodyOf('others').checksum };
      await faultOf(given().store.put(newCall(), ref, body, writeOptions(managed)), 'corrupt');
      expect(await given().store.head(newCall(), ref, noKey)).toBeNull();
    });

    it.each([
      ['a name in capitals', { Upper: 'x' }],
      ['a value beyond ASCII', { name: 'naïve' }],
      ['a line break', { name: 'a\r\nx-amz-acl: public-read' }],
      ['spaces that would be lost', { name: ' x ' }],
    ])('is refused with metadata that headers cannot carry: %s', async (_, metadata) => {
      const ref = newRef(given());
      const options = writeOptions(managed, { metadata });
      await faultOf(given().store.put(newCall(), ref, bodyOf('x'), options), 'invalid');
      await faultOf(given().store.beginUpload(newCall(), ref, options), 'invalid');
    });

    it('rests under the encryption that was said', async () => {
      const { kmsKey } = given();
      const key = newKey();
      const encryptions: WriteEncryption[] = [managed, { kind: 'bucket-default' }, sseC(key)];
      if (kmsKey !== null) encryptions.push({ kind: 'sse-kms', keyArn: kmsKey });
      for (const encryption of encryptions) {
        const ref = newRef(given(), encryption.kind);
        await given().store.put(newCall(), ref, bodyOf(encryption.kind), writeOptions(encryption));
        const access = encryption.kind === 'sse-c' ? encryption : noKey;
        const info = await given().store.head(newCall(), ref, access);
        if (encryption.kind !== 'bucket-default') expect(info?.encryption.kind).toBe(encryption.kind);
        expectBytes(await readAll(given(), ref, access), encryption.kind);
      }
    });

    it('is gone when it was removed, and removing nothing is no fault', async () => {
      const ref = newRef(given());
      await given().store.put(newCall(), ref, bodyOf('x'), writeOptions(managed));
      await given().store.remove(newCall(), ref);
      expect(await given().store.head(newCall(), ref, noKey)).toBeNull();
      await given().store.remove(newCall(), ref);
    });

    it('is removed on condition only while it is the one that was meant', async () => {
      const ref = newRef(given());
      const sealed = writeOptions(sseC(newKey()));
      const first = await given().store.put(newCall(), ref, bodyOf('first'), sealed);
      const second = await given().store.put(newCall(), ref, bodyOf('second, longer'), sealed);
      await faultOf(given().store.remove(newCall(), ref, { ifMatch: first.etag }), 'conflict');
      await given().store.remove(newCall(), ref, { ifMatch: second.etag });
      expect(await given().store.head(newCall(), ref, noKey)).toBeNull();
      await given().store.remove(newCall(), ref, { ifMatch: second.etag });
    });
  });

  describe('what is not there', () => {
    it('is null, not a fault', async () => {
      const ref = newRef(given());
      expect(await given().store.head(newCall(), ref, noKey)).toBeNull();
      expect(await given().store.head(newCall(), ref, sseC(newKey()))).toBeNull();
      expect(await given().store.read(newCall(), ref, noKey, null)).toBeNull();
      expect(await given().store.read(newCall(), ref, sseC(newKey()), { start: 0, end: 1 })).toBeNull();
    });

    it('is a fault when it is the bucket, and names it', async () => {
      const { store } = given();
      const bucket = 'sftpgw-test-no-such-bucket';
      const ref = { bucket, key: 'x' };
      const options = writeOptions(managed);
      const tries = [
        () => store.head(newCall(), ref, noKey),
        () => store.read(newCall(), ref, noKey, null),
        () => store.put(newCall(), ref, bodyOf('x'), options),
        () => store.beginUpload(newCall(), ref, options),
        () => store.list(newCall(), { bucket, prefix: '', delimiter: null }),
        () => store.listUploads(newCall(), bucket, ''),
      ];
      for (const attempt of tries) expect((await faultOf(attempt(), 'not-found')).hint).toContain(bucket);
    });
  });

  describe('a range', () => {
    it.each([
      ['the first byte', 0, 1],
      ['bytes in the middle', 1_000, 90_000],
      ['the last byte', 99_999, 100_000],
      ['more than there is, cut at the end', 99_000, 1_000_000],
      ['all', 0, 100_000],
    ])('is %s', async (_, start, end) => {
      const ref = newRef(given());
      const key = newKey();
      const body = bodyOf(randomBytes(100_000));
      await given().store.put(newCall(), ref, body, writeOptions(sseC(key)));
      expectBytes(await readAll(given(), ref, sseC(key), { start, end }), body.whole.subarray(start, end));
      const read = await given().store.read(newCall(), ref, sseC(key), { start, end });
      expect(read?.info.size).toBe(100_000);
      for await (const _piece of read?.bytes ?? []) break;
    });

    it('that begins at the end or behind it is invalid', async () => {
      const ref = newRef(given());
      await given().store.put(newCall(), ref, bodyOf('12345'), writeOptions(managed));
      for (const start of [5, 6, 1_000_000]) {
        await faultOf(given().store.read(newCall(), ref, noKey, { start, end: start + 1 }), 'invalid');
      }
    });

    it('of nothing is invalid', async () => {
      const ref = newRef(given());
      await faultOf(given().store.read(newCall(), ref, noKey, { start: 3, end: 3 }), 'invalid');
    });
  });

  describe('a read', () => {
    it('with a condition finds only the object that was meant', async () => {
      const ref = newRef(given());
      const first = await given().store.put(newCall(), ref, bodyOf('first'), writeOptions(managed));
      expectBytes(await readAll(given(), ref, noKey, null, { ifMatch: first.etag }), 'first');
      await given().store.put(newCall(), ref, bodyOf('other'), writeOptions(managed));
      await faultOf(given().store.read(newCall(), ref, noKey, null, { ifMatch: first.etag }), 'conflict');
    });

    it('may be left early, and others go on', async () => {
      const ref = newRef(given());
      const body = bodyOf(randomBytes(4_000_000));
      await given().store.put(newCall(), ref, body, writeOptions(managed));
      for (let times = 0; times < 5; times += 1) {
        const read = await given().store.read(newCall(), ref, noKey, null);
        for await (const piece of read?.bytes ?? []) {
          expect(piece.byteLength).toBeGreaterThan(0);
          break;
        }
      }
      expectBytes(await readAll(given(), ref, noKey), body.whole);
    });

    it('gives pieces that stay as they are while more come', async () => {
      const ref = newRef(given());
      const body = bodyOf(randomBytes(3_000_000));
      await given().store.put(newCall(), ref, body, writeOptions(managed));
      const read = await given().store.read(newCall(), ref, noKey, null);
      const pieces: Uint8Array[] = [];
      for await (const piece of read?.bytes ?? []) pieces.push(piece);
      expectBytes(Buffer.concat(pieces), body.whole);
    });
  });

  describe('a call that was cancelled', () => {
    it('does nothing, and says so', async () => {
      const { store, bucket } = given();
      const ref = newRef(given());
      const call = newCall(AbortSignal.abort());
      const options = writeOptions(managed);
      await faultOf(store.head(call, ref, noKey), 'cancelled');
      await faultOf(store.read(call, ref, noKey, null), 'cancelled');
      await faultOf(store.put(call, ref, bodyOf('x'), options), 'cancelled');
      await faultOf(store.beginUpload(call, ref, options), 'cancelled');
      await faultOf(store.list(call, { bucket, prefix: '', delimiter: null }), 'cancelled');
      await faultOf(store.remove(call, ref), 'cancelled');
      expect(await store.head(newCall(), ref, noKey)).toBeNull();
    });

    it('ends a read in the middle of its body', async () => {
      const ref = newRef(given());
      await given().store.put(newCall(), ref, bodyOf(randomBytes(8_000_000)), writeOptions(managed));
      const cancel = new AbortController();
      const read = await given().store.read(newCall(cancel.signal), ref, noKey, null);
      const reading = (async () => {
        for await (const _piece of read?.bytes ?? []) cancel.abort();
      })();
      await faultOf(reading, 'cancelled');
    });
  });
}
