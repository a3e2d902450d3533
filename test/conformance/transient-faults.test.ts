import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemEntropy } from '../../src/assembly/system.js';
import type { Clock } from '../../src/model/call.js';
import { noKey } from '../../src/model/encryption.js';
import type { Fault } from '../../src/model/fault.js';
import type { CopyOptions, ObjectRef, PartReceipt } from '../../src/model/object-store.js';
import { createS3ObjectStore, type S3ObjectStore } from '../../src/s3/object-store.js';
import { FaultProxy, type ProxyAction, type SeenRequest } from '../support/fault-proxy.js';
import { type S3Target, s3Targets } from '../support/s3-targets.js';
import {
  bodyOf,
  faultOf,
  newCall,
  newKey,
  newRef,
  readAll,
  type StoreTarget,
  sseC,
  writeOptions,
} from './fixtures.js';

/*
 * Every transient fault at every request of every operation: the requests of each operation are counted in a
 * run without faults, and then each of them fails in each way, for as long as an outage lasts.
 */

/** The outages that each fault is tried with. A drill tries shorter ones too, with the faults of a restart. */
const outagesMs = process.env['SFTPGW_DRILL'] === 'full' ? [5_000, 15_000, 60_000] : [60_000];

/** A clock that skips its waits, so that an outage of a minute takes no time. */
class SkippingClock implements Clock {
  #skippedMs = 0;
  nowMs = () => Date.now();
  monotonicMs = () => performance.now() + this.#skippedMs;

