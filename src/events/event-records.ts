import { maxKeyBytes } from '../model/path.js';
import { field, textField } from './json-fields.js';

/** An object that may have changed. */
export interface ObjectChange {
  readonly bucket: string;
  readonly key: string;
}

/** The objects that one record names; none if the event does not change content. */
export type ParsedRecord = readonly ObjectChange[] | 'malformed';

/**
 * The beginnings of names of events that do not change content. MinIO sends an event for each read. If the
 * gateway read the object in response, it would cause events without end.
 */
const withoutChange = /^(?:s3:)?Object(?:Accessed|Tagging|Acl):/;
const detailWithoutChange = /^Object (?:Tags|ACL|Storage Class|Access Tier)/;

/** Maximum length of a bucket name: 63 characters at S3, up to 255 for older buckets and at other servers. */
const maxBucketBytes = 255;

/**
 * Reads one of S3's `Records`, or MinIO's short form (`EventName` and `Key`, which begins with the
 * bucket).
 */
export function readRecord(record: unknown): ParsedRecord {
  const s3 = field(record, 's3');
  const name = textField(record, 'eventName') ?? textField(record, 'EventName') ?? '';
  if (s3 === undefined) return readShortRecord(record, name);
  const bucket = textField(field(s3, 'bucket'), 'name');
  const key = textField(field(s3, 'object'), 'key');
  if (withoutChange.test(name)) return [];
  if (bucket === null || key === null) return 'malformed';
  return named(bucket, candidateKeys(textField(record, 'eventSource'), key));
}

function readShortRecord(record: unknown, name: string): ParsedRecord {
  const [, bucket, key] = /^([^/]+)\/(.+)$/s.exec(textField(record, 'Key') ?? '') ?? [];
  if (withoutChange.test(name)) return [];
  return bucket === undefined || key === undefined ? 'malformed' : named(bucket, [key]);
}

/** Reads the `detail` of an EventBridge event, whose keys are not encoded. */
export function readDetail(detail: unknown, detailType: string | null): ParsedRecord {
  const bucket = textField(field(detail, 'bucket'), 'name');
  const key = textField(field(detail, 'object'), 'key');
  if (detailType !== null && detailWithoutChange.test(detailType)) return [];
  return bucket === null || key === null ? 'malformed' : named(bucket, [key]);
}

/**
 * Returns the possible keys in a record. AWS and MinIO encode a key as a form value; Ceph RGW does not encode
 * it. For other servers it returns both readings: a wrong one costs only one request.
 */
function candidateKeys(source: string | null, text: string): readonly string[] {
  if (source === 'ceph:s3') return [text];
  const decoded = decodeFormValue(text);
  if (decoded === null) return [text];
  return source === 'aws:s3' || source === 'minio:s3' ? [decoded] : [decoded, text];
}

function decodeFormValue(text: string): string | null {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return null;
  }
}

function named(bucket: string, keys: readonly string[]): ParsedRecord {
  if (!isName(bucket, maxBucketBytes) || bucket.includes('/')) return 'malformed';
  const objects = keys.filter((key) => isName(key, maxKeyBytes)).map((key) => ({ bucket, key }));
  return objects.length === 0 ? 'malformed' : objects;
}

/** Reports whether the text is not empty, not too long, and can be encoded in UTF-8. */
function isName(text: string, maxBytes: number): boolean {
  return text !== '' && Buffer.byteLength(text) <= maxBytes && !/\p{Surrogate}/u.test(text);
}

/** Removes repeated objects. Keeps the order of the first occurrences. */
export function foldChanges(objects: readonly ObjectChange[]): readonly ObjectChange[] {
  if (objects.length < 2) return objects;
  // A bucket's name has no slash, so the joined text is unambiguous.
  return [...new Map(objects.map((object) => [`${object.bucket}/${object.key}`, object])).values()];
}
