import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FailedConnection } from '@sftpgw/ssh';
import { parseSource, sourceOf } from '@sftpgw/ssh';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Clock } from '../../model/call.js';
import { Fault } from '../../model/fault.js';
import type { LoginDecision, UserLogin } from '../../model/users/logins.js';
import { RequestCall } from '../request-call.js';
import { type LogLine, recordingLogger, testEntropy } from '../testing/test-logger.js';
import { createMemoryCounters } from './counters.js';
import { guardedLogins } from './guarded-logins.js';
import { KnownLogins } from './known-logins.js';
import { type DefenceOptions, LoginDefence } from './login-defence.js';
import { type DefenceLimits, defaultDefenceLimits, delayAfter } from './penalties.js';

/** A clock that only the test moves. Sleeps longer than the test end with their signal. */
class TestClock implements Clock {
  now = 1_000_000;
  readonly slept: number[] = [];
  nowMs(): number {
    return this.now;
  }
  monotonicMs(): number {
    return this.now;
  }
  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    this.slept.push(ms);
    if (ms < 60_000) {
      this.now += ms;
      return Promise.resolve();
    }
    return new Promise((_resolve, reject) => {
      signal?.addEventListener('abort', () => reject(new Fault('cancelled', 'stopped')));
    });
  }
}

