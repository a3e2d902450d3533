import { describe, expect, it } from 'vitest';
import type { Call, Clock, Entropy } from '../model/call.js';
import { Fault, type FaultKind, faultKinds } from '../model/fault.js';
import { S3Error } from './errors/s3-error.js';
import { translate } from './errors/translate.js';
import { Retries } from './retry.js';

class FakeClock implements Clock {
  ms = 0;
  readonly sleeps: number[] = [];
  nowMs = () => this.ms;
  monotonicMs = () => this.ms;
  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) throw new Fault('cancelled', 'cancelled');
    this.sleeps.push(ms);
    this.ms += ms;
  }
}

const silent = { debug() {}, info() {}, warn() {}, error() {}, child: () => silent };
const callWith = (signal: AbortSignal): Call => ({ id: 'x', signal, log: silent });
const call = callWith(new AbortController().signal);
const entropyOf = (byte: number): Entropy => ({
  bytes: (length) => Buffer.alloc(length, byte),
  id: () => 'x',
});

function setUp(more: Partial<ConstructorParameters<typeof Retries>[0]> = {}) {
  const clock = new FakeClock();
  return { clock, retries: new Retries({ clock, entropy: entropyOf(255), ...more }) };
}

function failing(kind: FaultKind, times = Number.POSITIVE_INFINITY) {
  const attempts: number[] = [];
  const attempt = async (number: number) => {
    attempts.push(number);
    if (attempts.length <= times) throw new Fault(kind, 'again');
    return 'done';
  };
  return { attempts, attempt };
}

describe('a retry', () => {
  const transient = ['throttled', 'unavailable', 'timed-out'];

  it.each(faultKinds.filter((kind) => transient.includes(kind)))(
    'follows a transient fault (%s)',
    async (kind) => {
      const { retries } = setUp();
      const { attempts, attempt } = failing(kind, 2);
      expect(await retries.run(call, 'x', attempt)).toBe('done');
      expect(attempts).toEqual([1, 2, 3]);
    },
  );

  it.each(faultKinds.filter((kind) => !transient.includes(kind)))(
    'does not follow a permanent fault (%s)',
    async (kind) => {
      const { retries, clock } = setUp();
      const { attempts, attempt } = failing(kind);
      await expect(retries.run(call, 'x', attempt)).rejects.toMatchObject({ kind });
      expect(attempts).toEqual([1]);
      expect(clock.sleeps).toEqual([]);
    },
  );

  it('does not follow an error that is not a fault', async () => {
    const { retries } = setUp();
    await expect(retries.run(call, 'x', () => Promise.reject(new TypeError('bug')))).rejects.toThrow(
      TypeError,
    );
  });

  it('ends after the maximum of attempts with the last fault', async () => {
    const { retries } = setUp({ retry: { maxAttempts: 4 } });
    const { attempts, attempt } = failing('throttled');
    await expect(retries.run(call, 'x', attempt)).rejects.toMatchObject({ kind: 'throttled', hint: 'again' });
    expect(attempts).toHaveLength(4);
  });

  it('ends when the next attempt would exceed the time limit', async () => {
    const { retries, clock } = setUp({ retry: { maxAttempts: 1000, maxTotalMs: 5_000 } });
    await expect(retries.run(call, 'x', failing('unavailable').attempt)).rejects.toThrow();
    expect(clock.ms).toBe(5_000);
  });

  it.each([32, 64, 128, 255])('is repeated for 90 s by default, with the random byte %i', async (byte) => {
    const { retries, clock } = setUp({ entropy: entropyOf(byte), retry: { firstDelayMs: 100 } });
    const { attempts, attempt } = failing('unavailable');
    await expect(retries.run(call, 'x', attempt)).rejects.toMatchObject({ kind: 'unavailable' });
    expect(clock.ms).toBe(90_000);
    expect(attempts.length).toBeLessThan(100);
  });

  it.each([5_000, 15_000, 60_000])('survives an outage of %i ms', async (outageMs) => {
    const { retries, clock } = setUp({ entropy: entropyOf(200) });
    const attempt = async () => {
      if (clock.ms < outageMs) throw new Fault('unavailable', 'again');
      return 'done';
    };
    expect(await retries.run(call, 'x', attempt)).toBe('done');
    expect(clock.ms - outageMs).toBeLessThanOrEqual(10_000);
  });

  it('of a request whose bytes were damaged on the way is made three times', async () => {
    const { retries } = setUp();
    const cause = new S3Error('BadDigest: m', { code: 'BadDigest', isDamage: true });
    let attempts = 0;
    const attempt = async () => {
      attempts += 1;
      throw new Fault('corrupt', 'damaged', { cause });
    };
    await expect(retries.run(call, 'x', attempt)).rejects.toMatchObject({ kind: 'corrupt' });
    expect(attempts).toBe(4);
  });

  it('waits longer each time, up to a maximum, with jitter', async () => {
    const limits = { retry: { maxAttempts: 8, firstDelayMs: 100, maxDelayMs: 1_000 } };
    const sleepsWith = async (byte: number) => {
      const { retries, clock } = setUp({ ...limits, entropy: entropyOf(byte) });
      await retries.run(call, 'x', failing('throttled').attempt).catch(() => undefined);
      return clock.sleeps;
    };
    expect(await sleepsWith(255)).toEqual([100, 200, 400, 800, 1_000, 1_000, 1_000]);
    expect(await sleepsWith(128)).toEqual([51, 101, 201, 402, 502, 502, 502]);
    expect(await sleepsWith(0)).toEqual([1, 1, 1, 1, 1, 1, 1]);
  });

  it('waits as long as S3 asks for (Retry-After)', async () => {
    const { retries, clock } = setUp();
    const thrown = Object.assign(new Error('slow down'), {
      name: 'SlowDown',
      $metadata: { httpStatusCode: 503 },
      $response: { headers: { 'retry-after': '7' } },
    });
    const attempt = { operation: 'GetObject', bucket: 'b', key: 'k', permission: 's3:GetObject' };
    const verdict = translate(thrown, attempt);
    const fault = verdict.kind === 'fault' ? verdict.fault : null;
    let attempts = 0;
    await retries.run(call, 'x', async () => {
      attempts += 1;
      if (attempts === 1) throw fault;
    });
    expect(clock.sleeps).toEqual([7_000]);
  });

  it('is not made for a cancelled call, which makes no attempt at all', async () => {
    const { retries } = setUp();
    const { attempts, attempt } = failing('throttled');
    const over = callWith(AbortSignal.abort());
    await expect(retries.run(over, 'x', attempt)).rejects.toMatchObject({ kind: 'cancelled' });
    expect(attempts).toEqual([]);
  });
});
