import { describe, expect, it } from 'vitest';
import { RecentPasswords } from './recent-passwords.js';

describe('recent passwords', () => {
  const clock = { now: 0, monotonicMs: () => clock.now };
  const recent = new RecentPasswords(clock);

  it('are recognised with their stored text, and forgotten after 15 minutes', () => {
    recent.add('pw', '$scrypt$stored');
    expect(recent.has('pw', '$scrypt$stored')).toBe(true);
    expect(recent.has('other', '$scrypt$stored')).toBe(false);
    expect(recent.has('pw', '$scrypt$changed')).toBe(false);
    expect(recent.has('pw', null)).toBe(false);
    clock.now += 15 * 60_000;
    expect(recent.has('pw', '$scrypt$stored')).toBe(false);
  });

  it('are those of 1,000 users', () => {
    for (let user = 0; user <= 1_000; user++) recent.add('pw', `$scrypt$${user}`);
    expect([recent.has('pw', '$scrypt$0'), recent.has('pw', '$scrypt$1')]).toEqual([false, true]);
  });
});
