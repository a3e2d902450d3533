import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemEntropy } from '../../assembly/system.js';
import type { IntentId } from '../../model/ledger.js';
import { quickClock } from '../../vault/testing/vault-world.js';
import type { GatewayDatabase, RowOwner } from '../database.js';
import { openTwoNodes, ownedBy, silence, startNode, type TwoNodes } from '../testing/nodes.js';
import { createKeyLedger } from './ledger.js';
import { LedgerOrphans } from './orphans.js';
import { createParkedUploads } from './parked.js';

let nodes: TwoNodes;
let db: GatewayDatabase;
let a: RowOwner;
let b: RowOwner;

beforeEach(async () => {
  nodes = await openTwoNodes();
  ({ db, a, b } = nodes);
});
afterEach(() => nodes[Symbol.asyncDispose]());

const ledgerOf = (owner: RowOwner) => createKeyLedger(ownedBy(db, owner), quickClock, systemEntropy);
const parkedOf = (owner: RowOwner) => createParkedUploads(ownedBy(db, owner), quickClock);
const intend = (owner: RowOwner, key = 'k') =>
  ledgerOf(owner).intend({
    ref: { bucket: 'b', key },
    sealedWith: { kind: 'sse-s3' },
    actor: 'bob',
    requestId: 'r',
  });
const confirmation = { size: 1, checksum: null, etag: '"e"', versionId: null, mtimeSeconds: null };

async function claim(owner: RowOwner): Promise<readonly string[]> {
  return (await new LedgerOrphans(db, owner).claim()).pending.map(({ id }) => id);
}

describe('unfinished writes of nodes', () => {
  it('stay with a live node', async () => {
    await intend(a);
    expect(await claim(b)).toEqual([]);
    expect(await claim(a)).toEqual([]);
  });

  it('go to one live node when their node is not seen for ten seconds', async () => {
    const id = await intend(a);
    await silence(db, a);
    expect(await claim(b)).toEqual([id]);
    expect(await claim(b)).toEqual([]);
    expect(await claim(await startNode(db, 'c', 1))).toEqual([]);
  });

  it('go to another node when the claimer ends before it has settled them', async () => {
    const id = await intend(a);
    await silence(db, a);
    await claim(b);
    await silence(db, b);
    expect(await claim(await startNode(db, 'c', 1))).toEqual([id]);
  });

  it('go to the next process of their own node at once', async () => {
    const id = await intend(a);
    expect(await claim(await startNode(db, 'a', 2))).toEqual([id]);
  });

  it('go to any node if they have no owner', async () => {
    const ledger = createKeyLedger(ownedBy(db, a), quickClock, systemEntropy);
    const id = await ledger.intend({
      ref: { bucket: 'b', key: 'old' },
      sealedWith: { kind: 'sse-s3' },
      actor: 'bob',
      requestId: 'r',
    });
    await db.write((trx) =>
      trx.updateTable('sealed_object').set({ node: null, node_epoch: null }).where('id', '=', id).execute(),
    );
    expect(await claim(b)).toEqual([id]);
  });

  it('stay if the claimer itself was not seen without a gap, as after an outage of the database', async () => {
    const id = await intend(a);
    await silence(db, a);
    await db.write((trx) =>
      trx
        .updateTable('database_writer')
        .set((eb) => ({ steady_ms: eb.ref('seen_ms') }))
        .where('id', '=', 'b')
        .execute(),
    );
    expect(await claim(b)).toEqual([]);
    expect(await claim(await startNode(db, 'c', 1))).toEqual([id]);
  });

  it('stay if the claimer has not shown itself since an outage of the database', async () => {
    const id = await intend(a);
    await silence(db, a);
    await silence(db, b);
    expect(await claim(b)).toEqual([]);
    expect(await claim(await startNode(db, 'c', 1))).toEqual([id]);
  });

  it('do not count as pending once they are settled', async () => {
    const [settled, open] = [await intend(a, 'one'), await intend(a, 'two')];
    await silence(db, a);
    const orphans = new LedgerOrphans(db, b);
    const { pending } = await orphans.claim();
    await ledgerOf(b).confirm(settled, confirmation);
    expect((await orphans.stillPending(pending)).map(({ id }) => id)).toEqual([open]);
    expect(await orphans.stillPending([])).toEqual([]);
  });
});

