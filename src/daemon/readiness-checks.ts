import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { backgroundCall } from '../assembly/background-call.js';
import type { Core } from '../assembly/core.js';
import type { LiveSettings } from '../assembly/live-settings.js';
import { systemEntropy } from '../assembly/system.js';
import { checkWritable } from '../database/check-writable.js';
import type { ReadinessCheck } from '../health/readiness.js';
import { Fault } from '../model/fault.js';
import { createS3ObjectStore } from '../s3/object-store.js';

/** Free space below which the ledger and the audit trail may soon not be written. In bytes. */
const minFreeBytes = 64 * 1024 ** 2;
/** A prefix of the gateway itself, so that the list is short. */
const probePrefix = '.sftpgw/probe/';

/** The parts of a gateway that the checks use. */
export interface CheckedGateway {
  readonly settings: LiveSettings;
  readonly core: Pick<Core, 's3' | 'database' | 'scribe' | 'call'>;
  readonly bucket: string;
}

/** Returns the checks behind `/readyz`: S3, the database, the disk and the audit trail. */
export function readinessChecks(
  { settings, core, bucket }: CheckedGateway,
  resources: AsyncDisposableStack,
): readonly ReadinessCheck[] {
  const { databaseFile } = settings.paths;
  // These requests are not retried: a check has to show the first fault, and to end soon.
  const store = resources.use(createS3ObjectStore({ ...core.s3, retry: { maxAttempts: 1 } }));
  return [
    {
      name: 's3',
      run: async (signal) => {
        const call = backgroundCall(signal, systemEntropy, core.call.log);
        await store.list(call, { bucket, prefix: probePrefix, delimiter: null, maxKeys: 1 });
      },
    },
    {
      name: 'database',
      run: async (signal) => {
        // Never blocks the event loop, so it goes first: the gateway's connection waits for a lock.
        await core.database.probe(signal);
        await checkWritable(core.database);
      },
    },
    { name: 'disk', run: () => checkDisk(dirname(databaseFile)) },
    { name: 'audit', run: () => core.scribe.recorder.requireWritable() },
  ];
}

/** Throws `over-quota` if the disk of a directory is nearly full. */
export async function checkDisk(directory: string, stat: typeof statfs = statfs): Promise<void> {
  const { bavail, bsize, ffree, files } = await stat(directory);
  const freeBytes = bavail * bsize;
  if (freeBytes < minFreeBytes) {
    const free = Math.floor(freeBytes / 1024 ** 2);
    throw new Fault('over-quota', `the disk of ${directory} has ${free} MiB left: free space on it`);
  }
  if (files > 0 && ffree === 0)
    throw new Fault('over-quota', `the disk of ${directory} has no inodes left: remove files from it`);
}
