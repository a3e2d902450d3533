import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../../../test/support/wait.js';
import { systemClock, systemEntropy } from '../../assembly/system.js';
import type { GatewayDatabase, RowOwner } from '../database.js';
import { openTwoNodes, ownedBy, type TwoNodes } from '../testing/nodes.js';
import { NodeRequests } from './node-requests.js';

let nodes: TwoNodes;
let db: GatewayDatabase;
let a: RowOwner;
let b: RowOwner;
const { signal } = new AbortController();

beforeEach(async () => {
  nodes = await openTwoNodes();
  ({ db, a, b } = nodes);
});
afterEach(() => nodes[Symbol.asyncDispose]());

const of = (owner: RowOwner) => new NodeRequests(ownedBy(db, owner), owner, systemClock, systemEntropy);
const rows = () => db.read((k) => k.selectFrom('node_request').select('id').execute());

describe('a request to a node', () => {
  it('is answered by that node, and leaves nothing', async () => {
    const answer = of(b).ask(a, 'echo', { text: 'é' }, 10_000, signal);
    const [request] = await eventually('it arrives', async () => {
      const found = await of(a).received();
      return found.length > 0 ? found : null;
    });
    expect(request).toMatchObject({ kind: 'echo', content: { text: 'é' } });
    expect(await of(b).received()).toEqual([]);
    await of(a).answer(request?.id ?? '', [request?.content, null]);
    expect(await of(a).received()).toEqual([]);
    expect(await answer).toEqual([{ text: 'é' }, null]);
    expect(await rows()).toEqual([]);
  });

  it('may have null as its answer', async () => {
    const answer = of(b).ask(a, 'echo', null, 10_000, signal);
    const [request] = await eventually('it arrives', async () => {
      const found = await of(a).received();
      return found.length > 0 ? found : null;
    });
    await of(a).answer(request?.id ?? '', null);
    expect(await answer).toBeNull();
  });

  it('fails when the node does not answer in time', async () => {
    await expect(of(b).ask(a, 'echo', null, 50, signal)).rejects.toMatchObject({ kind: 'timed-out' });
    expect(await rows()).toEqual([]);
  });

  it('is not carried out by a later process of the node', async () => {
    const stop = new AbortController();
    const answer = of(b).ask(a, 'echo', null, 10_000, stop.signal);
    await eventually('it arrives', async () => (await of(a).received()).length === 1);
    expect(await of({ ...a, epoch: 2 }).received()).toEqual([]);
    stop.abort();
    await expect(answer).rejects.toMatchObject({ kind: 'cancelled' });
  });

  it('is removed later if the node that asked has ended', async () => {
    await db.write((trx) =>
      trx
        .insertInto('node_request')
        .values([
          { id: 'old', node: 'a', node_epoch: 1, kind: 'echo', content: 'null', created_ms: 1 },
          { id: 'new', node: 'a', node_epoch: 1, kind: 'echo', content: 'null', created_ms: 2 ** 52 },
        ])
        .execute(),
    );
    await of(a).clean();
    expect(await rows()).toEqual([{ id: 'new' }]);
  });
});
