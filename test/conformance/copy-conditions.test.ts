import { CopyObjectCommand, ListObjectVersionsCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock, systemEntropy } from '../../src/assembly/system.js';
import type { CustomerKey } from '../../src/model/customer-key.js';
import { Fault } from '../../src/model/fault.js';
import { probePrefix } from '../../src/model/gateway-objects.js';
import type { CopyOptions, ObjectRef } from '../../src/model/object-store.js';
import { createS3Client } from '../../src/s3/client.js';
import { createContext, type S3Context } from '../../src/s3/context.js';
import { copyObject } from '../../src/s3/copy/copy.js';
import { DirectRequests } from '../../src/s3/direct/direct-requests.js';
import type { S3Transport } from '../../src/s3/http/transport.js';
import { createS3ObjectStore, type S3ObjectStore } from '../../src/s3/object-store.js';
import { type S3Target, s3Targets } from '../support/s3-targets.js';
import { bodyOf, expectBytes, faultOf, newCall, newKey, readAll, sseC, writeOptions } from './fixtures.js';

for (const target of await s3Targets()) {
  describe.skipIf(target.skip !== null)(`the first copies with a condition: ${target.name}`, () =>
    describeFirstCopies(target),
  );
}

/** Called before each command is sent. */
type Watch = (operation: string, key: string) => Promise<void>;

function describeFirstCopies(target: S3Target): void {
  let store: S3ObjectStore;
  let bucket: string;
  let versioned: string;
  const clients: (() => void)[] = [];

  beforeAll(async () => {
    bucket = await target.makeBucket();
    versioned = await target.makeVersionedBucket();
    store = createS3ObjectStore(storeOptions());
  });
  afterAll(async () => {
    for (const dispose of clients) dispose();
    await store[Symbol.asyncDispose]();
    await target.close();
  });

  function storeOptions() {
    const { endpoint, caFile, region, credentials } = target;
    return { endpoint, caFile, region, credentials, clock: systemClock, entropy: systemEntropy };
  }

  /** Returns the context of a new process, which calls `watch` before each command. */
  function newContext(watch: Watch): S3Context {
    const connection = createS3Client(storeOptions());
    const { client, transport } = connection;
    clients.push(() => client.destroy());
    client.middlewareStack.add(
      (next, { commandName }) =>
        async (args) => {
          await watch(commandName ?? '', 'Key' in args.input ? String(args.input.Key) : '');
          return next(args);
        },
      { step: 'initialize' },
    );
    const watched: Pick<S3Transport, 'handle'> = {
      async handle(request, sent) {
        const key = decodeURIComponent(request.path.split('/').slice(2).join('/'));
        if (request.method === 'PUT') await watch('PutObjectCommand', key);
        return transport.handle(request, sent);
      },
    };
    return {
      ...createContext(connection, storeOptions()),
      direct: new DirectRequests(client, watched),
    };
  }

  interface Rekey {
    readonly ref: ObjectRef;
    readonly etag: string;
    readonly before: CustomerKey;
    readonly after: CustomerKey;
  }

  async function written(name: string, where = bucket): Promise<Rekey> {
    const [before, after] = [newKey(), newKey()];
    const ref = { bucket: where, key: name };
    const { etag } = await store.put(newCall(), ref, bodyOf('as it was'), writeOptions(sseC(before)));
    return { ref, etag, before, after };
  }

  function rekey(context: S3Context, { ref, etag, before, after }: Rekey) {
    const options: CopyOptions = {
      ...writeOptions(sseC(after)),
      sourceAccess: sseC(before),
      sourceEtag: etag,
      onlyIfMatches: etag,
      metadataFrom: 'copy',
    };
    return copyObject(context, newCall(), ref, ref, options);
  }

  const read = (ref: ObjectRef, key: CustomerKey) => readAll({ store }, ref, sseC(key));

  /** Runs `work` right before the object is replaced. */
  const beforeReplacing = (ref: ObjectRef, work: () => Promise<unknown>): Watch => {
    let isDone = false;
    return async (operation, key) => {
      const replaces = operation === 'CopyObjectCommand' || operation === 'CompleteMultipartUploadCommand';
      if (!replaces || key !== ref.key || isDone) return;
      isDone = true;
      await work();
    };
  };

  const trials = async (where: string) => {
    const command = new ListObjectVersionsCommand({ Bucket: where, Prefix: probePrefix });
    const { Versions = [], DeleteMarkers = [] } = await target.client().send(command);
    return [...Versions, ...DeleteMarkers];
  };

  it('keep an object that another client writes at the last moment', async () => {
    const object = await written('overwritten');
    const other = newKey();
    const overwrite = () => store.put(newCall(), object.ref, bodyOf('newer'), writeOptions(sseC(other)));
    const context = newContext(beforeReplacing(object.ref, overwrite));
    await faultOf(rekey(context, object), 'conflict');
    expectBytes(await read(object.ref, other), 'newer');
  });

  it('do not restore an object that another client removes at the last moment', async () => {
    const object = await written('removed');
    const context = newContext(beforeReplacing(object.ref, () => store.remove(newCall(), object.ref)));
    await rekey(context, object).catch((error: unknown) => expect(error).toBeInstanceOf(Fault));
    expect(await store.head(newCall(), object.ref, sseC(object.after))).toBeNull();
  });

  it('test once with a trial object which conditions the server honours, and remove that object', async () => {
    for (const where of [bucket, versioned]) {
      const operations: string[] = [];
      const context = newContext(async (operation, key) => {
        if (key.startsWith(probePrefix)) operations.push(operation);
      });
      // CopyObject is used once a part copy has confirmed the encryption.
      await rekey(context, await written('confirmed', where));
      const objects = await Promise.all(['1', '2', '3'].map((name) => written(`learned ${name}`, where)));
      await Promise.all(objects.map((object) => rekey(context, object)));
      for (const { ref, after } of objects) expectBytes(await read(ref, after), 'as it was');
      expect(operations.filter((operation) => operation === 'CopyObjectCommand')).toHaveLength(1);
      expect(context.copyConditions.areHonoured).toBe(await honoursConditions());
      expect(await trials(where)).toEqual([]);
    }
  });

  it('are made even if the trial is denied, without a second trial', async () => {
    let tried = 0;
    const context = newContext(async (operation, key) => {
      if (operation !== 'PutObjectCommand' || !key.startsWith(probePrefix)) return;
      tried += 1;
      throw Object.assign(new Error('not here'), {
        name: 'AccessDenied',
        $metadata: { httpStatusCode: 403 },
      });
    });
    for (const name of ['denied 1', 'denied 2']) {
      const object = await written(name);
      expect(await rekey(context, object)).not.toBeNull();
      expectBytes(await read(object.ref, object.after), 'as it was');
    }
    expect(context.copyConditions.areHonoured).toBeNull();
    expect(tried).toBe(1);
  });

  /** Tests the server without the adapter. */
  async function honoursConditions(): Promise<boolean> {
    const at = { Bucket: bucket, Key: 'asked' };
    await store.put(
      newCall(),
      { bucket, key: at.Key },
      bodyOf('x'),
      writeOptions({ kind: 'bucket-default' }),
    );
    const copy = new CopyObjectCommand({
      ...at,
      CopySource: `${bucket}/${at.Key}`,
      MetadataDirective: 'REPLACE',
      IfMatch: '"00000000000000000000000000000000"',
    });
    return target
      .client()
      .send(copy)
      .then(
        () => false,
        (error: unknown) => error instanceof Error && error.name === 'PreconditionFailed',
      );
  }
}
