import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sourceOf } from '../addresses/source.js';
import { Admission, type AdmittedConnection } from './admission.js';
import { defaultServerLimits, type ServerLimits } from './limits.js';

interface Entry {
  readonly source: string;
  readonly connection: AdmittedConnection;
  isDropped: boolean;
}

class TestAdmission {
  nowMs = 0;
  random = 0.999;
  readonly admission: Admission;

  constructor(limits: Partial<ServerLimits> = {}) {
    const clock = { nowMs: () => this.nowMs };
    this.admission = new Admission({ ...defaultServerLimits, ...limits }, clock, () => this.random);
  }

  /** Returns the entry, or the refusal. */
  enter(source: string): Entry | string {
    const entry = { source, isDropped: false } as { -readonly [K in keyof Entry]: Entry[K] };
    const connection = this.admission.enter(source, () => {
      entry.isDropped = true;
    });
    if (typeof connection === 'string') return connection;
    entry.connection = connection;
    return entry;
  }

  admitted(source: string): Entry {
    const entry = this.enter(source);
    if (typeof entry === 'string') throw new Error(entry);
    return entry;
  }
}

describe('unauthenticated connections', () => {
  it('are all admitted below the start of the random drop', () => {
    const test = new TestAdmission();
    test.random = 0;
    for (let count = 0; count < 100; count++) expect(test.enter(`s${count}`)).not.toBeTypeOf('string');
    expect(test.enter('another')).toBe('too many connections');
  });

  it('are dropped with a probability that grows from the rate to 1', () => {
    const test = new TestAdmission({ unauthenticatedStart: 10, maxUnauthenticated: 30 });
    for (let count = 0; count < 20; count++) test.admitted(`s${count}`);
    // Half of the way from 30 % to 100 %.
    test.random = 0.64;
    expect(test.enter('x')).toBe('too many connections');
    test.random = 0.66;
    test.admitted('y');
    test.random = 0.999;
    while (test.admission.unauthenticated < 30) test.admitted(`z${test.admission.unauthenticated}`);
    expect(test.enter('x')).toBe('too many connections');
  });

  it('have a bound for each source', () => {
    const test = new TestAdmission({ maxUnauthenticatedPerSource: 3 });
    for (let count = 0; count < 3; count++) test.admitted('a');
    expect(test.enter('a')).toBe('too many connections from this source');
    expect(test.enter('b')).not.toBeTypeOf('string');
  });

  it('give the slot of a silent connection of the same source to a new one', () => {
    const test = new TestAdmission({ maxUnauthenticatedPerSource: 2 });
    const [first, second] = [test.admitted('a'), test.admitted('a')];
    first.connection.identified();
    test.nowMs = 1000;
    test.admitted('a');
    expect([first.isDropped, second.isDropped]).toEqual([false, true]);
    expect(test.enter('a')).toBe('too many connections from this source');
  });

  it('give the slot of a refused login of the same source to a new one', () => {
    const test = new TestAdmission({ maxUnauthenticatedPerSource: 2 });
    const [first, second] = [test.admitted('a'), test.admitted('a')];
    for (const { connection } of [first, second]) connection.identified();
    test.nowMs = 5_000;
    expect(test.enter('a')).toBe('too many connections from this source');
    second.connection.refused();
    test.admitted('a');
    expect([first.isDropped, second.isDropped]).toEqual([false, true]);
  });

  it('lose a slot of the source that has most of them, not that of a new source', () => {
    const test = new TestAdmission({ unauthenticatedStart: 4, maxUnauthenticated: 4 });
    const large = [test.admitted('large'), test.admitted('large'), test.admitted('large')];
    for (const { connection } of large) connection.identified();
    test.admitted('small');
    test.admitted('new');
    expect(large.map(({ isDropped }) => isDropped)).toEqual([true, false, false]);
    expect(test.admission.unauthenticated).toBe(4);
  });

  it('leave a user from a seventh address a slot while six addresses hold silent connections', () => {
    const test = new TestAdmission();
    test.random = 0;
    for (let count = 0; count < 1200; count++) test.enter(`attacker${count % 6}`);
    expect(test.admission.unauthenticated).toBeLessThanOrEqual(400);
    for (let login = 0; login < 100; login++) {
      const user = test.admitted('user');
      test.enter(`attacker${login % 6}`);
      expect(user.isDropped).toBe(false);
      expect(user.connection.logIn('alice')).toBeNull();
      user.connection.leave();
    }
  });

  it('do not take the slots of sessions', () => {
    const test = new TestAdmission({ maxUnauthenticated: 2, unauthenticatedStart: 2, maxSessions: 10 });
    for (let count = 0; count < 10; count++) {
      expect(test.admitted(`s${count}`).connection.logIn('alice')).toBeNull();
    }
    expect([test.admission.unauthenticated, test.admission.sessions]).toEqual([0, 10]);
    expect(test.admitted('x').connection.logIn('bob')).toBe('too many sessions');
  });
});

describe('sessions', () => {
  it('have a bound for each user and for each source', () => {
    const test = new TestAdmission({ maxSessionsPerUser: 2, maxSessionsPerSource: 3 });
    expect(test.admitted('a').connection.logIn('alice')).toBeNull();
    const second = test.admitted('b').connection;
    expect(second.logIn('alice')).toBeNull();
    expect(test.admitted('c').connection.logIn('alice')).toBe('too many sessions of this user');
    expect(test.admitted('a').connection.logIn('bob')).toBeNull();
    expect(test.admitted('a').connection.logIn('bob')).toBeNull();
    expect(test.admitted('a').connection.logIn('carol')).toBe('too many sessions from this address');
    second.leave();
    expect(test.admitted('c').connection.logIn('alice')).toBeNull();
  });

  it('are counted to zero in any order of events', () => {
    const action = fc.constantFrom('enter', 'identify', 'refuse', 'logIn', 'leave', 'wait');
    const step = fc.record({ action, pick: fc.nat(20), source: fc.constantFrom('a', 'b', 'c') });
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 200 }),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (steps, random) => {
          const test = new TestAdmission({
            unauthenticatedStart: 3,
            maxUnauthenticated: 8,
            maxUnauthenticatedPerSource: 4,
            maxSessions: 6,
          });
          test.random = random;
          const entries: Entry[] = [];
          for (const { action, pick, source } of steps) {
            const picked = entries[pick % Math.max(1, entries.length)];
            if (action === 'wait') test.nowMs += 700;
            else if (action === 'enter') {
              const entry = test.enter(source);
              if (typeof entry !== 'string') entries.push(entry);
            } else if (picked !== undefined && !picked.isDropped) {
              if (action === 'identify') picked.connection.identified();
              else if (action === 'refuse') picked.connection.refused();
              else if (action === 'logIn') picked.connection.logIn(`user of ${pick}`);
              else picked.connection.leave();
            }
            expect(test.admission.unauthenticated).toBeLessThanOrEqual(8);
            expect(test.admission.sessions).toBeLessThanOrEqual(6);
          }
          for (const { connection } of entries) connection.leave();
          expect([test.admission.unauthenticated, test.admission.sessions]).toEqual([0, 0]);
          for (let count = 0; count < 3; count++) test.admitted('a');
        },
      ),
    );
  });
});

describe('sourceOf', () => {
  it.each([
    ['192.0.2.7', '192.0.2.7'],
    ['::ffff:192.0.2.7', '192.0.2.7'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:db8:1:2::9', '2001:db8:1:2::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['unknown', 'unknown'],
  ])('counts %s as %s', (address, source) => {
    expect(sourceOf(address)).toBe(source);
  });
});
