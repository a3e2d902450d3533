import { randomBytes } from 'node:crypto';
import {
  GetObjectTaggingCommand,
  PutBucketEncryptionCommand,
  PutBucketVersioningCommand,
  PutObjectTaggingCommand,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock, systemEntropy } from '../../src/assembly/system.js';
import { accessFor, noKey, type WriteEncryption } from '../../src/model/encryption.js';
import { type CopyOptions, keyTagName } from '../../src/model/object-store.js';
import { probeS3 } from '../../src/s3/bucket/probe.js';
import { createS3ObjectStore, type S3ObjectStore } from '../../src/s3/object-store.js';
import type { S3StoreOptions } from '../../src/s3/options.js';
import { type S3Target, s3Targets } from '../support/s3-targets.js';
import {
  bodyOf,
  expectBytes,
  faultOf,
  newCall,
  newKey,
  newRef,
  readAll,
  type StoreTarget,
  sseC,
  writeOptions,
} from './fixtures.js';

const managed: WriteEncryption = { kind: 'sse-s3' };
const MiB = 1024 * 1024;

for (const target of await s3Targets()) {
  describe.skipIf(target.skip !== null)(`S3 beyond the port: ${target.name}`, () => describeS3(target));
}

function describeS3(target: S3Target): void {
  let bucket: string;
  let store: S3ObjectStore;
  const given = (): StoreTarget => ({
    store,
    bucket,
    versioned: { store, bucket },
    kmsKey: null,
    partBytes: 0,
    close: async () => undefined,
  });
  const options = (): S3StoreOptions => ({
    endpoint: target.endpoint,
    caFile: target.caFile,
    region: target.region,
    credentials: target.credentials,
    clock: systemClock,
    entropy: systemEntropy,
    singleCopyLimitBytes: 6 * MiB,
    copyPartBytes: 5 * MiB,
  });

  beforeAll(async () => {
    bucket = await target.makeBucket();
    store = createS3ObjectStore(options());
  });
  afterAll(async () => {
    await store[Symbol.asyncDispose]();
    await target.close();
  });

  describe('a copy of an object above the limit of one copy', () => {
    it.each<[string, WriteEncryption, WriteEncryption]>([
      ['from one customer key to another', sseC(newKey()), sseC(newKey())],
      ['from SSE-S3 to a customer key', managed, sseC(newKey())],
      ['from a customer key to SSE-S3', sseC(newKey()), managed],
    ])('is made in parts, with metadata, type and tags: %s', async (_, before, after) => {
      const [from, to] = [newRef(given(), 'from é+%'), newRef(given(), 'to')];
      const body = bodyOf(randomBytes(11 * MiB + 17));
      const described = { metadata: { mtime: '7', a: 'b' }, contentType: 'text/x-large' };
      await store.put(newCall(), from, body, writeOptions(before, described));
      const tags = [
        { Key: 'kind', Value: 'a+b = c' },
        { Key: 'empty', Value: '' },
      ];
      const tagged = { Bucket: bucket, Key: from.key, Tagging: { TagSet: tags } };
      await target.client().send(new PutObjectTaggingCommand(tagged));
      const copy: CopyOptions = {
        ...writeOptions(after),
        sourceAccess: accessFor(before),
        metadataFrom: 'copy',
      };
      const written = await store.copy(newCall(), from, to, copy);
      expect(written?.etag).toMatch(/-3"$/);
      const info = await store.head(newCall(), to, accessFor(after));
      expect(info).toMatchObject({ size: body.byteLength, etag: written?.etag, ...described });
      expect(info?.encryption.kind).toBe(after.kind);
      expectBytes(await readAll(given(), to, accessFor(after)), body.whole);
      const kept = await target.client().send(new GetObjectTaggingCommand({ Bucket: bucket, Key: to.key }));
      const own = after.kind === 'sse-c' ? [{ Key: keyTagName, Value: after.key.fingerprint }] : [];
      expect(kept.TagSet).toHaveLength(2 + own.length);
      expect(kept.TagSet).toEqual(expect.arrayContaining([...tags, ...own]));
      expect(await store.listUploads(newCall(), bucket, '')).toEqual([]);
    });

    it('can have its own metadata, and leaves nothing if it fails', async () => {
      const [from, to] = [newRef(given()), newRef(given())];
      const body = bodyOf(randomBytes(7 * MiB));
      await store.put(newCall(), from, body, writeOptions(managed, { metadata: { a: '1' } }));
      const copy: CopyOptions = {
        ...writeOptions(managed, { metadata: { b: '2' }, contentType: 'text/x-own' }),
        sourceAccess: noKey,
        metadataFrom: 'options',
      };
      const call = newCall(AbortSignal.timeout(30));
      await store.copy(call, from, to, copy).catch(() => undefined);
      expect(await store.listUploads(newCall(), bucket, to.key)).toEqual([]);
      await store.copy(newCall(), from, to, copy);
      expect(await store.head(newCall(), to, noKey)).toMatchObject({
        metadata: { b: '2' },
        contentType: 'text/x-own',
      });
      expect(await store.copy(newCall(), newRef(given()), to, copy)).toBeNull();
    });
  });

  describe('a bucket with versions', () => {
    it('keeps each version with its own key until that version is removed', async () => {
      const versioned = await target.makeBucket();
      const enabled = { Bucket: versioned, VersioningConfiguration: { Status: 'Enabled' as const } };
      await target.client().send(new PutBucketVersioningCommand(enabled));
      const ref = { bucket: versioned, key: 'kept' };
      const keys = [newKey(), newKey()] as const;
      const first = await store.put(newCall(), ref, bodyOf('first'), writeOptions(sseC(keys[0])));
      const second = await store.put(newCall(), ref, bodyOf('second'), writeOptions(sseC(keys[1])));
      expect(first.versionId).not.toBeNull();
      expect(second.versionId).not.toBe(first.versionId);
      const old = first.versionId ?? '';
      expect(await store.head(newCall(), ref, sseC(keys[0]), old)).toMatchObject({ size: 5, versionId: old });
      expectBytes(await readAll(given(), ref, sseC(keys[0]), null, { versionId: old }), 'first');
      await faultOf(store.head(newCall(), ref, sseC(keys[1]), old), 'key-mismatch');
      await faultOf(store.head(newCall(), ref, noKey, old), 'key-missing');
      await store.remove(newCall(), ref);
      expect(await store.head(newCall(), ref, sseC(keys[1]))).toBeNull();
      expectBytes(await readAll(given(), ref, sseC(keys[0]), null, { versionId: old }), 'first');
      await store.remove(newCall(), ref, { versionId: old });
      expect(await store.head(newCall(), ref, sseC(keys[0]), old)).toBeNull();
      expect(await store.read(newCall(), ref, sseC(keys[0]), null, { versionId: old })).toBeNull();
    });
  });

  // Ceph 20 accepts the setting and ignores it.
  describe.skipIf(target.kind !== 'embedded')('a bucket that blocks SSE-C', () => {
    it('is reported at every write with the command that unblocks it, and existing objects still open', async () => {
      const blocked = await target.makeBucket();
      const key = newKey();
      const ref = { bucket: blocked, key: 'x' };
      await store.put(newCall(), ref, bodyOf('before'), writeOptions(sseC(key)));
      const rule = {
        ApplyServerSideEncryptionByDefault: { SSEAlgorithm: 'AES256' as const },
        BucketKeyEnabled: true,
        BlockedEncryptionTypes: { EncryptionType: ['SSE-C' as const] },
      };
      const setting = { Bucket: blocked, ServerSideEncryptionConfiguration: { Rules: [rule] } };
      await target.client().send(new PutBucketEncryptionCommand(setting));
      await using fresh = createS3ObjectStore(options());
      const wanted = writeOptions(sseC(key));
      const copy: CopyOptions = { ...wanted, sourceAccess: sseC(key), metadataFrom: 'copy' };
      for (const attempt of [
        () => fresh.put(newCall(), ref, bodyOf('after'), wanted),
        () => fresh.beginUpload(newCall(), ref, wanted),
        () => fresh.copy(newCall(), ref, { bucket: blocked, key: 'y' }, copy),
      ]) {
        const { hint } = await faultOf(attempt(), 'sse-c-blocked');
        const command = /aws s3api put-bucket-encryption --bucket (\S+) .*'(.*)'$/.exec(hint);
        expect(command?.[1]).toBe(blocked);
        const unblocking = { ...rule, BlockedEncryptionTypes: { EncryptionType: ['NONE'] } };
        expect(JSON.parse(command?.[2] ?? '')).toEqual({ Rules: [unblocking] });
      }
      expectBytes(await readAll(given(), ref, sseC(key)), 'before');
      const findings = await probeS3(newCall(), options(), { bucket: blocked, sseC: true });
      expect(findings).toMatchObject([
        { severity: 'error', what: `Bucket "${blocked}" blocks customer keys (SSE-C).` },
      ]);
      expect(findings[0]?.whatToDo).toContain(`aws s3api put-bucket-encryption --bucket ${blocked} `);
      expect(await probeS3(newCall(), options(), { bucket: blocked, sseC: false })).toEqual([]);
    });
  });

  describe('the probe', () => {
    it('finds no problem in a correct setup, and leaves nothing', async () => {
      for (const sseC of [true, false]) {
        expect(await probeS3(newCall(), options(), { bucket, sseC })).toEqual([]);
      }
      const page = await store.list(newCall(), { bucket, prefix: '.sftpgw/', delimiter: null });
      expect(page.objects).toEqual([]);
      expect(await store.listUploads(newCall(), bucket, '.sftpgw/')).toEqual([]);
    });

    it.each<[string, Partial<S3StoreOptions>, RegExp]>([
      [
        'an access key that S3 does not know',
        { credentials: { accessKeyId: 'AKIDNOBODY', secretAccessKey: 'x' } },
        /access key id/,
      ],
      ['an endpoint where nothing listens', { endpoint: 'http://127.0.0.1:9' }, /listens/],
      ['a missing CA file', { caFile: '/nowhere/ca.pem' }, /\/nowhere\/ca\.pem/],
      ['an endpoint that is not an address', { endpoint: 'localhost' }, /"localhost" is not a URL/],
    ])('names %s', async (_, wrong, what) => {
      const findings = await probeS3(newCall(), { ...options(), ...wrong }, { bucket, sseC: true });
      expect(findings).toHaveLength(1);
      expect(findings[0]?.severity).toBe('error');
      expect(findings[0]?.what).toMatch(what);
    });

    it('names a wrong secret key', async () => {
      const credentials = { ...target.credentials, secretAccessKey: 'wrong' };
      const findings = await probeS3(newCall(), { ...options(), credentials }, { bucket, sseC: true });
      // Ceph answers without a sentence.
      const whatToDo = expect.stringMatching(/^Correct the AWS secret access key(?:\.$|; S3 answered: ")/);
      expect(findings).toMatchObject([{ severity: 'error', whatToDo }]);
    });

    it('names a missing bucket', async () => {
      const findings = await probeS3(newCall(), options(), { bucket: 'sftpgw-test-none', sseC: true });
      expect(findings).toMatchObject([{ severity: 'error', what: 'There is no bucket "sftpgw-test-none".' }]);
    });
  });
}
