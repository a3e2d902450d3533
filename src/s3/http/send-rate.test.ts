import { describe, expect, it } from 'vitest';
import type { Clock } from '../../model/call.js';
import { SendRate } from './send-rate.js';

/** A clock that jumps to the end of each sleep. */
class JumpingClock implements Pick<Clock, 'monotonicMs' | 'sleep'> {
  ms = 0;
  monotonicMs = () => this.ms;
  async sleep(ms: number): Promise<void> {
    this.ms += ms;
  }
}

/** Sends requests for the given time, one after the other, and returns how many a second. */
async function rateOver(rate: SendRate, clock: JumpingClock, seconds: number, refused: () => boolean) {
  const endMs = clock.ms + seconds * 1000;
  let sent = 0;
  while (clock.ms < endMs) {
    await rate.admit(undefined);
    sent += 1;
    // Without a limit, the work itself takes ten milliseconds a request.
    if (rate.perSecond === null) clock.ms += 10;
    rate.answered(refused(), 0);
  }
  return sent / seconds;
}

function setUp() {
  const clock = new JumpingClock();
  return { clock, rate: new SendRate(clock) };
}

const never = () => false;
const always = () => true;

describe('the send rate', () => {
  it('has no limit without refusals', async () => {
    const { clock, rate } = setUp();
    expect(await rateOver(rate, clock, 20, never)).toBe(100);
    expect(rate.perSecond).toBeNull();
  });

  it('falls to half while S3 refuses everything, and not further', async () => {
    const { clock, rate } = setUp();
    await rateOver(rate, clock, 20, never);
    const storm = await rateOver(rate, clock, 60, always);
    expect(storm).toBeGreaterThan(49);
    expect(storm).toBeLessThan(55);
    expect(rate.perSecond).toBe(50);
  });

  it('recovers within twenty seconds, and then has no limit', async () => {
    const { clock, rate } = setUp();
    await rateOver(rate, clock, 20, never);
    await rateOver(rate, clock, 60, always);
    await rateOver(rate, clock, 20, never);
    expect(rate.perSecond).toBeNull();
    expect(await rateOver(rate, clock, 10, never)).toBe(100);
  });

  it('settles near what S3 accepts', async () => {
    const { clock, rate } = setUp();
    await rateOver(rate, clock, 20, never);
    let second = 0;
    let accepted = 0;
    const above60 = () => {
      const now = Math.floor(clock.ms / 1000);
      if (now !== second) accepted = 0;
      second = now;
      accepted += 1;
      return accepted > 60;
    };
    const settled = await rateOver(rate, clock, 60, above60);
    expect(settled).toBeGreaterThan(50);
    expect(settled).toBeLessThan(72);
  });

  it('allows a few requests a second when almost nothing was sent before', async () => {
    const { rate } = setUp();
    await rate.admit(undefined);
    rate.answered(true, 0);
    expect(rate.perSecond).toBeCloseTo(6.4);
  });

  it('pauses for the Retry-After of S3, up to thirty seconds', async () => {
    for (const [askedMs, pausedMs] of [
      [7_000, 7_000],
      [3_600_000, 30_000],
    ] as const) {
      const { clock, rate } = setUp();
      await rate.admit(undefined);
      rate.answered(true, askedMs);
      await rate.admit(undefined);
      expect(clock.ms).toBe(pausedMs);
    }
  });

  it('releases waiting requests in order, and ends a wait with its signal', async () => {
    const { clock, rate } = setUp();
    rate.answered(true, 1_000);
    const order: string[] = [];
    const cancel = new AbortController();
    const first = rate.admit(undefined).then(() => order.push('first'));
    const second = rate.admit(cancel.signal);
    const third = rate.admit(undefined).then(() => order.push('third'));
    cancel.abort();
    await expect(second).rejects.toMatchObject({ name: 'AbortError' });
    await Promise.all([first, third]);
    expect(order).toEqual(['first', 'third']);
    expect(clock.ms).toBeGreaterThan(1_000);
  });

  it('refuses requests that would wait longer than thirty seconds', async () => {
    const { rate } = setUp();
    rate.answered(true, 30_000);
    const settled = await Promise.allSettled(Array.from({ length: 400 }, () => rate.admit(undefined)));
    const failed = settled.filter((one) => one.status === 'rejected');
    expect(failed.length).toBeGreaterThan(200);
    for (const { reason } of failed) expect(reason).toMatchObject({ kind: 'throttled' });
  });
});
