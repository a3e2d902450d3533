import { methodNotAllowed, noSuchKey, noSuchVersion, S3Error } from '../errors.js';
import type { ObjectRequest } from '../http/request.js';
import { versionHeader } from '../object-headers.js';
import type { AnyVersion, Bucket, ObjectVersion } from '../storage/records.js';
import { isVersioned, requestedVersion, type ServerContext } from './context.js';

/** Returns the version that a request names, or the latest. Throws NoSuchKey, NoSuchVersion. */
export function findAnyVersion(server: ServerContext, request: ObjectRequest): AnyVersion {
  const versionId = requestedVersion(request.query);
  const { versions } = server.store;
  if (versionId === null) {
    const latest = versions.latest(request.bucket, request.key);
    if (latest === null) throw noSuchKey(request.key);
    return latest;
  }
  const version = versions.byId(request.bucket, request.key, versionId);
  if (version === null) throw noSuchVersion(request.key, versionId);
  return version;
}

/**
 * Returns the object version that a request reads. Throws NoSuchKey (also if the latest is a delete
 * marker) or MethodNotAllowed (if the request names one), both with the headers of the marker.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/DeleteMarker.html
 */
export function findVersion(server: ServerContext, bucket: Bucket, request: ObjectRequest): ObjectVersion {
  const version = findAnyVersion(server, request);
  if (!version.deleteMarker) return version;
  const isNamed = request.query.has('versionId');
  const { code, status, message, details } = isNamed
    ? methodNotAllowed({ Method: request.method, ResourceType: 'DeleteMarker' })
    : noSuchKey(request.key);
  const headers: Record<string, string> = { 'x-amz-delete-marker': 'true' };
  for (const [name, value] of Object.entries(versionHeader(version.versionId, isVersioned(bucket)))) {
    if (value !== undefined) headers[name] = value;
  }
  if (isNamed) {
    headers['allow'] = 'DELETE';
    headers['last-modified'] = new Date(version.lastModifiedMs).toUTCString();
  }
  throw new S3Error(code, status, message, { details, headers });
}