const attacker = '198.51.100.66';
const office = '192.0.2.1';
const failed = (change: Partial<FailedConnection>): FailedConnection => ({
  address: attacker,
  username: null,
  refusals: {},
  reasons: {},
  isIdentified: true,
  cause: 'other',
  ...change,
});
/** Lets the counters, which answer with promises, finish. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

describe('the defence of logins', () => {
  let directory: string;
  let clock: TestClock;
  let lines: LogLine[];
  const open: LoginDefence[] = [];
  const start = async (options: Partial<DefenceOptions> = {}, limits: Partial<DefenceLimits> = {}) => {
    const file = join(directory, 'bans.json');
    const defence = await LoginDefence.open({ file, log: recordingLogger(lines), clock, limits, ...options });
    open.push(defence);
    return defence;
  };
  const fail = async (defence: LoginDefence, times: number, address = attacker, username = 'alice') => {
    let delayMs = 0;
    for (let time = 0; time < times; time++) delayMs = await defence.refused(address, username);
    return delayMs;
  };
  const bansLogged = () => lines.filter(({ message }) => message === 'address banned');

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'defence-'));
    clock = new TestClock();
    lines = [];
  });
  afterEach(async () => {
    for (const one of open.splice(0)) await one.close();
    rmSync(directory, { recursive: true });
  });

  it('doubles the delay of refusals, by address and user, by address, and by user', async () => {
    const defence = await start({}, { banAfterPenalty: 0 });
    const delays: number[] = [];
    for (let time = 0; time < 9; time++) delays.push(await defence.refused(attacker, 'alice'));
    expect(delays).toEqual([0, 0, 300, 600, 1_200, 2_400, 4_800, 9_600, 10_000]);
    // Another user from the same address: the address counts.
    expect(await defence.refused(attacker, 'bob')).toBeGreaterThan(0);
    // The same user from other addresses: the user counts after 20 failures.
    for (let host = 1; host <= 11; host++)
      expect(await defence.refused(`203.0.113.${host}`, 'alice')).toBe(0);
    expect(await defence.refused('203.0.113.99', 'alice')).toBe(300);
  });

  it('bans an address after 20 wrong passwords, with one line, and no other address', async () => {
    const defence = await start();
    await fail(defence, 19);
    expect(defence.admit(attacker)).toBeNull();
    await fail(defence, 30);
    expect(defence.admit(attacker)).toBe('too many failed logins from this address: try again later');
    expect(defence.mayCheck(attacker, 'alice')).toBe(false);
    expect([defence.admit(office), defence.mayCheck(office, 'alice')]).toEqual([null, true]);
    expect(bansLogged()).toHaveLength(1);
    expect(bansLogged()[0]?.fields).toMatchObject({ address: attacker, scope: 'everyone', seconds: 600 });
    clock.now += 600_000;
    expect(defence.admit(attacker)).toBeNull();
  });

  it('bans for twice as long the second time', async () => {
    const defence = await start();
    await fail(defence, 20);
    clock.now += 600_000;
    await fail(defence, 20);
    expect(bansLogged().map(({ fields }) => fields['seconds'])).toEqual([600, 1_200]);
  });

  it('does not refuse a user where they have logged in before, whoever guesses from there', async () => {
    const defence = await start();
    defence.loggedIn(office, 'alice');
    await fail(defence, 500, office, 'alice');
    await fail(defence, 500, attacker, 'alice');
    expect([defence.admit(office), defence.mayCheck(office, 'alice')]).toEqual([null, true]);
    expect(defence.mayCheck(office, 'root')).toBe(false);
    expect((await defence.list()).map(({ source, scope }) => [source, scope])).toEqual([
      [office, 'new-users'],
      [attacker, 'everyone'],
    ]);
  });

  it('never refuses a user from a new address, however many other addresses guess', async () => {
    const defence = await start();
    for (let host = 1; host < 255; host++) await fail(defence, 25, `203.0.113.${host}`, 'alice');
    expect([defence.admit(office), defence.mayCheck(office, 'alice')]).toEqual([null, true]);
  });

  it('penalises connections without a login, but not scans of the port', async () => {
    const defence = await start();
    for (let scan = 0; scan < 500; scan++) defence.connectionFailed(failed({ isIdentified: false }));
    for (let probe = 0; probe < 49; probe++) defence.connectionFailed(failed({}));
    defence.connectionFailed(failed({ username: 'alice', refusals: { password: 9 } }));
    for (let keys = 0; keys < 8; keys++) {
      defence.connectionFailed(failed({ username: 'alice', refusals: { publickey: 6 } }));
    }
    await settled();
    expect(defence.admit(attacker)).toBeNull();
    defence.connectionFailed(failed({ cause: 'fault' }));
    await settled();
    expect(defence.admit(attacker)).toBeNull();
    defence.connectionFailed(failed({ cause: 'timeout', username: 'alice' }));
    await settled();
    expect(defence.admit(attacker)).not.toBeNull();
  });

  it('counts an IPv6 network of 64 bits as one address', async () => {
    const defence = await start();
    for (let host = 1; host <= 20; host++)
      await defence.refused(`2001:db8:1:2::${host.toString(16)}`, 'alice');
    expect(defence.admit('2001:db8:1:2:ffff::1')).not.toBeNull();
    expect(defence.admit('2001:db8:1:3::1')).toBeNull();
    expect((await defence.list())[0]?.source).toBe('2001:db8:1:2::/64');
    expect(await defence.clear('2001:db8:1:2::/64')).toBe(1);
  });

  it('does not ban exempt addresses, and bans none with banAfterPenalty 0', async () => {
    const exemptFrom = { contains: (address: string) => address === attacker };
    const exempt = await start({ exemptFrom });
    expect(await fail(exempt, 50)).toBe(0);
    const off = await start({}, { banAfterPenalty: 0 });
    await fail(off, 50);
    expect([exempt.admit(attacker), off.admit(attacker)]).toEqual([null, null]);
  });

  it('refuses denied addresses, and addresses that are not in the list of allowed ones', async () => {
    const of = (...listed: readonly string[]) => ({
      contains: (address: string) => listed.includes(address),
    });
    const defence = await start({ allowFrom: of(office, attacker), denyFrom: of(attacker) });
    expect(defence.admit(office)).toBeNull();
    expect(defence.admit(attacker)).toBe('this address may not connect');
    expect(defence.admit('203.0.113.5')).toBe('this address may not connect');
  });

  it('keeps bans and known logins over a restart', async () => {
    const first = await start();
    first.loggedIn(office, 'alice');
    await first.add(attacker, 3_600_000);
    await first.close();
    expect(statSync(join(directory, 'bans.json')).mode & 0o777).toBe(0o600);
    const second = await start();
    expect(second.admit(attacker)).not.toBeNull();
    await fail(second, 30, office, 'root');
    expect([second.mayCheck(office, 'alice'), second.mayCheck(office, 'root')]).toEqual([true, false]);
    expect(await second.clear(null)).toBe(2);
    await second.close();
    expect((await start()).admit(attacker)).toBeNull();
  });

  it('starts without bans if the file is damaged, and logs it', async () => {
    writeFileSync(join(directory, 'bans.json'), '{"bans": 1}');
    const defence = await start();
    expect(await defence.list()).toEqual([]);
    expect(lines.map(({ level, message }) => [level, message])).toEqual([
      ['error', 'bans of the last run not loaded'],
    ]);
  });

  it('logs counts instead of lines', async () => {
    const defence = await start({}, { banAfterPenalty: 0 });
    await fail(defence, 1_000);
    for (let time = 0; time < 500; time++) expect(await defence.busy(office, 'bob')).toBe(0);
    expect(await defence.busy(attacker, 'bob')).toBe(10_000);
    await defence.close();
    expect(lines).toEqual([
      {
        level: 'warn',
        message: 'logins refused',
        fields: { wrong: 1_000, busy: 501, addresses: 2, users: 2, seconds: 60 },
      },
    ]);
  });

  it('refuses text that is not an address', async () => {
    const defence = await start();
    await expect(defence.add('localhost', 1_000)).rejects.toMatchObject({ kind: 'invalid' });
    await expect(defence.clear('10.0.0.0/8')).rejects.toMatchObject({ kind: 'invalid' });
  });

  describe('around the logins of users', () => {
    const call = () => new RequestCall(new AbortController().signal, testEntropy, recordingLogger(lines));
    const login = (decision: LoginDecision): { readonly user: UserLogin; readonly checked: string[] } => {
      const checked: string[] = [];
      const password = async (text: string) => {
        checked.push(text);
        return decision;
      };
      const dialogue = () => ({ start: async () => ({ prompts: [] }), respond: async () => decision });
      return { checked, user: { methods: () => [], publicKey: async () => ({}), password, dialogue } };
    };
    const guarded = (user: UserLogin, defence: LoginDefence) =>
      guardedLogins({ begin: async () => user }, defence, clock).begin(call(), 'alice', attacker);

    it('delays wrong passwords and answers, and nothing else', async () => {
      const defence = await start();
      const wrong = await guarded(login('refused').user, defence);
      for (let time = 0; time < 4; time++) expect(await wrong.password('x')).toBe('refused');
      expect(clock.slept.filter((ms) => ms < 60_000)).toEqual([300, 600]);
      expect(await wrong.dialogue().respond(['x'])).toBe('refused');
      expect(clock.slept).toContain(1_200);
      const before = clock.now;
      expect(await (await guarded(login('accepted').user, defence)).password('x')).toBe('accepted');
      expect(await (await guarded(login('busy').user, defence)).password('x')).toBe('busy');
      expect(clock.now).toBe(before);
    });

    it('refuses passwords from a banned address without a check, and accepts keys', async () => {
      const defence = await start();
      await fail(defence, 20);
      const { user, checked } = login('accepted');
      const attempt = await guarded(user, defence);
      expect(await attempt.password('right')).toBe('refused');
      expect(checked).toEqual([]);
      expect(
        await attempt.publicKey({ kind: 'plain', type: 't', blob: Buffer.alloc(0), fingerprint: 'f' }),
      ).toEqual({});
    });
  });
});

describe('the parts of the defence', () => {
  it('forget only the oldest counter and the oldest known login', async () => {
    const counters = createMemoryCounters(60_000, 2);
    for (const key of ['a', 'b', 'c']) await counters.add(key, 1);
    expect(await counters.add('b', 1)).toBe(2);
    expect(await counters.add('a', 1)).toBe(1);
    const clock = new TestClock();
    const known = new KnownLogins({ maxKnownLogins: 2, knownLoginMs: 1_000 }, clock);
    for (const username of ['a', 'b', 'c']) known.add({ source: office, username, atMs: clock.now });
    expect(['a', 'b', 'c'].map((username) => known.has(office, username))).toEqual([false, true, true]);
    clock.now += 1_001;
    expect([known.hasSource(office), known.has(office, 'c')]).toEqual([false, false]);
  });

  it('name IPv4 addresses one by one and IPv6 addresses by network', () => {
    expect(sourceOf('::ffff:192.0.2.1')).toBe('192.0.2.1');
    expect(sourceOf('2001:db8::1')).toBe('2001:db8:0:0::/64');
    expect(parseSource('2001:db8:0:0::/64')).toBe('2001:db8:0:0::/64');
    expect([parseSource('192.0.2.1/64'), parseSource('x')]).toEqual([null, null]);
    expect(sourceOf('unknown')).toBe('unknown');
  });

  it('bound the delay of a refusal', () => {
    expect(delayAfter(1e6, 0, defaultDefenceLimits)).toBe(10_000);
  });
});
