import { randomBytes } from 'node:crypto';
import { declaredChecksum } from '../checksums/declared.js';
import { checkWriteCondition, parseWriteCondition, type WriteCondition } from '../conditions.js';
import { encryptionAnswer, resolveWriteEncryption } from '../encryption-headers.js';
import { type Answer, emptyAnswer } from '../http/answer.js';
import type { ObjectRequest } from '../http/request.js';
import type { EventName } from '../notifications/configuration.js';
import { checksumAnswer, parseDescription, quoted, versionHeader } from '../object-headers.js';
import { receiveBody } from '../payload.js';
import type { WrittenBody } from '../storage/body-writer.js';
import type { NewVersion, RestEncryption, Segment } from '../storage/records.js';
import { isVersioned, namedVersion, requireBucket, type ServerContext, sseCBlocked } from './context.js';

/** PutObject. https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html */
export async function putObject(server: ServerContext, request: ObjectRequest): Promise<Answer> {
  const { store } = server;
  const bucket = requireBucket(server, request.bucket);
  const { encryption, customerKey } = resolveWriteEncryption(
    request.headers,
    bucket,
    store.keys,
    server.region,
    () => sseCBlocked(request, 'PutObject'),
  );
  const description = parseDescription(request);
  const condition = parseWriteCondition(request.headers);
  // Checked before the body too, so that a client need not send a body that will be refused.
  checkWriteCondition(condition, request.key, store.versions.latest(request.bucket, request.key));
  const algorithm = declaredChecksum(request.headers)?.algorithm ?? 'CRC64NVME';
  const body = await receiveBody(store, request, {
    customerKey: customerKey?.key ?? null,
    keep: [algorithm],
    needsMd5: etagIsMd5(encryption),
  });
  const version: NewVersion = {
    bucket: request.bucket,
    key: request.key,
    size: body.size,
    etag: body.md5 !== null && etagIsMd5(encryption) ? body.md5 : randomEtag(),
    lastModifiedMs: server.nowMs(),
    description,
    encryption,
    checksum: { algorithm, type: 'FULL_OBJECT', value: body.checksum(algorithm) },
    partsCount: null,
  };
  const versionId = await commitVersion(server, version, [wholeSegment(body)], condition, {
    event: 'ObjectCreated:Put',
    requestId: request.requestId,
    newBodies: [body.bodyId],
  });
  return emptyAnswer(200, {
    etag: quoted(version.etag),
    ...versionHeader(versionId, isVersioned(bucket)),
    ...encryptionAnswer(encryption, customerKey),
    ...checksumAnswer(version.checksum),
  });
}

/** Returns the body of an object that was not uploaded in parts. */
export function wholeSegment({ bodyId, wrappedKey, size }: WrittenBody): Segment {
  return { bodyId, wrappedKey, size, partNumber: 0, checksum: null };
}

/** An entity tag is the MD5 of the content only if S3 knows the key: not with SSE-C and SSE-KMS. */
export function etagIsMd5(encryption: RestEncryption): boolean {
  return encryption.kind === 'sse-s3';
}

/** Returns 32 hex digits that are not a digest: they differ for the same content. */
export function randomEtag(): string {
  return randomBytes(16).toString('hex');
}

/**
 * Makes a version the latest of its key, if the condition still holds in the transaction. Removes
 * the version that it replaces, reports the change, and returns the id of the version. Discards
 * `newBodies` if it throws.
 */
export async function commitVersion(
  server: ServerContext,
  version: NewVersion,
  segments: readonly Segment[],
  condition: WriteCondition,
  write: {
    readonly event: EventName;
    readonly requestId: string;
    readonly newBodies: readonly string[];
  },
): Promise<string> {
  const { store } = server;
  try {
    const change = await store.change(() => {
      const bucket = requireBucket(server, version.bucket);
      checkWriteCondition(condition, version.key, store.versions.latest(version.bucket, version.key));
      return store.versions.add(version, segments, bucket.versioning);
    });
    store.discard(change.orphans);
    recordCreation(server, version, change.versionId, write.event, write.requestId);
    return change.versionId;
  } catch (error) {
    store.discard(write.newBodies);
    throw error;
  }
}

/** Reports an object that was created, when it is durable. */
export function recordCreation(
  server: ServerContext,
  version: NewVersion,
  versionId: string,
  name: EventName,
  requestId: string,
): void {
  const { bucket, key, size, etag } = version;
  server.notifier.record({ name, bucket, key, size, etag, versionId: namedVersion(versionId), requestId });
}
