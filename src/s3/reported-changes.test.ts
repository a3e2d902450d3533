import { describe, expect, it } from 'vitest';
import { noKey } from '../model/encryption.js';
import type { PartUpload } from '../model/object-store.js';
import { reportChanges } from './reported-changes.js';
import type { S3ObjectStore } from './routing/s3-object-store.js';

const call = { id: 'c', signal: new AbortController().signal, log: silentLogger() };
const a = { bucket: 'b', key: 'a' };
const c = { bucket: 'b', key: 'c' };
const options = { encryption: { kind: 'sse-s3' }, acl: null, metadata: {}, contentType: null } as const;
const copyOptions = { ...options, sourceAccess: noKey, metadataFrom: 'copy' } as const;
const body = { chunks: [], byteLength: 0, checksum: { algorithm: 'crc32c', value: 0 } } as const;

function silentLogger() {
  const nothing = () => undefined;
  const log = { debug: nothing, info: nothing, warn: nothing, error: nothing, child: () => log };
  return log;
}

/** A store whose requests end as `end` does. */
function storeThat(end: () => Promise<never>): S3ObjectStore {
  const upload: PartUpload = {
    uploadId: 'u',
    uploadPart: end,
    copyPart: end,
    copyRange: end,
    complete: end,
    park: () => undefined,
    abort: end,
    [Symbol.asyncDispose]: async () => undefined,
  };
  return {
    checksumAlgorithm: 'crc32c',
    head: end,
    read: end,
    put: end,
    beginUpload: async () => upload,
    resumeUpload: () => upload,
    copy: end,
    remove: end,
    list: end,
    listUploads: end,
    abortUpload: end,
    listVersions: end,
    getTags: end,
    putTags: end,
    getAcl: end,
    requestsSentBySdk: () => 0,
    [Symbol.asyncDispose]: async () => undefined,
  };
}

describe('the changes that a store reports', () => {
  it.each([
    { outcome: 'success', end: async () => null as never },
    { outcome: 'failure', end: () => Promise.reject(new Error('no answer')) },
  ])(
    'are those of every request that writes or removes, before its caller learns of its $outcome',
    async ({ end }) => {
      const reported: string[] = [];
      const store = reportChanges(storeThat(end), {
        changed: ({ key }, change) => reported.push(`${key} ${change}`),
      });
      const reportsOf = async (request: Promise<unknown>) => {
        const seen = () => reported.splice(0);
        return await request.then(seen, seen);
      };
      expect(await reportsOf(store.put(call, a, body, options))).toEqual(['a written']);
      expect(await reportsOf(store.copy(call, a, c, copyOptions))).toEqual(['c written']);
      expect(await reportsOf(store.remove(call, a))).toEqual(['a removed']);
      const whole = { size: 0, checksum: null };
      for (const upload of [
        await store.beginUpload(call, a, options),
        store.resumeUpload(call, a, options, 'u'),
      ]) {
        expect(await reportsOf(upload.uploadPart(call, 1, body))).toEqual([]);
        expect(await reportsOf(upload.complete(call, [], whole))).toEqual(['a written']);
        expect(await reportsOf(upload.abort(call))).toEqual([]);
      }
      expect(await reportsOf(store.head(call, a, noKey))).toEqual([]);
      expect(await reportsOf(store.list(call, { bucket: 'b', prefix: '', delimiter: '/' }))).toEqual([]);
    },
  );
});
