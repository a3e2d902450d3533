import { describe, expect, it } from 'vitest';
import { ManualClock } from '../mirror/testing/manual-clock.js';
import type { LoginFacts } from '../model/live.js';
import type { LiveSession } from './live-session.js';
import { LiveSessions } from './live-sessions.js';

const clock = new ManualClock();
const limits = { maxSessions: 4, maxSessionsPerUser: 2, maxSessionsPerAddress: 3 };
const login = (username: string): LoginFacts => ({
  protocol: 'sftp',
  username,
  address: '192.0.2.7',
  methods: 'publickey',
  keyFingerprint: null,
  certificate: null,
  connection: null,
});
const request = (id: string, username: string, source: string | null, disconnect = () => undefined) => ({
  id,
  login: login(username),
  source,
  disconnect,
});
const opened = (session: LiveSession | string): LiveSession => {
  if (typeof session === 'string') throw new Error(session);
  return session;
};

describe('the registry of sessions', () => {
  it('bounds sessions in total, by user and by address', () => {
    const live = new LiveSessions(limits, clock);
    const first = opened(live.open(request('1', 'bob', 'a')));
    opened(live.open(request('2', 'bob', null)));
    expect(live.open(request('3', 'bob', 'b'))).toBe('too many sessions of this user');
    opened(live.open(request('4', 'ann', 'a')));
    const last = opened(live.open(request('5', 'ann', 'a')));
    expect(live.open(request('6', 'eve', null))).toBe('too many sessions');
    live.close(last, 'a');
    live.close(last, 'a');
    expect(live.count).toBe(3);
    opened(live.open(request('7', 'ann', 'a')));
    live.close(first, 'a');
    expect(opened(live.open(request('8', 'eve', 'a'))).login.username).toBe('eve');
    expect(live.countOf('bob')).toBe(1);
  });

  it('refuses an address with the maximum of sessions', () => {
    const live = new LiveSessions({ ...limits, maxSessionsPerUser: 9 }, clock);
    for (const id of ['1', '2', '3']) opened(live.open(request(id, 'bob', 'a')));
    expect(live.open(request('4', 'ann', 'a'))).toBe('too many sessions from this address');
  });

  it('counts the sessions of other nodes', () => {
    const live = new LiveSessions({ ...limits, maxSessionsOfNodes: 6 }, clock);
    live.countOthers({ count: 2, byUser: new Map([['bob', 2]]), bySource: new Map([['a', 2]]) });
    expect(live.open(request('1', 'bob', 'b'))).toBe('too many sessions of this user');
    opened(live.open(request('2', 'ann', 'a')));
    expect(live.open(request('3', 'eve', 'a'))).toBe('too many sessions from this address');
    live.countOthers({ count: 4, byUser: new Map(), bySource: new Map() });
    opened(live.open(request('4', 'bob', 'a')));
    expect(live.open(request('5', 'eve', null))).toBe('too many sessions');
    live.countOthers({ count: 0, byUser: new Map(), bySource: new Map() });
    for (const id of ['6', '7']) opened(live.open(request(id, `user ${id}`, null)));
    expect(live.open(request('8', 'eve', null))).toBe('too many sessions');
  });

  it('shows channels and transfers, and keeps the totals of ended channels', async () => {
    const live = new LiveSessions(limits, clock);
    const session = opened(live.open(request('1', 'bob', 'a')));
    const tally = { filesWritten: 1, filesRead: 0, bytesReceived: 10, bytesSent: 0 };
    const channel = { tally, inFlight: 1, lastDataMs: clock.monotonicMs() };
    const leave = session.addChannel(channel);
    const transfer = session.openTransfer('/uploads/a', 'upload');
    transfer.bytes = 2000;
    transfer.keyId = 'k';
    await clock.advance(2000);
    const [status] = await live.list();
    expect(status).toMatchObject({ id: '1', idleMs: 2000, bytesReceived: 10 });
    expect(status?.transfers).toMatchObject([
      { path: '/uploads/a', bytes: 2000, bytesPerSecond: 1000, keyId: 'k', waitsFor: 'gateway' },
    ]);
    transfer.isCommitting = true;
    expect(session.status.transfers[0]?.waitsFor).toBe('storage');
    leave();
    leave();
    session.closeTransfer(transfer);
    expect(session.status).toMatchObject({ bytesReceived: 10, transfers: [] });
  });

  it('disconnects a session by its id', async () => {
    const live = new LiveSessions(limits, clock);
    let isDisconnected = false;
    const disconnect = () => {
      isDisconnected = true;
      return undefined;
    };
    live.open(request('1', 'bob', 'a', disconnect));
    expect(await live.disconnect('2')).toBeNull();
    expect(await live.disconnect('1')).toMatchObject({ username: 'bob' });
    expect(isDisconnected).toBe(true);
  });
});
