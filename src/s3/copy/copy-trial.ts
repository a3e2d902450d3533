import { checksumOf } from '../../bytes/running-checksum.js';
import type { Call } from '../../model/call.js';
import { accessFor, type WriteEncryption } from '../../model/encryption.js';
import { Fault, isFault } from '../../model/fault.js';
import type { CopyOptions, MemoryBody, ObjectRef, RemovalCondition } from '../../model/object-store.js';
import { probePrefix } from '../../model/trial-objects.js';
import { removeTrial } from '../bucket/remove-trial.js';
import type { S3Context } from '../context.js';
import { putObject, removeObject } from '../object-writes.js';
import { copyAtOnce } from './copy-at-once.js';
import { headSource } from './copy-source.js';

/** The ETag of no object. */
const impossibleEtag = '"00000000000000000000000000000000"';

/**
 * Whether this server honours the condition on the target of a CopyObject: shown by an object of our own that is copied onto
 * itself under a condition that nothing fulfils, and is then removed. Null where that is not allowed. Throws transient faults.
 */
export async function areCopyConditionsHonoured(
  context: S3Context,
  call: Call,
  bucket: string,
  encryption: WriteEncryption,
): Promise<boolean | null> {
  const ref: ObjectRef = { bucket, key: `${probePrefix}${context.entropy.id()}` };
  try {
    return await tryCondition(context, call, ref, encryption);
  } catch (error) {
    if (!(error instanceof Fault) || error.isTransient || ['cancelled', 'bug'].includes(error.kind))
      throw error;
    call.log.info('s3: whether copies can have a condition cannot be tried', {
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
    const source = await headSource(context, call, ref, options);
    if (source === null) return null;
    const job = { context, call, from: ref, to: ref, options, source };
    const written = await copyAtOnce(job, { onlyIfMatches: impossibleEtag });
    if (written === null) return null;
    // Ceph does not say which version its CopyObject made.
    versions.add(written.versionId ?? (await headSource(context, call, ref, options))?.VersionId ?? null);
    return false;
  } catch (error) {
    if (isFault(error, 'conflict')) return true;
    throw error;
  } finally {
    // What stays is a few bytes that nobody needs.
    await removeTrial(versions, (condition) => removeLoudly(context, call, ref, condition)).catch(
      () => undefined,
    );
  }
}

async function removeLoudly(
  context: S3Context,
  call: Call,
  ref: ObjectRef,
  condition: RemovalCondition,
): Promise<void> {
  try {
    await removeObject(context, call, ref, condition);
  } catch (error) {
    call.log.info('s3: the object of a trial stays', { ...ref, reason: String(error) });
    throw error;
  }
}
