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
    it('is read back byte for byte, with its properties', async () => {
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

    it('has the checksum that was sent with it, if the server keeps one', async () => {
      const ref = newRef(given());
      const body = bodyOf('checksummed');
      const written = await given().store.put(newCall(), ref, body, writeOptions(managed));
      const info = await given().store.head(newCall(), ref, noKey);
      expect([body.checksum, null]).toContainEqual(written.checksum);
      expect(info?.checksum).toEqual(written.checksum);
    });

    it.each([null, 'text/x-test'])(
      'is the same with a customer key whether the SDK sent it (as with a condition) or not: %s',
      async (contentType) => {
        const { store } = given();
        const sealed = sseC(newKey());
        const metadata = { mtime: '1700000000', note: 'two  spaces, ~ and "quotes"' };
        const body = bodyOf(randomBytes(50_000), randomBytes(3));
        // A request without the SDK copies the form of the bucket's last request through the SDK.
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

    it('can be empty', async () => {
      const ref = newRef(given());
      await given().store.put(newCall(), ref, bodyOf(), writeOptions(managed));
      expect(await given().store.head(newCall(), ref, noKey)).toMatchObject({ size: 0 });
      expectBytes(await readAll(given(), ref, noKey), Buffer.alloc(0));
    });

    it('replaces the previous object including its metadata', async () => {
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

    it('does not replace an existing object if the condition forbids it', async () => {
      const ref = newRef(given());
      const options = writeOptions(managed, { onlyIfAbsent: true });
      await given().store.put(newCall(), ref, bodyOf('first'), options);
      await faultOf(given().store.put(newCall(), ref, bodyOf('second'), options), 'exists');
      expectBytes(await readAll(given(), ref, noKey), 'first');
    });

    it('is refused if the bytes do not match its checksum, and leaves nothing', async () => {
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

    it('has the requested encryption', async () => {
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

    it('does not exist after its removal, and removing a missing object is not a fault', async () => {
      const ref = newRef(given());
      await given().store.put(newCall(), ref, bodyOf('x'), writeOptions(managed));
      await given().store.remove(newCall(), ref);
      expect(await given().store.head(newCall(), ref, noKey)).toBeNull();
      await given().store.remove(newCall(), ref);
    });

    it('is removed with a condition only if it is the expected object', async () => {
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

  describe('a missing object', () => {
    it('is null and not a fault', async () => {
      const ref = newRef(given());
      expect(await given().store.head(newCall(), ref, noKey)).toBeNull();
      expect(await given().store.head(newCall(), ref, sseC(newKey()))).toBeNull();
      expect(await given().store.read(newCall(), ref, noKey, null)).toBeNull();
      expect(await given().store.read(newCall(), ref, sseC(newKey()), { start: 0, end: 1 })).toBeNull();
    });

    it('is a fault that names the bucket if the bucket is missing', async () => {
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
      ['more than the object has, cut at the end', 99_000, 1_000_000],
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

    it('that begins at or behind the end is invalid', async () => {
      const ref = newRef(given());
      await given().store.put(newCall(), ref, bodyOf('12345'), writeOptions(managed));
      for (const start of [5, 6, 1_000_000]) {
        await faultOf(given().store.read(newCall(), ref, noKey, { start, end: start + 1 }), 'invalid');
      }
    });

    it('of no bytes is invalid', async () => {
      const ref = newRef(given());
      await faultOf(given().store.read(newCall(), ref, noKey, { start: 3, end: 3 }), 'invalid');
    });
  });

  describe('a read', () => {
    it('with a condition finds only the expected object', async () => {
      const ref = newRef(given());
      const first = await given().store.put(newCall(), ref, bodyOf('first'), writeOptions(managed));
      expectBytes(await readAll(given(), ref, noKey, null, { ifMatch: first.etag }), 'first');
      await given().store.put(newCall(), ref, bodyOf('other'), writeOptions(managed));
      await faultOf(given().store.read(newCall(), ref, noKey, null, { ifMatch: first.etag }), 'conflict');
    });

    it('can be stopped early, and others continue', async () => {
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

    it('returns pieces that do not change while more arrive', async () => {
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
    it('does nothing and throws cancelled', async () => {
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
