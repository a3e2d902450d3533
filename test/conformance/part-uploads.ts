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
    it('creates one object from parts that arrived in parallel and out of order', async () => {
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

    it.for(['sse-s3', 'bucket-default', 'sse-kms'] as const)(
      'has the requested encryption: %s',
      async (kind, { skip }) => {
        const { store, kmsKey } = given();
        skip(kind === 'sse-kms' && kmsKey === null, 'this server has no KMS key for tests');
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

    it('uses the last part sent with each number', async () => {
      const ref = newRef(given());
      const [first, second] = [bodyOf('first'), bodyOf('second, which counts')];
      await using upload = await given().store.beginUpload(newCall(), ref, writeOptions(managed));
      await upload.uploadPart(newCall(), 1, first);
      const receipt = await upload.uploadPart(newCall(), 1, second);
      await upload.complete(newCall(), [receipt], { size: second.byteLength, checksum: second.checksum });
      expectBytes(await readAll(given(), ref, noKey), second.whole);
    });

    it('is not visible before it is complete, and keeps the existing object until then', async () => {
      const ref = newRef(given());
      await using upload = await given().store.beginUpload(newCall(), ref, writeOptions(managed));
      const receipt = await upload.uploadPart(newCall(), 1, bodyOf('new'));
      expect(await given().store.head(newCall(), ref, noKey)).toBeNull();
      await given().store.put(newCall(), ref, bodyOf('old'), writeOptions(managed));
      expectBytes(await readAll(given(), ref, noKey), 'old');
      await upload.complete(newCall(), [receipt], { size: 3, checksum: bodyOf('new').checksum });
      expectBytes(await readAll(given(), ref, noKey), 'new');
    });

    it('is aborted if it is disposed before it is complete', async () => {
      const ref = newRef(given());
      {
        await using upload = await given().store.beginUpload(newCall(), ref, writeOptions(managed));
        await upload.uploadPart(newCall(), 1, bodyOf('x'));
        expect(await pendingIds(ref)).toEqual([upload.uploadId]);
      }
      expect(await pendingIds(ref)).toEqual([]);
      expect(await given().store.head(newCall(), ref, noKey)).toBeNull();
    });

    it('is aborted even if its call was cancelled', async () => {
      const ref = newRef(given());
      const cancel = new AbortController();
      const upload = await given().store.beginUpload(newCall(cancel.signal), ref, writeOptions(managed));
      cancel.abort();
      await faultOf(upload.uploadPart(newCall(cancel.signal), 1, bodyOf('x')), 'cancelled');
      await upload[Symbol.asyncDispose]();
      expect(await pendingIds(ref)).toEqual([]);
    });

    it('is not left at S3 if it is cancelled while it begins', async () => {
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

    it('is aborted even if its call was cancelled, and aborting it again changes nothing', async () => {
      const ref = newRef(given());
      const cancel = new AbortController();
      await using upload = await given().store.beginUpload(
        newCall(cancel.signal),
        ref,
        writeOptions(managed),
      );
      await upload.uploadPart(newCall(), 1, bodyOf('x'));
      cancel.abort();
      await upload.abort(newCall());
      expect(await pendingIds(ref)).toEqual([]);
      await upload.abort(newCall());
      await faultOf(upload.uploadPart(newCall(), 2, bodyOf('x')), 'not-found');
    });

    it('stays at S3 if it is parked, until it is aborted by its id', async () => {
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

    it('can begin with an object that the server copies, from another key or none', async () => {
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

    it('can take ranges of an object that the server copies, with the checksums that it keeps', async () => {
      const { store, partBytes } = given();
      const [source, ref, oldKey, key] = [newRef(given()), newRef(given()), newKey(), newKey()];
      const old = bodyOf(randomBytes(3 * partBytes));
      const { etag, versionId } = await store.put(newCall(), source, old, writeOptions(sseC(oldKey)));
      const middle = bodyOf(randomBytes(partBytes));
      await using upload = await store.beginUpload(newCall(), ref, writeOptions(sseC(key)));
      const copy = (partNumber: number, start: number, end: number) =>
        upload.copyRange(newCall(), partNumber, {
          ref: source,
          access: sseC(oldKey),
          etag,
          versionId,
          range: { start, end },
        });
      if (given().rangesRefused !== undefined) {
        await faultOf(copy(1, 0, partBytes), 'unsupported');
        return;
      }
      const parts = [
        await copy(1, 0, partBytes),
        await upload.uploadPart(newCall(), 2, middle),
        await copy(3, 2 * partBytes, 3 * partBytes),
      ].filter((part) => part !== null);
      expect(parts.map(({ size }) => size)).toEqual([partBytes, partBytes, partBytes]);
      const first = bodyOf(old.whole.subarray(0, partBytes));
      expect([first.checksum, null]).toContainEqual(parts[0]?.checksum);
      const whole = bodyOf(first.whole, middle.whole, old.whole.subarray(2 * partBytes));
      const isSummed = parts.every(({ checksum }) => checksum !== null);
      await upload.complete(newCall(), parts, {
        size: whole.byteLength,
        checksum: isSummed ? whole.checksum : null,
      });
      expectBytes(await readAll(given(), ref, sseC(key)), whole.whole);
    });

    it('does not copy a range of an object that was removed', async () => {
      const { store } = given();
      const [source, ref] = [newRef(given()), newRef(given())];
      const { etag } = await store.put(newCall(), source, bodyOf('content'), writeOptions(managed));
      const range = { start: 0, end: 7 };
      const found = { ref: source, access: noKey, etag, versionId: null, range };
      await using upload = await store.beginUpload(newCall(), ref, writeOptions(managed));
      await store.remove(newCall(), source);
      const copied = upload.copyRange(newCall(), 1, found);
      if (given().rangesRefused === 'all') await faultOf(copied, 'unsupported');
      else expect(await copied).toBeNull();
    });

    it('does not copy an object that was removed or replaced', async () => {
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

    it('can be resumed in another process by its id and key if it was parked', async () => {
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

    it('cannot be resumed if it no longer exists', async () => {
      const ref = newRef(given());
      const begun = await given().store.beginUpload(newCall(), ref, writeOptions(managed));
      await begun[Symbol.asyncDispose]();
      const upload = given().store.resumeUpload(newCall(), ref, writeOptions(managed), begun.uploadId);
      await faultOf(upload.uploadPart(newCall(), 1, bodyOf('x')), 'not-found');
    });

    it('is refused if a part does not match its checksum', async () => {
      const ref = newRef(given());
      await using upload = await given().store.beginUpload(newCall(), ref, writeOptions(managed));
      const body = { ...bodyOf('bytes'), checksum: bodyOf('others').checksum };
      await faultOf(upload.uploadPart(newCall(), 1, body), 'corrupt');
    });

    it('is refused if the whole object does not match its checksum', async () => {
      const ref = newRef(given());
      await using upload = await given().store.beginUpload(newCall(), ref, writeOptions(managed));
      const receipt = await upload.uploadPart(newCall(), 1, bodyOf('bytes'));
      const whole = { size: 5, checksum: bodyOf('others').checksum };
      await faultOf(upload.complete(newCall(), [receipt], whole), 'corrupt');
    });

    it('does not replace an existing object if the condition forbids it', async () => {
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

    it('is not found if it was aborted elsewhere', async () => {
      const ref = newRef(given());
      await using upload = await given().store.beginUpload(newCall(), ref, writeOptions(managed));
      const receipt = await upload.uploadPart(newCall(), 1, bodyOf('x'));
      await given().store.abortUpload(newCall(), ref, upload.uploadId);
      await faultOf(upload.uploadPart(newCall(), 2, bodyOf('x')), 'not-found');
      const whole = { size: 1, checksum: bodyOf('x').checksum };
      await faultOf(upload.complete(newCall(), [receipt], whole), 'not-found');
    });
  });

  describe('the list of unfinished uploads', () => {
    it('contains every upload below a prefix, whatever its name', async () => {
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
