import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { LoginFacts } from '../../model/live.js';
import type { SharedSession } from '../../model/nodes.js';
import type { GatewayDatabase, RowOwner } from '../database.js';
import { openTwoNodes, ownedBy, silence, startNode, type TwoNodes } from '../testing/nodes.js';
import { NodeSessions } from './node-sessions.js';
import { declareDead } from './nodes.js';

let nodes: TwoNodes;
let db: GatewayDatabase;
let a: RowOwner;
let b: RowOwner;

beforeEach(async () => {
  nodes = await openTwoNodes();
  ({ db, a, b } = nodes);
});
afterEach(() => nodes[Symbol.asyncDispose]());

const of = (owner: RowOwner) => new NodeSessions(ownedBy(db, owner), owner);
const login = (username: string): LoginFacts => ({
  protocol: 'sftp',
  username,
  address: '192.0.2.7',
  methods: 'publickey',
  keyFingerprint: null,
  certificate: null,
  connection: null,
});
const session = (id: string, username: string, source: string | null): SharedSession => ({
  ...{ id, login: login(username), source, startedMs: 1 },
});
const counted = async (owner: RowOwner) => {
  const { count, byUser, bySource } = await of(owner).countOthers();
  return { count, byUser: Object.fromEntries(byUser), bySource: Object.fromEntries(bySource) };
};
const none = { count: 0, byUser: {}, bySource: {} };
const remaining = () => db.read((k) => k.selectFrom('node_session').select('id').orderBy('id').execute());

describe('the sessions of nodes', () => {
  it('count on the other nodes only, by user and by address', async () => {
    await of(a).publish(
      [
        session('1', 'bob', 's'),
        session('2', 'bob', 't'),
        session('3', 'ann', 's'),
        session('4', 'ann', null),
      ],
      [],
    );
    expect(await counted(b)).toEqual({ count: 4, byUser: { bob: 2, ann: 2 }, bySource: { s: 2, t: 1 } });
    expect(await counted(a)).toEqual(none);
    await of(a).publish([], ['1', '4']);
    expect(await counted(b)).toEqual({ count: 2, byUser: { bob: 1, ann: 1 }, bySource: { s: 1, t: 1 } });
  });

  it('are shown with the node that has them', async () => {
    await of(a).publish([session('1', 'bob', 's'), session('2', 'ann', null)], []);
    const process = { node: 'a', epoch: 1 };
    expect(await of(b).others()).toEqual([
      { ...session('1', 'bob', 's'), process, nodeName: 'a' },
      { ...session('2', 'ann', null), process, nodeName: 'a' },
    ]);
    expect((await of(b).others('2')).map(({ id }) => id)).toEqual(['2']);
    expect(await of(a).others('2')).toEqual([]);
  });

  it('may be published twice, as after a commit whose answer was lost', async () => {
    for (let time = 0; time < 2; time += 1) await of(a).publish([session('1', 'bob', 's')], []);
    expect((await counted(b)).count).toBe(1);
    for (let time = 0; time < 2; time += 1) await of(a).publish([], ['1']);
    expect(await counted(b)).toEqual(none);
  });

  it('no longer count when their node is silent for ten seconds, before anyone declares it dead', async () => {
    await of(a).publish([session('1', 'bob', 's')], []);
    await silence(db, a);
    expect(await counted(b)).toEqual(none);
    expect(await of(b).others()).toEqual([]);
  });

  it('no longer count when their node has started again, and are removed', async () => {
    await of(a).publish([session('1', 'bob', 's')], []);
    await of(b).publish([session('2', 'bob', 's')], []);
    await of(b).clean();
    expect(await remaining()).toEqual([{ id: '1' }, { id: '2' }]);
    await startNode(db, 'a', 2);
    expect(await counted(b)).toEqual(none);
    await of(b).clean();
    expect(await remaining()).toEqual([{ id: '2' }]);
  });

  it('are removed when their node is declared dead', async () => {
    await of(a).publish([session('1', 'bob', 's')], []);
    await silence(db, a);
    await db.write((trx) => declareDead(trx, b));
    await of(b).clean();
    expect(await remaining()).toEqual([]);
  });
});
