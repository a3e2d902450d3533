import { checksumOf } from '../../bytes/running-checksum.js';
import type { Call } from '../../model/call.js';
import { accessFor, type WriteEncryption } from '../../model/encryption.js';
import { Fault, isFault } from '../../model/fault.js';
import { probePrefix } from '../../model/gateway-objects.js';
import type { CopyOptions, MemoryBody, ObjectRef, RemovalCondition } from '../../model/object-store.js';
import { locksNewObjects } from '../bucket/object-lock.js';
import { removeTrial } from '../bucket/remove-trial.js';
import type { S3Context } from '../context.js';
import { putObject, removeObject } from '../object-writes.js';
import { copyAtOnce } from './copy-at-once.js';
import { headCopySource } from './copy-source.js';

/** An ETag that no object has. */
const impossibleEtag = '"00000000000000000000000000000000"';

/**
 * Finds out whether this server honours a condition on the target of CopyObject: copies a trial object onto
 * itself under a condition that nothing fulfils, and removes it. Null if that is not allowed, or if the bucket would lock the
 * trial object. Throws
 * transient faults.
 */
export async function areCopyConditionsHonoured(
  context: S3Context,
  call: Call,
  bucket: string,
  encryption: WriteEncryption,
): Promise<boolean | null> {
  const ref: ObjectRef = { bucket, key: `${probePrefix}${context.entropy.id()}` };
  try {
    if (await locksNewObjects(context, call, bucket)) return null;
    return await tryCondition(context, call, ref, encryption);
  } catch (error) {
    if (!(error instanceof Fault) || error.isTransient || ['cancelled', 'bug'].includes(error.kind))
      throw error;
    call.log.info('S3 conditional copy could not be tried', {
      ...ref,
      reason: error.message,
    });
    return null;
  }
}

async function tryCondition(
  context: S3Context,
  call: Call,
  ref: ObjectRef,
  encryption: WriteEncryption,
): Promise<boolean | null> {
  const options: CopyOptions = {
    encryption,
    sourceAccess: accessFor(encryption),
    metadataFrom: 'copy',
    metadata: {},
    contentType: null,
    acl: null,
  };
  const bytes = Buffer.from(`sftpgw trial ${ref.key}\n`);
  const checksum = checksumOf(context.checksumAlgorithm, bytes);
  const body: MemoryBody = { chunks: [bytes], byteLength: bytes.byteLength, checksum };
  const versions = new Set<string | null>([(await putObject(context, call, ref, body, options)).versionId]);
  try {
    const source = await headCopySource(context, call, ref, options);
    if (source === null) return null;
    const job = { context, call, from: ref, to: ref, options, source };
    const written = await copyAtOnce(job, { onlyIfMatches: impossibleEtag });
    if (written === null) return null;
    // Ceph's answer to CopyObject does not name the new version.
    versions.add(written.versionId ?? (await headCopySource(context, call, ref, options))?.VersionId ?? null);
    return false;
  } catch (error) {
    if (isFault(error, 'conflict')) return true;
    throw error;
  } finally {
    // A failure leaves a few unused bytes.
    await removeTrial(versions, (condition) => removeAndReport(context, call, ref, condition)).catch(
      () => undefined,
    );
  }
}

async function removeAndReport(
  context: S3Context,
  call: Call,
  ref: ObjectRef,
  condition: RemovalCondition,
): Promise<void> {
  try {
    await removeObject(context, call, ref, condition);
  } catch (error) {
    call.log.info('S3 trial object could not be removed', { ...ref, reason: String(error) });
    throw error;
  }
}
