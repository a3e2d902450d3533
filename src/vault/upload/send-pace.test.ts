import { describe, expect, it } from 'vitest';
import type { Clock } from '../../model/call.js';
import { Fault } from '../../model/fault.js';
import { LastRate, SendPace } from './send-pace.js';

const mebibyte = 1024 ** 2;
const never = new AbortController().signal;

/** A clock that a test advances. */
class TestClock implements Clock {
  #nowMs = 1000;
  readonly #sleepers = new Set<{ readonly untilMs: number; readonly wake: () => void }>();

  nowMs(): number {
    return this.#nowMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const sleeper = { untilMs: this.#nowMs + ms, wake: resolve };
      this.#sleepers.add(sleeper);
      signal?.addEventListener('abort', () => {
        this.#sleepers.delete(sleeper);
        reject(new Fault('cancelled', 'the wait was cancelled'));
      });
    });
  }

  /** Lets time pass, and everything that waited for it run. */
  async advance(ms: number): Promise<void> {
    this.#nowMs += ms;
    for (const sleeper of this.#sleepers) if (sleeper.untilMs <= this.#nowMs) sleeper.wake();
    await settled();
  }
}

function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

async function isPending(promise: Promise<void>): Promise<boolean> {
  let isDone = false;
  void promise.then(() => {
    isDone = true;
  });
  await settled();
  return !isDone;
}

/** Returns a pace whose first part of 8 MiB took `ms`. */
async function measured(ms: number, clock = new TestClock(), last = new LastRate(clock)): Promise<SendPace> {
  const pace = new SendPace(clock, last);
  const arrived = pace.sending(8 * mebibyte);
  await clock.advance(ms);
  arrived(true);
  return pace;
}

describe('the pace of an upload', () => {
  it('lets a client continue while S3 accepts the waiting bytes within ten seconds', async () => {
    const pace = await measured(8_000);
    pace.sending(5 * mebibyte);
    expect(pace.turn(() => 5 * mebibyte, never)).toBeNull();
    const turn = pace.turn(() => 5 * mebibyte + 1, never);
    expect(turn).not.toBeNull();
  });

  it('lets a client wait for the first part while no rate is known', async () => {
    const clock = new TestClock();
    const pace = new SendPace(clock, new LastRate(clock));
    expect(pace.turn(() => 8 * mebibyte, never)).toBeNull();
    const arrived = pace.sending(8 * mebibyte);
    const turn = pace.turn(() => 1, never);
    if (turn === null) throw new Error('the client must wait');
    expect(await isPending(turn)).toBe(true);
    await clock.advance(100);
    arrived(true);
    await turn;
  });

  it('never lets a client wait while nothing is being sent', async () => {
    const pace = await measured(100_000);
    expect(pace.turn(() => 100 * mebibyte, never)).toBeNull();
  });

  it('answers a client at least every twelve seconds', async () => {
    const clock = new TestClock();
    const pace = await measured(80_000, clock);
    pace.sending(5 * mebibyte);
    const turns = [1, 2].map((bytes) => pace.turn(() => bytes, never) ?? Promise.resolve());
    const [first = Promise.resolve(), second = Promise.resolve()] = turns;
    await settled();
    await clock.advance(11_999);
    expect(await isPending(first)).toBe(true);
    await clock.advance(1);
    await first;
    expect(await isPending(second)).toBe(true);
    await clock.advance(12_000);
    await second;
  });

  it('ends a wait with its signal, and when a request fails', async () => {
    const pace = await measured(80_000);
    const failed = pace.sending(5 * mebibyte);
    const client = new AbortController();
    const first = pace.turn(() => 1, client.signal);
    const second = pace.turn(() => 1, never);
    client.abort();
    await first;
    await settled();
    failed(false);
    await second;
  });

  it.each([
    [200_000, 5 * mebibyte],
    [8_000, 5 * mebibyte],
    [4_000, 10 * mebibyte],
    [100, 64 * mebibyte],
  ])(
    'gives parts the size that S3 accepts within five seconds: after %i ms for 8 MiB, %i',
    async (ms, bytes) => {
      const pace = await measured(ms);
      expect(pace.partBytes(2, 64 * mebibyte)).toBe(bytes);
      expect(pace.partBytes(2, 8 * mebibyte)).toBe(Math.min(bytes, 8 * mebibyte));
      expect(pace.partBytes(2_001, 64 * mebibyte)).toBe(64 * mebibyte);
    },
  );

  it('notices that S3 becomes slower before the part arrives', async () => {
    const clock = new TestClock();
    const pace = await measured(100, clock);
    pace.sending(8 * mebibyte);
    expect(pace.turn(() => 64 * mebibyte, never)).toBeNull();
    await clock.advance(60_000);
    expect(pace.turn(() => 64 * mebibyte, never)).not.toBeNull();
  });

  it('starts with the rate of the last upload, for five minutes', async () => {
    const clock = new TestClock();
    const last = new LastRate(clock);
    await measured(80_000, clock, last);
    expect(new SendPace(clock, last).partBytes(1, 8 * mebibyte)).toBe(5 * mebibyte);
    await clock.advance(300_001);
    expect(new SendPace(clock, last).partBytes(1, 8 * mebibyte)).toBe(8 * mebibyte);
  });

  it('does not take the latency of small bodies for the rate', async () => {
    const clock = new TestClock();
    const last = new LastRate(clock);
    const arrived = new SendPace(clock, last).sending(1000);
    await clock.advance(500);
    arrived(true);
    expect(last.bytesPerMs).toBeNull();
  });
});
