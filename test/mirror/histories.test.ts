import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock, systemEntropy } from '../../src/assembly/system.js';
import { checkHistories } from '../../src/mirror/testing/histories.js';
import { createS3ObjectStore } from '../../src/s3/object-store.js';
import { s3Targets } from '../support/s3-targets.js';

for (const target of await s3Targets()) {
  describe.skipIf(target.skip !== null)(`the mirror of ${target.name} against a model`, () => {
    beforeAll(() => target.start());
    afterAll(() => target.close());

    it('converges to the contents of S3 after any history, and never shows a torn file', async () => {
      const bucket = await target.makeBucket();
      const { endpoint, region, caFile, credentials } = target;
      const options = { endpoint, region, caFile, credentials, clock: systemClock, entropy: systemEntropy };
      await using store = createS3ObjectStore(options);
      const runs = Number(process.env['SFTPGW_TEST_MIRROR_RUNS'] ?? 6);
      expect(await checkHistories(runs, { store, bucket })).toBeGreaterThan(10);
    });
  });
}
