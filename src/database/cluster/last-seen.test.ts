import { describe, expect, it } from 'vitest';
import { deadMs, writeLimitMs } from './clock.js';
import { LastSeen } from './last-seen.js';

describe('a process that shows itself to the database', () => {
  it('may write until it was not seen for the limit, which ends before others declare it dead', async () => {
    let nowMs = 1_000;
    const seen = new LastSeen('database', () => nowMs);
    nowMs += writeLimitMs - 1;
    seen.requireRecent();
    nowMs += 1;
    expect(() => seen.requireRecent()).toThrow(
      'nothing is written to S3, because the database has not seen this process for 7 s',
    );
    expect(writeLimitMs).toBeLessThan(deadMs);
    await seen.by(async () => true);
    seen.requireRecent();
  });

  it('counts from the start of a request, and not if it has no answer or another process took its place', async () => {
    let nowMs = 1_000;
    const seen = new LastSeen('database', () => nowMs);
    nowMs += writeLimitMs - 1;
    await seen.by(async () => {
      nowMs += 5_000;
      return true;
    });
    nowMs += writeLimitMs - 5_000;
    expect(() => seen.requireRecent()).toThrow(/has not seen/);
    await expect(seen.by(() => Promise.reject(new Error('no answer')))).rejects.toThrow('no answer');
    expect(await seen.by(async () => false)).toBe(false);
    expect(() => seen.requireRecent()).toThrow(/has not seen/);
  });
});
