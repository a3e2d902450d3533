import { checkCopySourceConditions } from '../conditions.js';
import { type CustomerKeyHeaders, resolveReadKey } from '../encryption-headers.js';
import { invalidArgument, invalidRequest, noSuchKey, noSuchVersion } from '../errors.js';
import { decodePath } from '../http/addressing.js';
import type { ObjectRequest } from '../http/request.js';
import type { ObjectVersion, Segment } from '../storage/records.js';
import { requireBucket, type ServerContext } from './context.js';

export interface CopySource {
  readonly version: ObjectVersion;
  readonly segments: readonly Segment[];
  readonly customerKey: CustomerKeyHeaders | null;
  /** True if the request names a version. */
  readonly isVersionNamed: boolean;
  /** Releases the segments, which are pinned until then. */
  readonly release: () => void;
}

/**
 * Finds the object that `x-amz-copy-source` names, checks its key headers and its conditions, and
 * pins its bodies. Throws NoSuchKey, NoSuchBucket, PreconditionFailed and the errors of a wrong or
 * missing key.
 */
export function openCopySource(server: ServerContext, request: ObjectRequest): CopySource {
  const { bucket, key, versionId } = parseCopySource(request.headers['x-amz-copy-source'] ?? '');
  requireBucket(server, bucket);
  const { versions } = server.store;
  const version = versionId === null ? versions.latest(bucket, key) : versions.byId(bucket, key, versionId);
  if (version === null) throw versionId === null ? noSuchKey(key) : noSuchVersion(key, versionId);
  if (version.deleteMarker) {
    if (versionId === null) throw noSuchKey(key);
    throw invalidRequest(
      'The source of a copy request may not specifically refer to a delete marker by version id.',
    );
  }
  const customerKey = resolveReadKey(
    request.headers,
    version.encryption,
    server.store.keys,
    'x-amz-copy-source-',
  );
  checkCopySourceConditions(request.headers, version);
  const segments = versions.segments(version.sequence);
  const release = server.store.pin(segments);
  return { version, segments, customerKey, isVersionNamed: versionId !== null, release };
}

/** `/bucket/key` or `bucket/key`, percent-encoded, with `?versionId=` after it. */
function parseCopySource(header: string): { bucket: string; key: string; versionId: string | null } {
  const mark = header.lastIndexOf('?versionId=');
  const path = decodePath((mark < 0 ? header : header.slice(0, mark)).replace(/^\//, ''));
  const versionId = mark < 0 ? null : decodePath(header.slice(mark + '?versionId='.length));
  const slash = path.indexOf('/');
  const key = path.slice(slash + 1);
  if (slash <= 0 || key === '') {
    throw invalidArgument(
      'Copy Source must mention the source bucket and key: sourcebucket/sourcekey',
      'x-amz-copy-source',
      header,
    );
  }
  return { bucket: path.slice(0, slash), key, versionId };
}
