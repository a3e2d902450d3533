import { afterEach, beforeEach, expect, it } from 'vitest';
import { systemClock } from '../../assembly/system.js';
import { ListedNames } from '../../vfs/objects/listed-names.js';
import { shareNames } from './shared-names.js';
import { LinkedWorkers } from './testing/linked-workers.js';

let workers: LinkedWorkers;

beforeEach(() => {
  workers = new LinkedWorkers(1, 2);
});
afterEach(() => workers[Symbol.dispose]());

it('workers forget the names that another one changes, with one message for a turn', async () => {
  const [own, other] = [new ListedNames(systemClock, 60_000), new ListedNames(systemClock, 60_000)];
  shareNames(workers.of(1).link, own);
  shareNames(workers.of(2).link, other);
  const call = {} as never;
  const request = { bucket: 'b', prefix: 'bob/', delimiter: '/', maxKeys: 1_000 } as const;
  await other
    .over({ list: async () => ({ objects: [], prefixes: [], continuation: null }) })
    .list(call, request);
  const [one, two] = [
    { bucket: 'b', key: 'bob/one' },
    { bucket: 'b', key: 'bob/two' },
  ];
  expect([other.object(one), other.object(two)]).toEqual([null, null]);
  own.changed(one, 'written');
  own.changed({ bucket: 'b', key: 'bob/three' }, 'removed');
  await new Promise((resume) => setImmediate(resume));
  expect([other.object(one), other.object(two)]).toEqual([undefined, null]);
  const posts = [1, 2].map((slot) => workers.of(slot).sent.filter(({ kind }) => kind === 'post').length);
  expect(posts).toEqual([1, 0]);
});
