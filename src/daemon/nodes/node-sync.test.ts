import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { backgroundCall } from '../../assembly/background-call.js';
import { systemClock, systemEntropy } from '../../assembly/system.js';
import { NodeRequests } from '../../database/cluster/node-requests.js';
import { NodeSessions } from '../../database/cluster/node-sessions.js';
import { DatabaseSharedLogins } from '../../database/cluster/shared-logins.js';
import type { GatewayDatabase, RowOwner } from '../../database/database.js';
import { openTwoNodes, ownedBy, silence, type TwoNodes } from '../../database/testing/nodes.js';
import type { LiveSession } from '../../live/live-session.js';
import { LiveSessions } from '../../live/live-sessions.js';
import type { Call } from '../../model/call.js';
import { Fault } from '../../model/fault.js';
import { type LogLine, recordingLogger } from '../../sftp/testing/test-logger.js';
import { ClusterSessions } from './cluster-sessions.js';
import { NodeSync } from './node-sync.js';

const limits = { maxSessions: 10, maxSessionsOfNodes: 4, maxSessionsPerUser: 2, maxSessionsPerAddress: 3 };

/** A node without its SFTP server. */
interface TestNode {
  readonly live: LiveSessions;
  readonly sync: NodeSync;
  readonly all: ClusterSessions;
  readonly ended: string[];
  open(id: string, username?: string): LiveSession | string;
}

let nodes: TwoNodes;
let stop: AbortController;
let lines: LogLine[];
let call: Call;
let isDown: boolean;
let a: TestNode;
let b: TestNode;

function startOn(db: GatewayDatabase, owner: RowOwner): TestNode {
  const own: GatewayDatabase = {
    ...ownedBy(db, owner),
    write: async (work) => {
      if (isDown) throw new Fault('unavailable', 'the database does not answer');
      return await db.write(work);
    },
  };
  const live = new LiveSessions(limits, systemClock);
  const sessions = new NodeSessions(own, owner);
  const requests = new NodeRequests(own, owner, systemClock, systemEntropy);
  const logins = new DatabaseSharedLogins(own);
  const clock = {
    ...systemClock,
    sleep: (_ms: number, signal?: AbortSignal) => systemClock.sleep(5, signal),
  };
  const sync = new NodeSync({ sessions, requests, logins, live, defence: { sync: async () => {} }, clock });
  const { signal } = stop;
  const all = new ClusterSessions({
    ...{ live, sessions, requests, nodeName: owner.node, signal },
    ...{ clock: systemClock, answerMs: 1_000 },
  });
  all.serve(sync);
  const ended: string[] = [];
  return {
    ...{ live, sync, all, ended },
    open: (id, username = 'bob') => {
      const login = { protocol: 'sftp', username, address: '192.0.2.7', methods: 'publickey' } as const;
      const facts = { ...login, keyFingerprint: null, certificate: null, connection: null };
      const session = live.open({ id, login: facts, source: null, disconnect: () => void ended.push(id) });
      return session;
    },
  };
}

beforeEach(async () => {
  nodes = await openTwoNodes();
  stop = new AbortController();
  [lines, isDown] = [[], false];
  call = backgroundCall(stop.signal, systemEntropy, recordingLogger(lines));
  [a, b] = [startOn(nodes.db, nodes.a), startOn(nodes.db, nodes.b)];
});
afterEach(async () => {
  stop.abort();
  await nodes[Symbol.asyncDispose]();
});

async function share(): Promise<void> {
  for (const { sync } of [a, b, a]) await sync.once(call);
}

describe('nodes that share their sessions', () => {
  it('hold the limits together', async () => {
    a.open('1');
    b.open('2');
    await share();
    expect([a.open('3'), b.open('3')]).toEqual(Array(2).fill('too many sessions of this user'));
    a.open('4', 'ann');
    b.open('5', 'ann');
    await share();
    expect([a.open('6', 'eve'), b.open('6', 'eve')]).toEqual(Array(2).fill('too many sessions'));
    const last = b.live.all[0];
    if (last !== undefined) b.live.close(last, null);
    await share();
    await share();
    expect(a.open('7')).toMatchObject({ id: '7' });
  });

  it('no longer count a node that is silent', async () => {
    a.open('1');
    a.open('2');
    await share();
    expect(b.open('3')).toBe('too many sessions of this user');
    await silence(nodes.db, nodes.a);
    await b.sync.once(call);
    expect(b.open('3')).toMatchObject({ id: '3' });
  });

  it('list and end each other’s sessions', async () => {
    const session = a.open('1');
    if (typeof session === 'string') throw new Error(session);
    session.openTransfer('/uploads/x', 'upload').bytes = 7;
    b.open('2', 'ann');
    await share();
    const watching = [a, b].map(({ sync }) => sync.watch(call));
    const listed = (await b.all.list()).toSorted((one, other) => one.id.localeCompare(other.id));
    expect(listed).toMatchObject([
      { id: '1', node: 'a', username: 'bob', transfers: [{ path: '/uploads/x', bytes: 7 }] },
      { id: '2', node: 'b', username: 'ann', transfers: [] },
    ]);
    expect(await b.all.disconnect('1')).toMatchObject({ id: '1', node: 'a', username: 'bob' });
    expect([a.ended, b.ended]).toEqual([['1'], []]);
    expect(await b.all.disconnect('2')).toMatchObject({ id: '2', node: 'b' });
    expect(b.ended).toEqual(['2']);
    expect(await b.all.disconnect('3')).toBeNull();
    stop.abort();
    await Promise.all(watching);
  });

  it('list the sessions of a node that does not answer without their transfers', async () => {
    a.open('1');
    await share();
    expect(await b.all.list()).toMatchObject([{ id: '1', node: 'a', username: 'bob', transfers: [] }]);
    await expect(b.all.disconnect('1')).rejects.toMatchObject({ kind: 'timed-out' });
  });

  it('answer a request that they do not know', async () => {
    const requests = new NodeRequests(ownedBy(nodes.db, nodes.b), nodes.b, systemClock, systemEntropy);
    const watching = a.sync.watch(call);
    expect(await requests.ask(nodes.a, 'of a newer version', {}, 5_000, stop.signal)).toBeNull();
    stop.abort();
    await watching;
  });

  it('publish what happened while the database did not answer', async () => {
    isDown = true;
    a.open('1');
    await share();
    await share();
    expect(lines.filter(({ message }) => message === 'nodes not synchronised').length).toBeGreaterThan(0);
    isDown = false;
    await share();
    b.open('2');
    expect(b.open('3')).toBe('too many sessions of this user');
  });
});
