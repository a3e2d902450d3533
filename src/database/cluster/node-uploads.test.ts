import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemEntropy } from '../../assembly/system.js';
import { checksumOf } from '../../bytes/running-checksum.js';
import type { IntentId } from '../../model/ledger.js';
import type { UploadName } from '../../model/parked-uploads.js';
import { quickClock } from '../../vault/testing/vault-world.js';
import type { GatewayDatabase, RowOwner } from '../database.js';
import { createKeyLedger } from '../ledger/ledger.js';
import { LedgerOrphans } from '../ledger/orphans.js';
import { createParkedUploads } from '../ledger/parked.js';
import { openTwoNodes, ownedBy, silence, type TwoNodes } from '../testing/nodes.js';
import { NodeUploadRows } from './node-uploads.js';

let nodes: TwoNodes;
let db: GatewayDatabase;
let a: RowOwner;
let b: RowOwner;

beforeEach(async () => {
  nodes = await openTwoNodes();
  ({ db, a, b } = nodes);
});
afterEach(() => nodes[Symbol.asyncDispose]());

const uploadsOf = (owner: RowOwner) => new NodeUploadRows(ownedBy(db, owner), owner);
const parkedOf = (owner: RowOwner) => createParkedUploads(ownedBy(db, owner), quickClock);
const ref = (key: string) => ({ bucket: 'b', key });
const name = (key: string, stored = key, actor = 'bob'): UploadName => ({
  ...{ shown: ref(key), stored: ref(stored), actor },
});
const part = { partNumber: 1, etag: '"e"', size: 10, checksum: checksumOf('crc32c') };

async function begin(owner: RowOwner, key: string): Promise<IntentId> {
  const ledger = createKeyLedger(ownedBy(db, owner), quickClock, systemEntropy);
  const sealedWith = { kind: 'sse-s3' } as const;
  const id = await ledger.intend({ ref: ref(key), sealedWith, actor: 'bob', requestId: 'r' });
  await ledger.attachUpload(id, 'upload');
  return id;
}

const park = async (owner: RowOwner, key: string, shownKey: string | null = null) =>
  await parkedOf(owner).park({ id: await begin(owner, key), parts: [part], mtimeSeconds: null, shownKey });

describe('the uploads of nodes', () => {
  it('in progress are known to the other nodes, for the same user', async () => {
    await begin(a, 'k');
    expect(await uploadsOf(b).find(name('k'))).toEqual({ parked: null, isElsewhere: true });
    expect(await uploadsOf(b).holders(name('k'))).toEqual([{ node: 'a', epoch: 1 }]);
    for (const [of, asked] of [
      [a, name('k')],
      [b, name('k', 'k', 'ann')],
      [b, name('l')],
    ] as const) {
      expect(await uploadsOf(of).find(asked)).toEqual({ parked: null, isElsewhere: false });
      expect(await uploadsOf(of).holders(asked)).toEqual([]);
    }
  });

  it('that are parked are known to all nodes, under the name that clients see', async () => {
    const parked = await park(a, 'd/k');
    const held = await park(b, 'd/final', 'd/final.part');
    for (const of of [a, b]) {
      expect(await uploadsOf(of).find(name('d/k'))).toEqual({ parked, isElsewhere: false });
      expect(await uploadsOf(of).holders(name('d/k'))).toEqual([]);
      expect((await uploadsOf(of).find(name('d/final.part', 'd/final'))).parked).toEqual(held);
      expect((await uploadsOf(of).find(name('d/final'))).parked).toBeNull();
      expect((await uploadsOf(of).parkedBelow('b', 'd/')).map(({ id }) => id)).toEqual([parked.id, held.id]);
      expect(await uploadsOf(of).parkedBelow('b', '')).toEqual([]);
    }
  });

  it('belong to the node that resumes them, and to no other one', async () => {
    const { id } = await park(a, 'k');
    expect(await uploadsOf(b).stillParked([id])).toEqual(new Set([id]));
    const claims = await Promise.all([parkedOf(b).unpark(id), parkedOf(a).unpark(id)]);
    expect(claims.filter(Boolean)).toHaveLength(1);
    expect(await uploadsOf(a).stillParked([id])).toEqual(new Set());
    const [winner, loser] = claims[0] === true ? [b, a] : [a, b];
    expect(await uploadsOf(loser).holders(name('k'))).toEqual([{ node: winner.node, epoch: 1 }]);
    // The node that parked it may end without an effect on it.
    if (winner === b) {
      await silence(db, a);
      expect((await new LedgerOrphans(db, b).claim()).pending).toEqual([]);
    }
  });

  it('of a dead node have no holder until they are settled', async () => {
    await begin(a, 'k');
    await silence(db, a);
    await new LedgerOrphans(db, b).claim();
    expect(await uploadsOf(b).holders(name('k'))).toEqual([]);
  });
});
