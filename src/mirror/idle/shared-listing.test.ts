import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../../../test/support/random.js';
import { call } from '../../vault/testing/vault-world.js';
import { FakeS3 } from '../../vfs/testing/fake-s3.js';
import { sharedDigests } from './shared-listing.js';

/** Returns the digest of each prefix, and the number of lists that it cost. */
async function check(
  s3: FakeS3,
  prefixes: readonly string[],
  pageKeys = 1000,
): Promise<{ readonly digests: Record<string, string>; readonly lists: number }> {
  const before = s3.listed.length;
  const list = (parent: string, startAfter: string | null) => {
    const request = { bucket: s3.bucket, prefix: parent, delimiter: null, maxKeys: pageKeys };
    // The fake's continuation is the last key, as `startAfter` is.
    return s3.list(call(), startAfter === null ? request : { ...request, continuation: startAfter });
  };
  const digests: Record<string, string> = {};
  for await (const { prefix, digest } of sharedDigests(list, prefixes)) {
    expect(digests, 'each prefix once').not.toHaveProperty([prefix]);
    digests[prefix] = digest;
  }
  return { digests, lists: s3.listed.length - before };
}

const downloadsOf = (users: number): readonly string[] =>
  Array.from({ length: users }, (_, user) => `user${user}/downloads/`);

describe('the digests of many prefixes', () => {
  it.each([20, 400])('of %i users with few objects cost one list for 1,000 objects', async (users) => {
    const s3 = new FakeS3();
    const prefixes = downloadsOf(users);
    for (const prefix of prefixes) for (const name of ['', 'a', 'b/c', 'd']) s3.put(`${prefix}${name}`);
    const { digests, lists } = await check(s3, prefixes);
    expect(Object.keys(digests).sort()).toEqual([...prefixes].sort());
    expect(lists).toBe(Math.ceil((users * 4) / 1000));
  });

  it('cost no more lists than one for each prefix if much else is in the bucket', async () => {
    const s3 = new FakeS3();
    const prefixes = downloadsOf(10);
    for (const prefix of prefixes) s3.put(`${prefix}f`);
    for (let user = 0; user < 10; user += 1)
      for (let file = 0; file < 50; file += 1) s3.put(`user${user}/uploads/${file}`);
    expect((await check(s3, prefixes, 20)).lists).toBeLessThanOrEqual(10);
  });

  it('are those of each prefix alone, for any names, pages and nesting', async () => {
    const random = SeededRandom.fromEnvironment();
    const parts = ['a', 'a-', 'a/b', 'b', 'ü', '\u{1f600}', '\u{ffee}'];
    for (let round = 0; round < 60; round += 1) {
      const s3 = new FakeS3();
      const prefixes = new Set<string>();
      for (let count = random.between(1, 6); count > 0; count -= 1)
        prefixes.add(`${random.pick(['', 'x/', 'x/y/'])}${random.pick(parts)}/`);
      for (let count = random.between(0, 40); count > 0; count -= 1)
        s3.put(`${random.pick([...prefixes, '', 'x/'])}${random.pick(['', ...parts])}`);
      const pageKeys = random.between(1, 7);
      const { digests } = await check(s3, [...prefixes], pageKeys);
      for (const prefix of prefixes)
        expect(digests[prefix], `seed ${random.seed}`).toBe((await check(s3, [prefix], 3)).digests[prefix]);
    }
  });

  it('differ after any change of an object', async () => {
    const s3 = new FakeS3();
    const prefix = 'u/downloads/';
    const digest = async () => (await check(s3, [prefix, 'v/downloads/'])).digests[prefix];
    const seen = new Set([await digest()]);
    s3.put(`${prefix}f`, 'x');
    seen.add(await digest());
    s3.put(`${prefix}f`, 'x');
    seen.add(await digest());
    s3.objects.delete(`${prefix}f`);
    s3.put(`${prefix}g`, 'x');
    seen.add(await digest());
    expect(seen.size).toBe(4);
    const before = await digest();
    s3.put('u/uploads/f', 'x');
    s3.put(prefix, '');
    expect(await digest()).toBe(before);
  });
});
