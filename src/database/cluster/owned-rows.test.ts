import { afterEach, beforeEach, expect, it } from 'vitest';
import { systemClock, systemEntropy } from '../../assembly/system.js';
import { AuditAppender } from '../audit/append.js';
import type { GatewayDatabase, RowOwner } from '../database.js';
import { createJobs } from '../jobs.js';
import { openTwoNodes, ownedBy, silence, type TwoNodes } from '../testing/nodes.js';
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

const jobsOf = (owner: RowOwner) => createJobs(ownedBy(db, owner), systemClock, systemEntropy);

it('a job waits again when the node that runs it has ended, and not before', async () => {
  const { id } = await jobsOf(a).begin('doctor', {}, 'root');
  await jobsOf(a).claim();
  const state = async () => (await jobsOf(b).find(id))?.state;
  await jobsOf(b).recover();
  expect(await state()).toBe('running');
  await silence(db, a);
  await db.write((trx) => declareDead(trx, b));
  await jobsOf(b).recover();
  expect(await state()).toBe('waiting');
  expect(await jobsOf(b).claim()).toMatchObject({ id });
  await jobsOf(b).recover();
  expect(await state()).toBe('running');
});

it('a node knows the spool files of its own audit trail only', async () => {
  const [ofA, ofB] = [
    new AuditAppender(ownedBy(db, a), 'node a'),
    new AuditAppender(ownedBy(db, b), 'node b'),
  ];
  const part = { from: 0, to: 10, events: [] };
  await ofA.append({ segment: 'one', ...part }, () => true);
  await ofB.append({ segment: 'two', ...part }, () => true);
  expect([await ofA.segments(), await ofB.segments()]).toEqual([['one'], ['two']]);
  expect([...(await new AuditAppender(db, 'alone').segments())].sort()).toEqual(['one', 'two']);
});