  async sleep(ms: number): Promise<void> {
    this.#skippedMs += ms;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

const xmlError = (code: string) =>
  `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>m</Message></Error>`;
const answer = (status: number, code: string, headers = {}): ProxyAction => ({
  do: 'answer',
  status,
  headers,
  body: code === '' ? '' : xmlError(code),
});

const slowDown = answer(503, 'SlowDown');

interface Passing {
  readonly name: string;
  readonly action: ProxyAction;
  /** The requests to which S3 or a network may answer so. */
  readonly fits?: (seen: SeenRequest) => boolean;
  /** True for a fault that may happen a few times, but not for a minute. */
  readonly isRare?: boolean;
}

const isRead = ({ method }: SeenRequest) => method === 'GET' || method === 'HEAD';
const isObjectRead = (seen: SeenRequest) =>
  isRead(seen) && !/[?&](tagging|acl|uploads|versions|list-type)/.test(seen.url);
const hasKey = ({ headers }: SeenRequest) => 'x-amz-server-side-encryption-customer-key' in headers;
const isCopy = ({ headers }: SeenRequest) => 'x-amz-copy-source' in headers;
const isComplete = ({ method, url }: SeenRequest) => method === 'POST' && url.includes('uploadId=');
const hasBody = (seen: SeenRequest) =>
  seen.method === 'PUT' && Number(seen.headers['content-length'] ?? 0) >= 1000;
const changed = (headers: Readonly<Record<string, string | null>>): ProxyAction => ({
  do: 'change-headers',
  headers,
});
const keyMd5 = 'x-amz-server-side-encryption-customer-key-md5';

const faults: readonly Passing[] = [
  { name: 'a reset', action: { do: 'reset' } },
  { name: 'a reset in the middle of the body', action: { do: 'reset', afterBodyBytes: 1000 }, fits: hasBody },
  { name: 'a lost answer', action: { do: 'lose-answer' } },
  { name: '500', action: answer(500, 'InternalError') },
  { name: '500 without a body', action: answer(500, '') },
  { name: '502 of a proxy', action: { do: 'answer', status: 502, body: '<html>bad gateway</html>' } },
  { name: '503', action: slowDown },
  { name: '503 with Retry-After', action: answer(503, 'ServiceUnavailable', { 'retry-after': '7' }) },
  { name: '504 without a body', action: answer(504, '') },
  { name: '429', action: answer(429, 'TooManyRequests') },
  {
    name: '400 RequestTimeout',
    action: answer(400, 'RequestTimeout'),
    fits: ({ method }) => method !== 'HEAD',
  },
  {
    name: '409 OperationAborted',
    action: answer(409, 'OperationAborted'),
    fits: ({ method }) => method !== 'HEAD',
  },
  { name: '400 BadDigest', action: answer(400, 'BadDigest'), fits: hasBody, isRare: true },
  {
    name: '200 with an error',
    action: answer(200, 'InternalError'),
    fits: (seen) => isRead(seen) || isCopy(seen) || isComplete(seen),
  },
  {
    name: '200 with nothing',
    action: answer(200, ''),
    fits: (seen) => isRead(seen) || isCopy(seen) || isComplete(seen),
  },
  { name: '200 without an ETag', action: changed({ etag: null }), fits: isObjectRead },
  {
    name: '200 without the key',
    action: changed({ [keyMd5]: null }),
    fits: (seen) => isObjectRead(seen) && hasKey(seen),
  },
  {
    name: '200 with another key',
    action: changed({ [keyMd5]: newKey().md5Base64 }),
    fits: (seen) => isObjectRead(seen) && hasKey(seen),
  },
  {
    name: '206 with another range',
    action: changed({ 'content-range': 'bytes 1-2/9' }),
    fits: ({ headers }) => 'range' in headers,
  },
  { name: '418', action: answer(418, 'Teapot'), fits: isRead },
];

/** The faults of a server that restarts. A shorter outage than a minute is tried with these only. */
const isTypical = (name: string) => name === 'a reset' || name === '503';

interface World {
  readonly store: S3ObjectStore;
  /** Reaches S3 without faults. */
  readonly calm: S3ObjectStore;
  readonly ref: ObjectRef;
  readonly other: ObjectRef;
}

/** Prepares an operation over the calm store, and returns it. Its result must not depend on faults. */
type Prepare = (world: World) => Promise<() => Promise<unknown>>;

const encryption = sseC(newKey());
const content = bodyOf(Buffer.alloc(4000, 'content '));
const call = newCall();
const stored = ({ calm, ref }: World) => calm.put(call, ref, content, writeOptions(encryption));
const copyOptions: CopyOptions = {
  ...writeOptions(sseC(newKey())),
  sourceAccess: encryption,
  metadataFrom: 'copy',
};

async function uploaded({ store, calm, ref }: World) {
  const begun = await calm.beginUpload(call, ref, writeOptions(encryption));
  begun.park();
  return store.resumeUpload(call, ref, writeOptions(encryption), begun.uploadId);
}

/** Returns the content of an object, as the calm store reads it. */
const contentOf = (
  { calm }: World,
  ref: ObjectRef,
  access: Parameters<S3ObjectStore['read']>[2] = encryption,
) => readAll({ store: calm }, ref, access);

const operations: Readonly<Record<string, Prepare>> = {
  head: async (world) => {
    await stored(world);
    return async () => (await world.store.head(call, world.ref, encryption))?.size;
  },
  'head of no object':
    async ({ store, ref }) =>
    () =>
      store.head(call, ref, noKey),
  read: async (world) => {
    await stored(world);
    return async () => (await readAll(world, world.ref, encryption))?.equals(content.whole);
  },
  'read of a range': async (world) => {
    await stored(world);
    return async () => (await readAll(world, world.ref, encryption, { start: 10, end: 90 }))?.toString();
  },
  put: async (world) => async () => {
    await world.store.put(call, world.ref, content, writeOptions(encryption));
    return (await contentOf(world, world.ref))?.equals(content.whole);
  },
  'put without a customer key': async (world) => async () => {
    await world.store.put(call, world.ref, content, writeOptions({ kind: 'sse-s3' }));
    return (await contentOf(world, world.ref, noKey))?.equals(content.whole);
  },
  'put of a new object only': async (world) => async () => {
    await world.store.put(call, world.ref, content, writeOptions(encryption, { onlyIfAbsent: true }));
    return (await contentOf(world, world.ref))?.equals(content.whole);
  },
  'begin an upload': async (world) => async () => {
    await using upload = await world.store.beginUpload(call, world.ref, writeOptions(encryption));
    upload.park();
    return (await world.calm.listUploads(call, world.ref.bucket, world.ref.key)).some(
      ({ uploadId }) => uploadId === upload.uploadId,
    );
  },
  'upload a part': async (world) => {
    const upload = await uploaded(world);
    return async () => (await upload.uploadPart(call, 1, content)).size;
  },
  complete: async (world) => {
    const upload = await uploaded(world);
    const calm = world.calm.resumeUpload(call, world.ref, writeOptions(encryption), upload.uploadId);
    const receipt: PartReceipt = await calm.uploadPart(call, 1, content);
    calm.park();
    return async () => {
      await upload.complete(call, [receipt], { size: content.byteLength, checksum: content.checksum });
      return (await contentOf(world, world.ref))?.equals(content.whole);
    };
  },
  abort: async (world) => {
    const upload = await uploaded(world);
    return async () => {
      await upload.abort(call);
      return world.calm.listUploads(call, world.ref.bucket, world.ref.key);
    };
  },
  'copy a part': async (world) => {
    const { etag } = await stored(world);
    const upload = await uploaded({ ...world, ref: world.other });
    const { byteLength: size, checksum } = content;
    const source = { ref: world.ref, access: encryption, etag, size, checksum };
    return async () => (await upload.copyPart(call, 1, source))?.size;
  },
  copy: async (world) => {
    await stored(world);
    return async () => {
      await world.store.copy(call, world.ref, world.other, copyOptions);
      return (await contentOf(world, world.other, copyOptions.encryption as typeof encryption))?.equals(
        content.whole,
      );
    };
  },
  remove: async (world) => {
    await stored(world);
    return async () => {
      await world.store.remove(call, world.ref);
      return world.calm.head(call, world.ref, encryption);
    };
  },
  list: async (world) => {
    await stored(world);
    const { bucket, key } = world.ref;
    return async () =>
      (await world.store.list(call, { bucket, prefix: key, delimiter: null })).objects.length;
  },
  'list uploads': async (world) => {
    await uploaded(world);
    return async () => (await world.store.listUploads(call, world.ref.bucket, world.ref.key)).length;
  },
  'list versions': async (world) => {
    await stored(world);
    const { bucket, key } = world.ref;
    return async () => (await world.store.listVersions(call, { bucket, prefix: key })).versions.length;
  },
  'get tags': async (world) => {
    await stored(world);
    return () => world.store.getTags(call, world.ref);
  },
  'put tags': async (world) => {
    await stored(world);
    return async () => {
      await world.store.putTags(call, world.ref, { colour: 'red' });
      return world.calm.getTags(call, world.ref);
    };
  },
  'get the ACL': async (world) => {
    await stored(world);
    return () => world.store.getAcl(call, world.ref);
  },
};

for (const target of await s3Targets()) {
  describe.skipIf(target.skip !== null)(`passing faults in front of ${target.name}`, () =>
    describeFaults(target),
  );
}

function describeFaults(target: S3Target): void {
  let proxy: FaultProxy;
  let bucket: string;
  let calm: S3ObjectStore;

  beforeAll(async () => {
    bucket = await target.makeBucket();
    proxy = await FaultProxy.start(target.endpoint, target.caFile);
    calm = open(target.endpoint, new SkippingClock());
  });
  afterAll(async () => {
    await calm[Symbol.asyncDispose]();
    await proxy[Symbol.asyncDispose]();
    await target.close();
  });

  function open(endpoint: string, clock: Clock): S3ObjectStore {
    const { region, credentials, caFile } = target;
    return createS3ObjectStore({ endpoint, region, credentials, caFile, clock, entropy: systemEntropy });
  }

  /** Runs an operation while `decide` chooses what happens to its requests. */
  async function run(
    prepare: Prepare,
    decide: (seen: SeenRequest, index: number, elapsedMs: number) => ProxyAction,
  ): Promise<unknown> {
    const clock = new SkippingClock();
    await using store = open(proxy.endpoint, clock);
    const given = { bucket } as StoreTarget;
    const operation = await prepare({ store, calm, ref: newRef(given), other: newRef(given, 'other') });
    const startMs = clock.monotonicMs();
    let index = 0;
    proxy.decide = (seen) => decide(seen, index++, clock.monotonicMs() - startMs);
    return operation().finally(() => {
      proxy.decide = () => ({ do: 'pass' });
    });
  }

  async function requestsOf(prepare: Prepare): Promise<{ requests: SeenRequest[]; result: unknown }> {
    const requests: SeenRequest[] = [];
    const result = await run(prepare, (seen) => {
      requests.push(seen);
      return { do: 'pass' };
    });
    return { requests, result };
  }

  describe.each(Object.entries(operations))('%s', (_, prepare) => {
    it.each(outagesMs)(
      'survives every fault at every request for %i ms',
      async (outageMs) => {
        const { requests, result } = await requestsOf(prepare);
        expect(requests.length).toBeGreaterThan(0);
        for (const [step, request] of requests.entries()) {
          for (const { name, action, fits = () => true, isRare = false } of faults) {
            if (!fits(request) || (outageMs < 60_000 && !isTypical(name))) continue;
            let times = 0;
            const found = run(prepare, (seen, index, elapsedMs) => {
              if (index < step || elapsedMs > outageMs || !fits(seen)) return { do: 'pass' };
              times += 1;
              return isRare && times > 2 ? { do: 'pass' } : action;
            });
            const where = `${name} at request ${step + 1}, ${request.method} ${request.url}`;
            await found.catch((error: unknown) => {
              throw new Error(`${where}: ${String(error)}`);
            });
            expect(await found, where).toEqual(result);
          }
        }
      },
      60_000,
    );

    it('finds what a write has done if its answer is lost and no read succeeds for a minute', async () => {
      const { requests, result } = await requestsOf(prepare);
      for (const [step, request] of requests.entries()) {
        if (isRead(request)) continue;
        const found = await run(prepare, (seen, index, elapsedMs) => {
          if (index === step) return { do: 'lose-answer' };
          return index > step && isRead(seen) && elapsedMs < 60_000 ? slowDown : { do: 'pass' };
        });
        expect(found, `${request.method} ${request.url}`).toEqual(result);
      }
    }, 60_000);

    it('ends with a transient fault when the fault does not pass', async () => {
      const { requests, result } = await requestsOf(prepare);
      for (const { name, action, fits = () => true, isRare = false } of faults) {
        const first = requests.findIndex(fits);
        if (first === -1 || isRare || action.do === 'lose-answer') continue;
        // An answer without an object has none of these headers.
        if (action.do === 'change-headers' && result === null) continue;
        const failing = run(prepare, (seen, index) =>
          index >= first && fits(seen) ? action : { do: 'pass' },
        );
        const fault: Fault = await faultOf(
          failing.catch((error: Fault) => {
            error.message = `${name}: ${error.message}`;
            throw error;
          }),
          'unavailable',
          'throttled',
          'timed-out',
        );
        expect(fault.isTransient).toBe(true);
      }
    }, 60_000);
  });
}
