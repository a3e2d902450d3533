import { beforeEach, describe, expect, it } from 'vitest';
import type { LoginGuard } from '../model/bans.js';
import type { Clock } from '../model/call.js';
import { LoginAttempts } from './attempts.js';

const { signal } = new AbortController();
const wrong = async () => null;
let nowMs = 0;
let slept: number[] = [];
let asked: string[] = [];
let delayMs = 0;
let isBanned = false;
/** The time in ms that a check takes. */
let checkMs = 0;

const clock: Clock = {
  nowMs: () => nowMs,
  monotonicMs: () => nowMs,
  sleep: async (ms, until) => {
    if (until !== signal) throw new Error('the wait does not end with its request');
    slept.push(ms);
  },
};
const guard: LoginGuard = {
  mayCheck: (address, name) => {
    asked.push(`check ${address} ${name}`);
    return !isBanned;
  },
  refused: async (address, name) => {
    asked.push(`refused ${address} ${name}`);
    return delayMs;
  },
  loggedIn: (address, name) => asked.push(`in ${address} ${name}`),
};

beforeEach(() => {
  nowMs = 0;
  slept = [];
  asked = [];
  delayMs = 0;
  isBanned = false;
  checkMs = 0;
});

const from = (address: string | null, name = 'alice') => ({ name, address, signal });

describe('an attempt to log in', () => {
  it('returns what its check has found, and is not counted as a failure', async () => {
    const attempts = new LoginAttempts(guard, clock);
    expect(await attempts.run(from('192.0.2.7'), 'wrong', async (source) => `of ${source}`)).toBe(
      'of 192.0.2.7',
    );
    attempts.loggedIn('alice', '192.0.2.7');
    expect(asked).toEqual(['check 192.0.2.7 console alice', 'in 192.0.2.7 console alice']);
    expect(slept).toEqual([]);
  });

  it('that fails waits for the rest of its delay, with the text that it was given', async () => {
    const attempts = new LoginAttempts(guard, clock);
    delayMs = 5_000;
    const check = async () => {
      nowMs += checkMs;
      return null;
    };
    for (const [takes, waits] of [
      [0, [5_000]],
      [2_000, [3_000]],
      [5_000, []],
      [6_000, []],
    ] as const) {
      slept = [];
      checkMs = takes;
      await expect(attempts.run(from('192.0.2.7'), 'the text', check)).rejects.toMatchObject({
        kind: 'unauthenticated',
        hint: 'the text',
      });
      expect(slept).toEqual(waits);
    }
    expect(asked.filter((text) => text.startsWith('refused'))).toHaveLength(4);
  });

  it('from a banned address does not check the secret', async () => {
    isBanned = true;
    const attempts = new LoginAttempts(guard, clock);
    let checks = 0;
    const right = async () => {
      checks += 1;
      return true;
    };
    await expect(attempts.run(from('192.0.2.7'), 'wrong', right)).rejects.toMatchObject({
      kind: 'unauthenticated',
    });
    expect(checks).toBe(0);
    // The socket of the machine has no address that could be banned.
    expect(await attempts.run(from(null), 'wrong', async (source) => source)).toBe('local');
  });

  it.each<[string, LoginGuard | null, string | null]>([
    ['without a guard', null, '192.0.2.7'],
    ['from the socket of the machine', guard, null],
  ])('%s fails at once, and nothing counts it', async (_what, counting, address) => {
    const attempts = new LoginAttempts(counting, clock);
    delayMs = 5_000;
    await expect(attempts.run(from(address), 'wrong', wrong)).rejects.toMatchObject({
      kind: 'unauthenticated',
    });
    expect(await attempts.run(from(address), 'wrong', async () => 'found')).toBe('found');
    attempts.loggedIn('alice', address);
    expect([asked, slept]).toEqual([[], []]);
  });
});

describe('attempts in work', () => {
  /** Attempts whose checks wait for `end`. */
  function held(attempts: LoginAttempts) {
    const { promise, resolve } = Promise.withResolvers<true>();
    const running: Promise<unknown>[] = [];
    const begin = (address: string) => {
      const run = attempts.run(from(address), 'wrong', () => promise);
      running.push(run);
      return run;
    };
    const end = async () => {
      resolve(true);
      await Promise.all(running);
    };
    return { begin, end };
  }
  const isThrottled = (attempts: LoginAttempts, address: string) =>
    attempts
      .run(from(address), 'wrong', async () => 'in')
      .then(
        () => false,
        (error: unknown) => {
          expect(error).toMatchObject({ kind: 'throttled' });
          return true;
        },
      );

  it('are at most four of one address or IPv6 network, and others are not affected', async () => {
    for (const [one, same, other] of [
      ['192.0.2.7', '192.0.2.7', '192.0.2.8'],
      ['2001:db8::1', '2001:db8::ffff', '2001:db8:0:1::1'],
    ] as const) {
      const attempts = new LoginAttempts(guard, clock);
      const { begin, end } = held(attempts);
      for (let count = 0; count < 3; count += 1) void begin(one);
      expect(await isThrottled(attempts, same)).toBe(false);
      void begin(one);
      expect(await isThrottled(attempts, same)).toBe(true);
      expect(await isThrottled(attempts, other)).toBe(false);
      await end();
      expect(await isThrottled(attempts, same)).toBe(false);
    }
  });

  it('are at most 32 of all addresses', async () => {
    const attempts = new LoginAttempts(guard, clock);
    const { begin, end } = held(attempts);
    for (let count = 0; count < 31; count += 1) void begin(`192.0.2.${count}`);
    expect(await isThrottled(attempts, '198.51.100.1')).toBe(false);
    void begin('192.0.2.31');
    expect(await isThrottled(attempts, '198.51.100.1')).toBe(true);
    await end();
    expect(await isThrottled(attempts, '198.51.100.1')).toBe(false);
  });

  it('end also if their check fails', async () => {
    const attempts = new LoginAttempts(guard, clock);
    for (let count = 0; count < 40; count += 1) {
      const check = count % 2 === 0 ? wrong : () => Promise.reject(new Error('failed'));
      await expect(attempts.run(from('192.0.2.7'), 'wrong', check)).rejects.not.toMatchObject({
        kind: 'throttled',
      });
    }
  });
});
