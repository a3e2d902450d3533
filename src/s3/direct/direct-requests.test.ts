import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FaultProxy } from '../../../test/support/fault-proxy.js';
import { systemClock, systemEntropy } from '../../assembly/system.js';
import type { Call } from '../../model/call.js';
import { noKey } from '../../model/encryption.js';
import { createS3ObjectStore, type S3ObjectStore } from '../object-store.js';

const logged: string[] = [];
const log = {
  debug: (message: string) => logged.push(message),
  info() {},
  warn() {},
  error() {},
  child: () => log,
};
const call: Call = { id: 'x', signal: new AbortController().signal, log };
const bucket = 'the-bucket';
const ref = { bucket, key: 'the/key é' };

let server: FaultProxy;
let store: S3ObjectStore;

beforeAll(async () => {
  server = await FaultProxy.start('http://127.0.0.1:9', null);
  store = createS3ObjectStore({
    endpoint: server.endpoint,
    region: 'eu-central-1',
    credentials: { accessKeyId: 'a', secretAccessKey: 'b', sessionToken: 'c' },
    clock: systemClock,
    entropy: systemEntropy,
    retry: { maxAttempts: 1 },
  });
});
afterAll(async () => {
  await store[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

const page = { bucket, prefix: '', delimiter: null };
const operations: readonly (readonly [string, () => Promise<unknown>])[] = [
  ['read', () => store.read(call, ref, noKey, null, { ifMatch: '"e"' })],
  ['list', () => store.list(call, page)],
  ['getTags', () => store.getTags(call, ref)],
  ['getAcl', () => store.getAcl(call, ref)],
  ['head', () => store.head(call, ref, noKey)],
];

describe('an error answer of S3', () => {
  it.each([
    [503, 'SlowDown', 'throttled'],
    [412, 'PreconditionFailed', 'conflict'],
    [500, 'InternalError', 'unavailable'],
    [404, 'NoSuchBucket', 'not-found'],
    [403, 'InvalidAccessKeyId', 'denied'],
  ])('%i %s is requested once and becomes %s', async (status, code, kind) => {
    server.decide = () => ({
      do: 'answer',
      status,
      body: `<Error><Code>${code}</Code><Message>m</Message></Error>`,
    });
    // The answer to a HEAD has no code, so that other requests have to find it.
    for (const [name, operation] of operations.filter(([one]) => one !== 'head' || status === 503)) {
      const before = server.seen.length;
      await expect(operation(), name).rejects.toMatchObject({ kind });
      expect(server.seen.length - before, name).toBe(1);
    }
  });

  it('without XML, or longer than 64 KiB, is translated by its status', async () => {
    for (const body of ['', '<html>', `<Error><Code>SlowDown</Code>${' '.repeat(200_000)}</Error>`]) {
      server.decide = () => ({ do: 'answer', status: 503, body });
      for (const [, operation] of operations) {
        await expect(operation()).rejects.toMatchObject({ kind: 'throttled' });
      }
    }
  });
});

describe('a bucket that needs the SDK', () => {
  it('is counted and logged', async () => {
    server.decide = () => ({ do: 'answer', status: 404, body: '<Error><Code>NoSuchBucket</Code></Error>' });
    expect(store.requestsSentBySdk()).toBe(0);
    // An access point of several regions is signed with SigV4A.
    const arn = 'arn:aws:s3::123456789012:accesspoint:abcdef123456.mrap';
    await expect(store.list(call, { ...page, bucket: arn })).rejects.toThrow();
    expect(store.requestsSentBySdk()).toBe(1);
    expect(logged).toContain('S3 request sent through the SDK');
  });
});
