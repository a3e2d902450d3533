import { expect, it } from 'vitest';
import { World } from './testing/world.js';

it('reports to the mirror which directories a session sees, until the session ends', async () => {
  await using world = await World.make();
  const bob = await world.login();
  expect(world.watched).toEqual(['downloads/bob', 'shared']);
  await bob.tree[Symbol.asyncDispose]();
  expect(world.watched).toEqual([]);
});
