import { createCommandLog } from '../assembly/command-log.js';
import { openRootDatabase } from '../assembly/database.js';
import { LiveSettings } from '../assembly/live-settings.js';
import { systemEntropy } from '../assembly/system.js';
import { BucketHeads } from '../audit/bucket-heads.js';
import { SpoolImporter } from '../audit/importer.js';
import { readNodeId } from '../audit/node-id.js';
import { furtherSpools, spoolPaths } from '../audit/spool-directory.js';
import { AuditAppender } from '../database/audit/append.js';
import { createAuditReader } from '../database/audit/reader.js';
import { createAuditSigner } from '../keyring/audit-signer.js';
import { GatewayIdentity } from '../keyring/gateway-identity.js';
import type { AuditProblem, AuditReader, AuditVerification } from '../model/audit.js';
import { Fault } from '../model/fault.js';
import { createBucketAdministration } from '../s3/bucket/bucket-administration.js';
import type { RootServices } from './open-root.js';

/**
 * Runs work with the trail of a root, which includes every event so far. The gateway may run at the same time.
 * Throws `invalid` (settings) and faults of the database.
 */
export async function withAuditTrail<T>(root: string, work: (trail: AuditReader) => Promise<T>): Promise<T> {
  const settings = await LiveSettings.open(root, false);
  const { paths } = settings;
  const database = await openRootDatabase(settings, 'command');
  try {
    for (const slot of [1, ...furtherSpools(paths.auditDirectory)]) {
      await new SpoolImporter({
        paths: spoolPaths(paths.auditDirectory, slot),
        appender: new AuditAppender(database, readNodeId(paths.nodeIdFile, systemEntropy)),
        owner: null,
        log: createCommandLog(process.stderr),
      }).run();
    }
    return await work(createAuditReader(database));
  } finally {
    await database.close();
  }
}

/** The result of a comparison with the heads in the bucket. */
export interface HeadVerification {
  readonly heads: number;
  readonly problem: AuditProblem | null;
}

/**
 * Compares the trail with the heads in the default bucket. Throws `invalid` without a bucket, and faults of
 * the store.
 */
export async function verifyHeads(
  { settings, store, s3, call }: RootServices,
  trail: AuditReader,
  { firstSeq }: AuditVerification,
): Promise<HeadVerification> {
  const { bucket, paths } = settings;
  if (bucket === null) throw new Fault('invalid', 'no bucket is set, so there are no heads of the trail');
  await using retained = createBucketAdministration(s3);
  const heads = new BucketHeads({
    store,
    retained,
    bucket,
    node: readNodeId(paths.nodeIdFile, systemEntropy),
    signer: createAuditSigner(new GatewayIdentity(paths.keyringIdentityFile)),
  });
  return await heads.verify(call, trail, firstSeq);
}
