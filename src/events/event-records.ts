import { maxKeyBytes } from '../model/path.js';
import { field, textField } from './json-fields.js';

/** Where to look. */
export interface ObjectChange {
  readonly bucket: string;
  readonly key: string;
}

/** The objects that one record names, none when it is of something that changes no content. */
export type ParsedRecord = readonly ObjectChange[] | 'malformed';

/**
 * Events without a change of content, by the beginning of their names. Reading an object is one at MinIO: to look at what
 * was read would never end.
 */
const withoutChange = /^(?:s3:)?Object(?:Accessed|Tagging|Acl):/;
const detailWithoutChange = /^Object (?:Tags|ACL|Storage Class|Access Tier)/;

/** A bucket's name at S3 has 63 characters, older ones and other servers' up to 255. */
const maxBucketBytes = 255;

/** One of S3's `Records`, or MinIO's short form of one (`EventName` and `Key`, which begins with the bucket). */
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

/** The `detail` of an EventBridge event; its keys are as they are. */
export function readDetail(detail: unknown, detailType: string | null): ParsedRecord {
  const bucket = textField(field(detail, 'bucket'), 'name');
  const key = textField(field(detail, 'object'), 'key');
  if (detailType !== null && detailWithoutChange.test(detailType)) return [];
  return bucket === null || key === null ? 'malformed' : named(bucket, [key]);
}

/**
 * AWS and MinIO encode a key as a form's value, Ceph RGW sends it as it is. Of a server that is neither, both readings are
 * looked at: a hint that leads nowhere costs one request.
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

/** Not empty, not too long, and text that has a form in UTF-8. */
function isName(text: string, maxBytes: number): boolean {
  return text !== '' && Buffer.byteLength(text) <= maxBytes && !/\p{Surrogate}/u.test(text);
}

/** Each object once, in the order of the first mention. */
export function foldChanges(objects: readonly ObjectChange[]): readonly ObjectChange[] {
  if (objects.length < 2) return objects;
  // A bucket's name holds no slash, so the joined text names one object.
  return [...new Map(objects.map((object) => [`${object.bucket}/${object.key}`, object])).values()];
}
