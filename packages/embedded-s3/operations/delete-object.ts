import { checkWriteCondition, matchesEtag, parseWriteCondition, type WriteCondition } from '../conditions.js';
import { malformedXml, noSuchKey, preconditionFailed, S3Error } from '../errors.js';
import { type Answer, emptyAnswer, xmlAnswer } from '../http/answer.js';
import type { BucketRequest, ObjectRequest } from '../http/request.js';
import { receiveDocument } from '../payload.js';
import type { AnyVersion } from '../storage/records.js';
import type { VersionChange } from '../storage/version-index.js';
import { parseXml, type XmlNode, type XmlReader } from '../xml.js';
import { isVersioned, namedVersion, requestedVersion, requireBucket, type ServerContext } from './context.js';

const maxKeysPerRequest = 1000;

/** DeleteObject. https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObject.html */
export async function deleteObject(server: ServerContext, request: ObjectRequest): Promise<Answer> {
  requireBucket(server, request.bucket);
  const versionId = requestedVersion(request.query);
  const condition = parseWriteCondition(request.headers);
  const outcome = await server.store.change(() =>
    remove(server, request.bucket, { key: request.key, versionId, condition }),
  );
  finishRemoval(server, request, request.key, outcome);
  const isNamed = versionId !== null && outcome !== null;
  const shown = isVersioned(requireBucket(server, request.bucket)) || isNamed;
  return emptyAnswer(204, {
    'x-amz-version-id': outcome !== null && shown ? outcome.versionId : undefined,
    'x-amz-delete-marker': outcome?.deleteMarker === true ? 'true' : undefined,
  });
}

interface Removal {
  readonly key: string;
  readonly versionId: string | null;
  readonly condition: WriteCondition;
}

interface RemovalOutcome extends VersionChange {
  /** A delete marker now hides the object, which still exists. */
  readonly isHidden: boolean;
}

/**
 * Removes the given version, or hides or removes the latest. Runs inside a transaction. Returns
 * null if there was nothing to do.
 */
function remove(server: ServerContext, bucketName: string, removal: Removal): RemovalOutcome | null {
  const { versions } = server.store;
  const { key, versionId, condition } = removal;
  const bucket = requireBucket(server, bucketName);
  if (versionId !== null) {
    checkNamedVersion(condition, key, versions.byId(bucketName, key, versionId));
    const change = versions.removeVersion(bucketName, key, versionId);
    return change === null ? null : { ...change, isHidden: false };
  }
  checkWriteCondition(condition, key, versions.latest(bucketName, key));
  if (bucket.versioning === 'never') {
    const change = versions.removeVersion(bucketName, key, 'null');
    return change === null ? null : { ...change, deleteMarker: false, isHidden: false };
  }
  const marker = versions.addDeleteMarker(bucketName, key, bucket.versioning, server.nowMs());
  return { ...marker, isHidden: true };
}

/** Discards the bytes and reports the removal, after the commit. Does not report what did not exist. */
function finishRemoval(
  server: ServerContext,
  request: BucketRequest,
  key: string,
  outcome: RemovalOutcome | null,
): void {
  if (outcome === null) return;
  server.store.discard(outcome.orphans);
  server.notifier.record({
    name: outcome.isHidden ? 'ObjectRemoved:DeleteMarkerCreated' : 'ObjectRemoved:Delete',
    bucket: request.bucket,
    key,
    size: null,
    etag: null,
    versionId: namedVersion(outcome.versionId),
    requestId: request.requestId,
  });
}

function checkNamedVersion(condition: WriteCondition, key: string, version: AnyVersion | null): void {
  if (condition.kind !== 'matches') return;
  if (version === null) throw noSuchKey(key);
  if (version.deleteMarker || !matchesEtag(condition.etag, version.etag))
    throw preconditionFailed('If-Match');
}

/** DeleteObjects. https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html */
export async function deleteObjects(server: ServerContext, request: BucketRequest): Promise<Answer> {
  requireBucket(server, request.bucket);
  const document = parseXml(await receiveDocument(request), 'Delete');
  document.refuseOthers(['Object', 'Quiet']);
  const removals = document.all('Object').map(parseRemoval);
  if (removals.length === 0 || removals.length > maxKeysPerRequest) throw malformedXml();
  const isQuiet = document.text('Quiet')?.trim() === 'true';
  // Each removal is a change of its own. Changes that arrive together share one commit.
  const results = await Promise.all(removals.map((removal) => removeOne(server, request, removal)));
  const nodes: XmlNode[] = [];
  for (const result of results) {
    if (!isQuiet || result[0] === 'Error') nodes.push(result);
  }
  return xmlAnswer('DeleteResult', nodes);
}

function parseRemoval(object: XmlReader): Removal {
  // The conditions on size and time (LastModifiedTime, Size) exist only for directory buckets.
  object.refuseOthers(['Key', 'VersionId', 'ETag']);
  const key = object.text('Key');
  if (key === null || key === '') throw malformedXml();
  const etag = object.text('ETag');
  return {
    key,
    versionId: object.text('VersionId') || null,
    condition: etag === null ? { kind: 'none' } : { kind: 'matches', etag },
  };
}

async function removeOne(server: ServerContext, request: BucketRequest, removal: Removal): Promise<XmlNode> {
  const { key, versionId } = removal;
  try {
    const outcome = await server.store.change(() => remove(server, request.bucket, removal));
    finishRemoval(server, request, key, outcome);
    const isMarker = outcome?.deleteMarker === true;
    return [
      'Deleted',
      [
        ['Key', key],
        ['VersionId', versionId],
        ['DeleteMarker', isMarker ? true : null],
        ['DeleteMarkerVersionId', isMarker ? outcome.versionId : null],
      ],
    ];
  } catch (error) {
    if (!(error instanceof S3Error)) throw error;
    return [
      'Error',
      [
        ['Key', key],
        ['VersionId', versionId],
        ['Code', error.code],
        ['Message', error.message],
      ],
    ];
  }
}
