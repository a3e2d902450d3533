import { createHash } from 'node:crypto';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemEntropy } from '../assembly/system.js';
import { checksumOf } from '../bytes/running-checksum.js';
import type { Call, Clock } from '../model/call.js';
import { CustomerKey } from '../model/customer-key.js';
import { Fault } from '../model/fault.js';
import { createS3ObjectStore } from './object-store.js';

/*
 * A minute of SlowDown, in virtual time over real connections. The load is open: every 100 ms one operation
 * begins, whatever became of the others. Each operation is one request when S3 accepts it.
 */

const stepMs = 100;
const minuteMs = 60_000;
const silent = { debug() {}, info() {}, warn() {}, error() {}, child: () => silent };
const call: Call = { id: 'x', signal: new AbortController().signal, log: silent };

/** Time that passes only when the test advances it. */
class VirtualClock implements Clock {
  ms = 0;
  readonly #sleepers = new Set<{ readonly atMs: number; wake(): void }>();
  nowMs = () => this.ms;
  monotonicMs = () => this.ms;

  sleep(ms: number): Promise<void> {
    return new Promise((wake) => this.#sleepers.add({ atMs: this.ms + ms, wake }));
  }

  async advance(ms: number): Promise<void> {
    const untilMs = this.ms + ms;
    for (;;) {
      const due = [...this.#sleepers].filter(({ atMs }) => atMs <= untilMs);
      const [next] = due.sort((one, other) => one.atMs - other.atMs);
      if (next === undefined) break;
      this.#sleepers.delete(next);
      this.ms = Math.max(this.ms, next.atMs);
      next.wake();
      await new Promise((resolve) => setImmediate(resolve));
    }
    this.ms = untilMs;
  }
}

/** The same pseudo-random half in every run. */
function isRefused(requestNumber: number): boolean {
  return (createHash('sha256').update(String(requestNumber)).digest()[0] ?? 0) < 128;
}

let server: http.Server;
let requests = 0;
let inFlight = 0;
let isStormy = false;

beforeAll(async () => {
  server = http.createServer((request, response) => {
    requests += 1;
    inFlight += 1;
    response.on('close', () => {
      inFlight -= 1;
    });
    request.resume().on('end', () => {
      if (isStormy && isRefused(requests)) {
        response.writeHead(503).end('<Error><Code>SlowDown</Code></Error>');
      } else if (request.url?.includes('list-type')) {
        response.end(
          '<ListBucketResult><EncodingType>url</EncodingType><IsTruncated>false</IsTruncated></ListBucketResult>',
        );
      } else {
        const body = request.method === 'GET' ? 'body' : '';
        response.writeHead(200, { ...echoOf(request.headers), 'content-length': body.length }).end(body);
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterAll(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

function echoOf(headers: http.IncomingHttpHeaders): http.OutgoingHttpHeaders {
  const echoed = Object.entries(headers).filter(([name]) => /customer-(algorithm|key-md5)$/.test(name));
  return { etag: '"e"', ...Object.fromEntries(echoed) };
}

/**
 * Resolves when nothing is left to do at this time: no operation is pending, or none has reached S3 for a
 * moment.
 */
async function settled(pending: ReadonlySet<unknown>): Promise<void> {
  let before = requests;
  let changedMs = performance.now();
  while (pending.size > 0 && performance.now() - changedMs < 3) {
    await new Promise((resolve) => setImmediate(resolve));
    if (inFlight === 0 && requests === before) continue;
    before = requests;
    changedMs = performance.now();
  }
}

describe('an S3 that refuses every connection for a minute', () => {
  it('receives at most 1.2 times the requests of the minute before, and all of the load a minute later', async () => {
    const clock = new VirtualClock();
    let attempts = 0;
    let isDown = false;
    const down = http.createServer((request, response) => {
      attempts += 1;
      if (isDown) request.socket.destroy();
      else response.writeHead(200, { etag: '"e"', 'content-length': 0 }).end();
    });
    await new Promise<void>((resolve) => down.listen(0, '127.0.0.1', resolve));
    const store = createS3ObjectStore({
      endpoint: `http://127.0.0.1:${(down.address() as AddressInfo).port}`,
      region: 'us-east-1',
      credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
      clock,
      entropy: systemEntropy,
    });
    try {
      const pending = new Set<Promise<unknown>>();
      let failed = 0;
      const minute = async () => {
        const before = attempts;
        for (let ms = 0; ms < minuteMs; ms += stepMs) {
          const running: Promise<unknown> = store
            .head(call, { bucket: 'bucket', key: 'key' }, { kind: 'no-key' })
            .catch(() => {
              failed += 1;
            })
            .finally(() => pending.delete(running));
          pending.add(running);
          await clock.advance(stepMs);
          const seen = attempts;
          for (let turn = 0; turn < 20 || attempts !== seen; turn += 1) {
            await new Promise((resolve) => setImmediate(resolve));
            if (turn > 200) break;
          }
        }
        return attempts - before;
      };
      const calm = await minute();
      isDown = true;
      const outage = await minute();
      isDown = false;
      await minute();
      const after = await minute();
      expect(outage).toBeLessThanOrEqual(1.2 * calm);
      expect(Math.abs(after - calm)).toBeLessThanOrEqual(10);
      expect(failed).toBeLessThan(calm);
    } finally {
      await store[Symbol.asyncDispose]();
      down.closeAllConnections();
      await new Promise((resolve) => down.close(resolve));
    }
  }, 120_000);
});

describe('an S3 that answers half of the requests with SlowDown for a minute', () => {
  it('receives at most 1.2 times the requests of the minute before, retries included, and all of the load a minute later', async () => {
    const clock = new VirtualClock();
    await using store = createS3ObjectStore({
      endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      region: 'us-east-1',
      credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
      clock,
      entropy: systemEntropy,
    });
    const encryption = { kind: 'sse-c', key: CustomerKey.fromBytes(systemEntropy.bytes(32)) } as const;
    const ref = { bucket: 'bucket', key: 'key' };
    const body = { chunks: [], byteLength: 0, checksum: checksumOf(store.checksumAlgorithm) };
    const written = { encryption, acl: null, metadata: {}, contentType: null };
    const operations = [
      () => store.read(call, ref, encryption, null),
      () => store.head(call, ref, encryption),
      () => store.put(call, ref, body, written),
      () => store.list(call, { bucket: 'bucket', prefix: '', delimiter: null }),
    ];
    // The first requests take longer, for they load the credentials.
    for (const operation of operations) await operation();
    const pending = new Set<Promise<unknown>>();
    const outcomes = { done: 0, failed: 0 };
    const faults = new Set<string>();

    const begin = (number: number) => {
      const running: Promise<unknown> = (operations[number % operations.length] ?? operations[0])?.().then(
        () => {
          outcomes.done += 1;
          pending.delete(running);
        },
        (error: unknown) => {
          outcomes.failed += 1;
          faults.add(error instanceof Fault ? error.kind : String(error));
          pending.delete(running);
        },
      ) as Promise<unknown>;
      pending.add(running);
    };
    /** Offers a minute's load and returns how many requests arrived. */
    const minute = async () => {
      const before = requests;
      for (let ms = 0; ms < minuteMs; ms += stepMs) {
        begin(ms / stepMs);
        await clock.advance(stepMs);
        await settled(pending);
      }
      return requests - before;
    };

    const calm = await minute();
    expect(calm).toBe(minuteMs / stepMs);
    isStormy = true;
    const storm = await minute();
    isStormy = false;
    expect(storm).toBeLessThanOrEqual(1.2 * calm);
    await minute();
    const after = await minute();
    expect(after).toBe(calm);
    expect(pending.size).toBe(0);
    expect([...faults].every((kind) => kind === 'throttled')).toBe(true);
  }, 120_000);
});
