import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { noKey, type WriteEncryption } from '../../src/model/encryption.js';
import type { ObjectRef } from '../../src/model/object-store.js';
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

export function describePartUploads(given: Given): void {
  async function pendingIds(ref: ObjectRef): Promise<string[]> {
    const uploads = await given().store.listUploads(newCall(), ref.bucket, ref.key);
    return uploads.map((upload) => upload.uploadId);
  }

  describe('an upload in parts', () => {
    it('makes one object of parts that came side by side and out of order', async () => {
      const ref = newRef(given());
      const key = newKey();
      const { store, partBytes } = given();
      const parts = [randomBytes(partBytes), randomBytes(partBytes + 1), randomBytes(12_345)].map((part) =>
        bodyOf(part.subarray(0, 1000), part.subarray(1000)),
      );
      const whole = bodyOf(...parts.map((part) => part.whole));
      const options = writeOptions(sseC(key), { metadata: { mtime: '5' }, contentType: 'text/x-parts' });
      await using upload = await store.beginUpload(newCall(), ref, options);
      const receipts = await Promise.all(
        [3, 1, 2].map((number) => upload.uploadPart(newCall(), number, parts[number - 1] ?? bodyOf())),
      );
      receipts.sort((a, b) => a.partNumber - b.partNumber);
      expect(receipts.map(({ size, checksum }) => [size, checksum])).toEqual(
        parts.map((part) => [part.byteLength, part.checksum]),
      );
      const written = await upload.complete(newCall(), receipts, {
        size: whole.byteLength,
        checksum: whole.checksum,
      });
      const info = await store.head(newCall(), ref, sseC(key));
      expect(info).toMatchObject({
        size: whole.byteLength,
        etag: written.etag,
        encryption: { kind: 'sse-c', keyMd5Base64: key.md5Base64 },
        metadata: { mtime: '5' },
        contentType: 'text/x-parts',
      });
      expect([whole.checksum, null]).toContainEqual(written.checksum);
      expectBytes(await readAll(given(), ref, sseC(key)), whole.whole);
      const across = { start: partBytes - 10, end: partBytes + 10 };
      expectBytes(
        await readAll(given(), ref, sseC(key), across),
        whole.whole.subarray(across.start, across.end),
      );
      await faultOf(store.head(newCall(), ref, noKey), 'key-missing');
      await faultOf(store.read(newCall(), ref, sseC(newKey()), null), 'key-mismatch');
    });

    it.each(['sse-s3', 'bucket-default', 'sse-kms'] as const)(
      'rests under what was said: %s',
      async (kind) => {
        const { store, kmsKey } = given();
        if (kind === 'sse-kms' && kmsKey === null) return;
        const encryption: WriteEncryption = kind === 'sse-kms' ? { kind, keyArn: kmsKey ?? '' } : { kind };
        const ref = newRef(given());
        const body = bodyOf('one small part');
        await using upload = await store.beginUpload(newCall(), ref, writeOptions(encryption));
        const receipt = await upload.uploadPart(newCall(), 1, body);
        await upload.complete(newCall(), [receipt], { size: body.byteLength, checksum: body.checksum });
        const info = await store.head(newCall(), ref, noKey);
        if (kind !== 'bucket-default') expect(info?.encryption.kind).toBe(kind);
        expectBytes(await readAll(given(), ref, noKey), body.whole);
      },
    );

    it('takes the last of the parts with one number', async () => {
      const ref = newRef(given());
      const [first, second] = [bodyOf('first'), bodyOf('second, which counts')];
      await using upload = await given().store.beginUpload(newCall(), ref, writeOptions(managed));
      await upload.uploadPart(newCall(), 1, first);
      const receipt = await upload.uploadPart(newCall(), 1, second);
      await upload.complete(newCall(), [receipt], { size: second.byteLength, checksum: second.checksum });
      expectBytes(await readAll(given(), ref, noKey), second.whole);
    });

    it('shows nothing before it is complete, and leaves what was there', async () => {
      const ref = newRef(given());
      await using upload = await given().store.beginUpload(newCall(), ref, writeOptions(managed));
      const receipt = await upload.uploadPart(newCall(), 1, bodyOf('new'));
      expect(await given().store.head(newCall(), ref, noKey)).toBeNull();
      await given().store.put(newCall(), ref, bodyOf('old'), writeOptions(managed));
      expectBytes(await readAll(given(), ref, noKey), 'old');
      await upload.complete(newCall(), [receipt], { size: 3, checksum: bodyOf('new').checksum });
      expectBytes(await readAll(given(), ref, noKey), 'new');
    });

    it('is aborted when it is left before', async () => {
      const ref = newRef(given());
      {
        await using upload = await given().store.beginUpload(newCall(), ref, writeOptions(managed));
        await upload.uploadPart(newCall(), 1, bodyOf('x'));
        expect(await pendingIds(ref)).toEqual([upload.uploadId]);
      }
      expect(await pendingIds(ref)).toEqual([]);
      expect(await given().store.head(newCall(), ref, noKey)).toBeNull();
    });

    it('is aborted even though its call was cancelled', async () => {
      const ref = newRef(given());
      const cancel = new AbortController();
      const upload = await given().store.beginUpload(newCall(cancel.signal), ref, writeOptions(managed));
      cancel.abort();
      await faultOf(upload.uploadPart(newCall(cancel.signal), 1, bodyOf('x')), 'cancelled');
      await upload[Symbol.asyncDispose]();
      expect(await pendingIds(ref)).toEqual([]);
    });

    it('that is cancelled while it begins is not left at S3', async () => {
      const ref = newRef(given());
      for (const delayMs of [0, 1, 2, 4, 8, 16]) {
        const call = newCall(AbortSignal.timeout(delayMs));
        const begun = await given()
          .store.beginUpload(call, ref, writeOptions(managed))
          .catch(() => null);
        await begun?.[Symbol.asyncDispose]();
      }
      expect(await pendingIds(ref)).toEqual([]);
    });

    it('stays when it is parked, until it is aborted by its id', async () => {
      const ref = newRef(given());
      {
        await using upload = await given().store.beginUpload(newCall(), ref, writeOptions(managed));
        await upload.uploadPart(newCall(), 1, bodyOf('x'));
        upload.park();
      }
      const [pending, ...others] = await given().store.listUploads(newCall(), ref.bucket, ref.key);
      expect(others).toEqual([]);
      expect(pending?.key).toBe(ref.key);
      expect(Math.abs((pending?.initiatedMs ?? 0) - Date.now())).toBeLessThan(10 * 60_000);
      await given().store.abortUpload(newCall(), ref, pending?.uploadId ?? '');
      await given().store.abortUpload(newCall(), ref, pending?.uploadId ?? '');
      expect(await pendingIds(ref)).toEqual([]);
    });

    it('begins with an object that the server copies, from under another key or none', async () => {
      const { store, partBytes } = given();
      for (const encryption of [sseC(newKey()), managed]) {
        const [source, ref, key] = [newRef(given()), newRef(given()), newKey()];
        const [first, second] = [bodyOf(randomBytes(partBytes + 3)), bodyOf('and more')];
        const { etag } = await store.put(newCall(), source, first, writeOptions(encryption));
        const access = encryption.kind === 'sse-c' ? sseC(encryption.key) : noKey;
        const found = { ref: source, access, etag, size: first.byteLength, checksum: first.checksum };
        await using upload = await store.beginUpload(newCall(), ref, writeOptions(sseC(key)));
        const copied = await upload.copyPart(newCall(), 1, found);
        expect(copied).toMatchObject({ partNumber: 1, size: first.byteLength });
        if (copied === null) continue;
        const parts = [copied, await upload.uploadPart(newCall(), 2, second)];
        const whole = bodyOf(first.whole, second.whole);
        await upload.complete(newCall(), parts, { size: whole.byteLength, checksum: whole.checksum });
        expectBytes(await readAll(given(), ref, sseC(key)), whole.whole);
        await faultOf(store.head(newCall(), ref, noKey), 'key-missing');
        await faultOf(
          upload.copyPart(newCall(), 1, { ...found, etag: '"another"' }),
          'conflict',
          'not-found',
        );
      }
    });

    it('copies no object that has gone, or has become another one', async () => {
      const { store } = given();
      const [source, ref] = [newRef(given()), newRef(given())];
      const body = bodyOf('content');
      const { etag } = await store.put(newCall(), source, body, writeOptions(managed));
      const found = { ref: source, access: noKey, etag, size: body.byteLength, checksum: body.checksum };
      await using upload = await store.beginUpload(newCall(), ref, writeOptions(managed));
      await store.put(newCall(), source, bodyOf('another'), writeOptions(managed));
      await faultOf(upload.copyPart(newCall(), 1, found), 'conflict');
      await store.remove(newCall(), source);
      expect(await upload.copyPart(newCall(), 1, found)).toBeNull();
    });

    it('goes on under its id and its key when it was parked, in another process', async () => {
      const ref = newRef(given());
      const key = newKey();
      const options = writeOptions(sseC(key));
      const [first, second] = [bodyOf(randomBytes(given().partBytes)), bodyOf('the rest')];
      const whole = bodyOf(first.whole, second.whole);
      const begun = await given().store.beginUpload(newCall(), ref, options);
      const parts = [await begun.uploadPart(newCall(), 1, first)];
      begun.park();
      await begun[Symbol.asyncDispose]();
      await using upload = given().store.resumeUpload(newCall(), ref, options, begun.uploadId);
      parts.push(await upload.uploadPart(newCall(), 2, second));
      await upload.complete(newCall(), parts, { size: whole.byteLength, checksum: whole.checksum });
      expectBytes(await readAll(given(), ref, sseC(key)), whole.whole);
    });

    it('that is not there any more cannot be gone on with', async () => {
      const ref = newRef(given());
      const begun = await given().store.beginUpload(newCall(), ref, writeOptions(managed));
      await begun[Symbol.asyncDispose]();
      const upload = given().store.resumeUpload(newCall(), ref, writeOptions(managed), begun.uploadId);
      await faultOf(upload.uploadPart(newCall(), 1, bodyOf('x')), 'not-found');
    });

    it('is refused when a part is not what its checksum says', async () => {
      const ref = newRef(given());
      await using upload = await given().store.beginUpload(newCall(), ref, writeOptions(managed));
      const body = { ...bodyOf('bytes'), checksum: bodyOf('others').checksum };
      await faultOf(upload.uploadPart(newCall(), 1, body), 'corrupt');
    });

    it('is refused when the whole is not what its checksum says', async () => {
      const ref = newRef(given());
      await using upload = await given().store.beginUpload(newCall(), ref, writeOptions(managed));
      const receipt = await upload.uploadPart(newCall(), 1, bodyOf('bytes'));
      const whole = { size: 5, checksum: bodyOf('others').checksum };
      await faultOf(upload.complete(newCall(), [receipt], whole), 'corrupt');
    });

    it('does not replace an object when it must not', async () => {
      const ref = newRef(given());
      const options = writeOptions(managed, { onlyIfAbsent: true });
      await using upload = await given().store.beginUpload(newCall(), ref, options);
      const body = bodyOf('second');
      const receipt = await upload.uploadPart(newCall(), 1, body);
      await given().store.put(newCall(), ref, bodyOf('first'), writeOptions(managed));
      const whole = { size: body.byteLength, checksum: body.checksum };
      await faultOf(upload.complete(newCall(), [receipt], whole), 'exists');
      expectBytes(await readAll(given(), ref, noKey), 'first');
    });

    it('has parts from 1 to 10,000', async () => {
      const ref = newRef(given());
      await using upload = await given().store.beginUpload(newCall(), ref, writeOptions(managed));
      for (const number of [0, -1, 1.5, 10_001]) {
        await faultOf(upload.uploadPart(newCall(), number, bodyOf('x')), 'invalid');
      }
      const receipt = await upload.uploadPart(newCall(), 10_000, bodyOf('x'));
      await upload.complete(newCall(), [receipt], { size: 1, checksum: bodyOf('x').checksum });
      expectBytes(await readAll(given(), ref, noKey), 'x');
    });

    it('that was aborted elsewhere is not found', async () => {
      const ref = newRef(given());
      await using upload = await given().store.beginUpload(newCall(), ref, writeOptions(managed));
      const receipt = await upload.uploadPart(newCall(), 1, bodyOf('x'));
      await given().store.abortUpload(newCall(), ref, upload.uploadId);
      await faultOf(upload.uploadPart(newCall(), 2, bodyOf('x')), 'not-found');
      const whole = { size: 1, checksum: bodyOf('x').checksum };
      // Ceph 20 has an internal error instead.
      await faultOf(upload.complete(newCall(), [receipt], whole), 'not-found', 'unavailable');
    });
  });

  describe('the list of unfinished uploads', () => {
    it('has every one below a prefix, whatever its name', async () => {
      const { key: prefix } = newRef(given(), '');
      const { store, bucket } = given();
      const names = ['plain', 'pl+us', 'sp ace %25', 'é\u0001/漢', 'same', 'same'];
      const began: string[] = [];
      for (const name of names) {
        const upload = await store.beginUpload(
          newCall(),
          { bucket, key: prefix + name },
          writeOptions(managed),
        );
        upload.park();
        began.push(`${prefix}${name} ${upload.uploadId}`);
      }
      const listed = await store.listUploads(newCall(), bucket, prefix);
      expect(listed.map(({ key, uploadId }) => `${key} ${uploadId}`).sort()).toEqual([...began].sort());
      for (const { key, uploadId } of listed) await store.abortUpload(newCall(), { bucket, key }, uploadId);
      expect(await store.listUploads(newCall(), bucket, prefix)).toEqual([]);
    });
  });
}
