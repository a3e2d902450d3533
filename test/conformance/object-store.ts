import { afterAll, beforeAll, describe } from 'vitest';
import { describeCopies } from './copies.js';
import { describeCustomerKeys } from './customer-keys.js';
import { type Given, makeBodiesFor, type StoreTarget } from './fixtures.js';
import { describeListings } from './listings.js';
import { describePartUploads } from './part-uploads.js';
import { describeStoredObjects } from './stored-objects.js';
import { describeTags } from './tags.js';
import { describeVersions } from './versions.js';

export type { StoreTarget } from './fixtures.js';

/**
 * Describes every promise of the ports ObjectStore, UploadSweeper, ObjectVersions and ObjectTags. All
 * implementations pass this suite; a fake that does not pass it must not be used in other tests. `skip` is
 * the reason why the suite cannot run here. `only` restricts it for a store whose rest is tested elsewhere: 'writes' to
 * the tests that write, 'copies' to those in which the server copies.
 */
export function describeObjectStore(
  name: string,
  makeTarget: () => Promise<StoreTarget>,
  skip: string | null = null,
  only: 'all' | 'writes' | 'copies' = 'all',
): void {
  const title = skip === null ? `ObjectStore over ${name}` : `ObjectStore over ${name} (skipped: ${skip})`;
  describe.skipIf(skip !== null)(title, () => {
    let target: StoreTarget | null = null;
    beforeAll(async () => {
      target = await makeTarget();
      makeBodiesFor(target.store);
    });
    afterAll(() => target?.close());
    const given: Given = () => {
      if (target === null) throw new Error('the target has not been made');
      return target;
    };
    if (only !== 'copies') describeStoredObjects(given);
    describePartUploads(given);
    describeCopies(given);
    if (only !== 'all') return;
    describeCustomerKeys(given);
    describeListings(given);
    describeTags(given);
    describeVersions(given);
  });
}
