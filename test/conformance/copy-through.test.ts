import { randomBytes } from 'node:crypto';
import { HeadObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock, systemEntropy } from '../../src/assembly/system.js';
import type { CustomerKey } from '../../src/model/customer-key.js';
import { type CopyOptions, keyTagName, type ObjectRef } from '../../src/model/object-store.js';
import { createS3Client } from '../../src/s3/client.js';
import { createContext, type S3Context } from '../../src/s3/context.js';
import { copyThrough } from '../../src/s3/copy/copy-through.js';
import { DirectRequests } from '../../src/s3/direct/direct-requests.js';
import type { S3Transport } from '../../src/s3/http/transport.js';
import { createS3ObjectStore, type S3ObjectStore } from '../../src/s3/object-store.js';
import { type S3Target, s3Targets } from '../support/s3-targets.js';
import { bodyOf, expectBytes, newCall, newKey, readAll, sseC, writeOptions } from './fixtures.js';

const limitBytes = 256 * 1024;

for (const target of await s3Targets()) {
  describe.skipIf(target.skip !== null)(`a change of key by reading and writing: ${target.name}`, () =>
    describeCopyThrough(target),
  );
}

function describeCopyThrough(target: S3Target): void {
  let store: S3ObjectStore;
  let context: S3Context;
  let bucket: string;
  let versioned: string;
  let disposeClient: () => void;
  /** Called after the object was read and before it is written. */
  let beforeWrite: () => Promise<void>;

  beforeAll(async () => {
    bucket = await target.makeBucket();
    versioned = await target.makeVersionedBucket();
    const { endpoint, caFile, region, credentials } = target;
    const clocks = { clock: systemClock, entropy: systemEntropy };
    const options = { endpoint, caFile, region, credentials, copyThroughBytes: limitBytes, ...clocks };
    store = createS3ObjectStore(options);
    const connection = createS3Client(options);
    const { client, transport } = connection;
    disposeClient = () => client.destroy();
    const watched: Pick<S3Transport, 'handle'> = {
      async handle(request, sent) {
        if (request.method === 'PUT') await beforeWrite();
        return transport.handle(request, sent);
      },
    };
    context = { ...createContext(connection, options), direct: new DirectRequests(client, watched) };
    // The result of the trial at a server that ignores the condition of CopyObject.
    context.copyConditions.areHonoured = false;
  });
  afterAll(async () => {
    disposeClient();
    await store[Symbol.asyncDispose]();
    await target.close();
  });

  interface Rekey {
    readonly ref: ObjectRef;
    readonly etag: string;
    readonly size: number;
    readonly before: CustomerKey;
    readonly after: CustomerKey;
  }

  async function rekey({ ref, etag, size, before, after }: Rekey, more: Partial<CopyOptions> = {}) {
    const options: CopyOptions = {
      ...writeOptions(sseC(after)),
      sourceAccess: sseC(before),
      sourceEtag: etag,
      onlyIfMatches: etag,
      sourceSize: size,
      metadataFrom: 'copy',
      ...more,
    };
    return copyThrough(context, newCall(), ref, ref, options);
  }

  async function written(name: string, body = bodyOf('as it was'), where = bucket): Promise<Rekey> {
    beforeWrite = async () => undefined;
    const [before, after] = [newKey(), newKey()];
    const ref = { bucket: where, key: `${name} é+%(1)` };
    const { etag } = await store.put(newCall(), ref, body, writeOptions(sseC(before)));
    return { ref, etag, size: body.byteLength, before, after };
  }

  const read = (ref: ObjectRef, key: CustomerKey) => readAll({ store }, ref, sseC(key));

  it.each([0, 1, 70_000, limitBytes])('of %i bytes copies all of them', async (size) => {
    const body = bodyOf(randomBytes(size));
    const object = await written(`size ${size}`, body);
    const copied = await rekey(object);
    expect(copied).toMatchObject({ isVerified: true, source: { size } });
    expectBytes(await read(object.ref, object.after), body.whole);
    expect(await store.head(newCall(), object.ref, sseC(object.after))).toMatchObject({
      etag: copied?.etag,
      checksum: copied?.checksum,
    });
  });

  it('to a new name copies all bytes, and never replaces an object of another client', async () => {
    const object = await written('renamed', bodyOf('content'));
    const to = { bucket, key: `${object.ref.key} to` };
    const copy = () =>
      copyThrough(context, newCall(), object.ref, to, {
        ...writeOptions(sseC(object.after)),
        sourceAccess: sseC(object.before),
        sourceEtag: object.etag,
        sourceSize: object.size,
        onlyIfAbsent: true,
        metadataFrom: 'copy',
      });
    expect(await copy()).toMatchObject({ isVerified: true, source: { size: object.size } });
    expectBytes(await read(to, object.after), 'content');
    await expect(copy()).rejects.toMatchObject({ kind: 'exists' });
    await store.remove(newCall(), to);
    const other = newKey();
    beforeWrite = async () => {
      await store.put(newCall(), to, bodyOf('theirs'), writeOptions(sseC(other)));
    };
    await expect(copy()).rejects.toMatchObject({ kind: 'exists' });
    expectBytes(await read(to, other), 'theirs');
    expectBytes(await read(object.ref, object.before), 'content');
  });

  it('leaves larger objects, and those whose listing was outdated, to the server', async () => {
    const larger = await written('larger', bodyOf(randomBytes(limitBytes + 1)));
    expect(await rekey(larger)).toBeNull();
    expect(await rekey({ ...larger, size: 1 })).toBeNull();
    const stale = { ...larger, etag: '"00000000000000000000000000000000"', size: 1 };
    await expect(rekey(stale)).rejects.toMatchObject({ kind: 'conflict' });
    expect(await read(larger.ref, larger.before)).toHaveLength(limitBytes + 1);
  });

  it('keeps metadata, content headers, tags and the redirection', async () => {
    const object = await written('described');
    const at = { Bucket: bucket, Key: object.ref.key };
    const described = {
      CacheControl: 'max-age=60, must-revalidate',
      ContentDisposition: `attachment; filename="a b.txt"; filename*=UTF-8''a%20b`,
      ContentEncoding: 'gzip',
      ContentLanguage: 'de, en-GB',
      ContentType: 'text/x-kept; charset="utf-8"',
      Metadata: {
        mtime: '1700000000',
        odd: `a  b, c; "d" = 'e' \\ <f> & %41 +`,
        encoded: '=?UTF-8?B?w6TDtsO8?=',
      },
      StorageClass: 'STANDARD',
      WebsiteRedirectLocation: '/elsewhere?a=b&c',
    } as const;
    const expires = new Date('2030-01-02T03:04:05Z');
    const sealed = (key: CustomerKey) => ({
      SSECustomerAlgorithm: 'AES256',
      // The SDK accepts bytes, although its type is string.
      SSECustomerKey: key.reveal() as Uint8Array & string,
    });
    const put = { ...at, ...described, Expires: expires, Body: 'kept', ...sealed(object.before) };
    const { ETag = '' } = await target.client().send(new PutObjectCommand(put));
    const tags = { kind: 'a+b = c', 'empty/one': '', '<&>': `"'` };
    await store.putTags(newCall(), object.ref, { ...tags, [keyTagName]: 'another' });
    const look = async (key: CustomerKey) => {
      const head = await target.client().send(new HeadObjectCommand({ ...at, ...sealed(key) }));
      const names = [...Object.keys(described), 'ExpiresString', 'ContentLength'] as (keyof typeof head)[];
      return Object.fromEntries(names.map((name) => [name, head[name]]));
    };
    const asItWas = await look(object.before);
    expect(asItWas).toMatchObject({ Metadata: described.Metadata, CacheControl: described.CacheControl });
    expect(await rekey({ ...object, etag: ETag, size: 4 })).toMatchObject({ isVerified: true });
    expect(await look(object.after)).toEqual(asItWas);
    const own = { [keyTagName]: object.after.fingerprint };
    expect(await store.getTags(newCall(), object.ref)).toEqual({ ...tags, ...own });
  });

  it('applies the requested ACL', async () => {
    const object = await written('public');
    expect(await rekey(object, { acl: 'public-read' })).toMatchObject({ isVerified: true });
    expect(await store.getAcl(newCall(), object.ref)).toBe('public-read');
  });

  it('keeps an object that another client writes after the read', async () => {
    for (const content of ['newer', 'as it was!']) {
      const object = await written('overwritten');
      const other = newKey();
      beforeWrite = async () => {
        await store.put(newCall(), object.ref, bodyOf(content), writeOptions(sseC(other)));
      };
      await expect(rekey(object)).rejects.toMatchObject({ kind: 'conflict' });
      expectBytes(await read(object.ref, other), content);
    }
  });

  it('does not restore an object that another client removes after the read', async () => {
    for (const where of [bucket, versioned]) {
      const object = await written('removed', bodyOf('gone'), where);
      beforeWrite = () => store.remove(newCall(), object.ref);
      await expect(rekey(object)).rejects.toMatchObject({ kind: 'conflict' });
      expect(await store.head(newCall(), object.ref, sseC(object.after))).toBeNull();
    }
  });

  it('returns the version that it created, and keeps a newer version on top', async () => {
    const object = await written('versions', bodyOf('first'), versioned);
    const copied = await rekey(object);
    const head = await store.head(newCall(), object.ref, sseC(object.after));
    expect(copied).toMatchObject({ isVerified: true, versionId: head?.versionId });
    expect(head?.versionId).toBeTruthy();
    const again = { ...object, etag: copied?.etag ?? '', before: object.after, after: newKey() };
    const other = newKey();
    beforeWrite = async () => {
      await store.put(newCall(), object.ref, bodyOf('newer'), writeOptions(sseC(other)));
    };
    await expect(rekey(again)).rejects.toMatchObject({ kind: 'conflict' });
    expectBytes(await read(object.ref, other), 'newer');
  });
}
