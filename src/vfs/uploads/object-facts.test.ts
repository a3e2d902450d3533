import { afterEach, beforeEach, expect, it } from 'vitest';
import type { ObjectFacts } from '../../model/call.js';
import type { Vfs, WriteMode } from '../../model/vfs.js';
import { putMode, scpMode, World } from '../testing/world.js';

let world: World;
let tree: Vfs;
let facts: ObjectFacts;

const call = () => ({
  ...world.call,
  note: (noted: ObjectFacts) => {
    facts = { ...facts, ...noted };
  },
});

async function write(path: string, text: string, mode: WriteMode = putMode): Promise<ObjectFacts> {
  facts = {};
  await using handle = await tree.openWrite(call(), path, mode);
  if (text !== '') await handle.write(call(), 0, [Buffer.from(text)]);
  await handle.commit(call());
  return facts;
}

beforeEach(async () => {
  world = await World.make();
  world.change({ uploadExclusions: ['filepart'] });
  const opened = await world.factory.forUser(world.call, 'bob');
  if (opened === null) throw new Error('the user does not exist');
  tree = opened;
});
afterEach(() => world[Symbol.asyncDispose]());

it('an upload notes its size and that its object is stored', async () => {
  expect(await write('/uploads/a', 'content')).toMatchObject({ size: 7, outcome: 'stored' });
  const appended = await write('/uploads/a', 'CONTENT and more', { ...scpMode, append: true });
  expect(appended).toMatchObject({ size: 23, outcome: 'stored' });
});

it('a file that is opened and closed without a change notes no object', async () => {
  await write('/uploads/a', 'content');
  expect((await write('/uploads/a', '', scpMode)).outcome).toBeUndefined();
});

it('an upload under an excluded name notes that it is parked, and its rename that it is stored', async () => {
  expect(await write('/uploads/a.filepart', 'content')).toMatchObject({ size: 7, outcome: 'parked' });
  facts = {};
  await tree.rename(call(), '/uploads/a.filepart', '/uploads/a', false);
  expect(facts).toMatchObject({ size: 7, outcome: 'stored' });
  await write('/uploads/b.filepart', 'content');
  facts = {};
  await tree.rename(call(), '/uploads/b.filepart', '/uploads/other', false);
  expect(facts).toMatchObject({ size: 7, outcome: 'stored', versionId: null });
  facts = {};
  await tree.rename(call(), '/uploads/a', '/uploads/c', false);
  expect(facts.outcome).toBeUndefined();
});
