import { systemClock, systemEntropy } from '../../src/assembly/system.js';
import { checksumAlgorithms, checksumName } from '../../src/model/checksum.js';
import { createS3ObjectStore } from '../../src/s3/object-store.js';
import { s3Targets } from '../support/s3-targets.js';
import { describeObjectStore } from './object-store.js';

const trials = (await s3Targets()).flatMap((target) =>
  checksumAlgorithms.map((checksums) => ({ target, checksums })),
);

for (const { target, checksums } of trials) {
  const makeTarget = async () => {
    const bucket = await target.makeBucket();
    const { endpoint, caFile, region, credentials, kmsKey } = target;
    const store = createS3ObjectStore({
      endpoint,
      caFile,
      region,
      credentials,
      checksums,
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
  // Only writes depend on the checksum.
  const only = checksums === 'crc32c' ? 'all' : 'writes';
  describeObjectStore(`${target.name}, ${checksumName[checksums]}`, makeTarget, target.skip, only);
}
