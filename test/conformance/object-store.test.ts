import { systemClock, systemEntropy } from '../../src/daemon/system.js';
import { createS3ObjectStore } from '../../src/s3/object-store.js';
import { s3Targets } from '../support/s3-targets.js';
import { describeObjectStore } from './object-store.js';

for (const target of await s3Targets()) {
  const makeTarget = async () => {
    const bucket = await target.makeBucket();
    const { endpoint, caFile, region, credentials, kmsKey } = target;
    const store = createS3ObjectStore({
      endpoint,
      caFile,
      region,
      credentials,
      clock: systemClock,
      entropy: systemEntropy,
    });
    const close = async () => {
      await store[Symbol.asyncDispose]();
      await target.close();
    };
    const versioned = { store, bucket: await target.makeVersionedBucket() };
    return { store, bucket, versioned, kmsKey, partBytes: 5 * 1024 * 1024, close };
  };
  describeObjectStore(target.name, makeTarget, target.skip);
}