describe('parked uploads of nodes', () => {
  async function park(owner: RowOwner): Promise<IntentId> {
    const id = await intend(owner);
    await ledgerOf(owner).attachUpload(id, 'upload');
    await parkedOf(owner).park({ id, parts: [], mtimeSeconds: null });
    return id;
  }

  it('belong to the node that parked them, and go to another one when it ends', async () => {
    const id = await park(a);
    expect(await parkedOf(b).ownParked()).toEqual([]);
    expect(await parkedOf(a).ownParked()).toMatchObject([{ id }]);
    await silence(db, a);
    expect(await new LedgerOrphans(db, b).claim()).toMatchObject({ pending: [], parked: [{ id }] });
    expect(await parkedOf(b).ownParked()).toMatchObject([{ id }]);
    expect(await parkedOf(b).parked()).toHaveLength(1);
  });
});

const nodeCount = 3;
const action = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('write' as const), node: fc.nat(nodeCount - 1) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constantFrom('finish' as const, 'park' as const),
      node: fc.nat(nodeCount - 1),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constantFrom('die' as const, 'restart' as const, 'claim' as const),
      node: fc.nat(nodeCount - 1),
    }),
  },
);

/** A node of the model, with the rows that it writes and those that it has claimed. */
class ModelNode {
  readonly name: string;
  owner: RowOwner | null = null;
  writing = new Set<IntentId>();
  readonly parked = new Set<IntentId>();
  claimed = new Set<IntentId>();

  constructor(name: string) {
    this.name = name;
  }
}

it('no row of a live node is claimed, and none of a dead one is left, in any order of events', async () => {
  let runs = 0;
  let claims = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(action, { minLength: 10, maxLength: 60, size: 'max' }), async (actions) => {
      runs += 1;
      await db.write(async (trx) => {
        await trx.deleteFrom('parked_upload').execute();
        await trx
          .updateTable('sealed_object')
          .set({ state: 'abandoned' })
          .where('state', '=', 'intended')
          .execute();
        await trx.deleteFrom('database_writer').where('kind', '=', 'gateway').execute();
      });
      const nodes = Array.from({ length: nodeCount }, (_, index) => new ModelNode(`${runs}-${index}`));
      let epoch = 0;
      const start = async (node: ModelNode) => {
        epoch += 1;
        node.owner = await startNode(db, node.name, epoch);
      };
      const forgetOf = (node: ModelNode) => {
        node.owner = null;
        node.writing.clear();
        node.parked.clear();
        node.claimed.clear();
      };
      const claimFor = async (node: ModelNode, owner: RowOwner) => {
        const { pending, parked } = await new LedgerOrphans(db, owner).claim();
        for (const { id } of [...pending, ...parked]) {
          for (const other of nodes.filter(({ owner: live }) => live !== null)) {
            for (const held of [other.writing, other.parked, other.claimed]) expect(held).not.toContain(id);
          }
          claims += 1;
        }
        for (const { id } of pending) node.claimed.add(id);
        for (const { id } of parked) node.parked.add(id);
      };
      for (const node of nodes) await start(node);
      for (const { do: what, node: index } of actions) {
        const node = nodes[index] as ModelNode;
        const { owner } = node;
        if (what === 'restart' && owner === null) await start(node);
        if (owner === null) continue;
        const [first] = node.writing;
        if (what === 'write') node.writing.add(await intend(owner, `${node.name}/k`));
        else if (what === 'finish' && first !== undefined) {
          await ledgerOf(owner).confirm(first, confirmation);
          node.writing.delete(first);
        } else if (what === 'park' && first !== undefined) {
          await ledgerOf(owner).attachUpload(first, 'upload');
          await parkedOf(owner).park({ id: first, parts: [], mtimeSeconds: null });
          node.writing.delete(first);
          node.parked.add(first);
        } else if (what === 'die') {
          await silence(db, owner);
          forgetOf(node);
        } else if (what === 'claim') {
          await claimFor(node, owner);
          for (const id of node.claimed) await ledgerOf(owner).abandon(id);
          node.claimed.clear();
        }
      }
      // A node that stays alive settles everything of the dead ones.
      const last = new ModelNode(`${runs}-last`);
      await start(last);
      nodes.push(last);
      if (last.owner !== null) await claimFor(last, last.owner);
      const rows = await db.read((k) =>
        k.selectFrom('sealed_object').select('id').where('state', '=', 'intended').execute(),
      );
      const held = nodes.flatMap(({ writing, parked, claimed }) => [...writing, ...parked, ...claimed]);
      expect(rows.map(({ id }) => id).sort()).toEqual([...new Set(held)].sort());
    }),
    { numRuns: 60 },
  );
  expect(claims).toBeGreaterThan(20);
});
