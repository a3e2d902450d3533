import { accountId } from '../encryption-headers.js';
import type { EventName } from './configuration.js';

/** One change of an object. It is durable when it is reported. */
export interface ObjectEvent {
  readonly name: EventName;
  readonly bucket: string;
  readonly key: string;
  /** Null for a removal, like the entity tag, which has no quotes. */
  readonly size: number | null;
  readonly etag: string | null;
  /** Null while the bucket is not versioned. */
  readonly versionId: string | null;
  readonly requestId: string;
}

export interface EventTime {
  readonly nowMs: number;
  /** Hex digits. A later event of the same key has digits that sort after these. */
  readonly sequencer: string;
}

/**
 * Returns a record as S3 sends it.
 *
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
 */
export function renderRecord(
  event: ObjectEvent,
  { nowMs, sequencer }: EventTime,
  region: string,
  configurationId: string,
): string {
  const identity = { principalId: accountId };
  return JSON.stringify({
    eventVersion: '2.1',
    eventSource: 'aws:s3',
    awsRegion: region,
    eventTime: new Date(nowMs).toISOString(),
    eventName: event.name,
    userIdentity: identity,
    responseElements: { 'x-amz-request-id': event.requestId },
    s3: {
      s3SchemaVersion: '1.0',
      configurationId,
      bucket: { name: event.bucket, ownerIdentity: identity, arn: `arn:aws:s3:::${event.bucket}` },
      object: {
        key: encodeKey(event.key),
        size: event.size ?? undefined,
        eTag: event.etag ?? undefined,
        versionId: event.versionId ?? undefined,
        sequencer,
      },
    },
  });
}

/** Returns the message that S3 sends to test a new destination. */
export function renderTestMessage(bucket: string, nowMs: number, requestId: string): string {
  return JSON.stringify({
    Service: 'Amazon S3',
    Event: 's3:TestEvent',
    Time: new Date(nowMs).toISOString(),
    Bucket: bucket,
    RequestId: requestId,
  });
}

/** Encodes like a form, but keeps slashes: `a b/c` becomes `a+b/c`. */
function encodeKey(key: string): string {
  return encodeURIComponent(key).replaceAll('%20', '+').replaceAll('%2F', '/');
}
