import {
  foldChanges,
  type ObjectChange,
  type ParsedRecord,
  readDetail,
  readRecord,
} from './event-records.js';
import { field, isRecord, textField } from './json-fields.js';

export type { ObjectChange } from './event-records.js';

/** The content of an event message. */
export type EventMessage =
  /** Objects that may have changed, without repetition; none if no event changes content. */
  | {
      readonly kind: 'objects';
      readonly objects: readonly ObjectChange[];
      /** Number of records that do not name an object. */
      readonly malformed: number;
    }
  /** The test event that S3 sends once when notifications are set up. */
  | { readonly kind: 'test' }
  /** The request of an SNS topic, which sends nothing until a person opens this address. */
  | { readonly kind: 'subscription'; readonly confirmUrl: string }
  | { readonly kind: 'unknown'; readonly reason: string };

/** Maximum size of a message. SNS, SQS and EventBridge allow 256 KiB; Ceph and MinIO send one record each. */
export const maxMessageBytes = 1024 ** 2;

/** Maximum records in a message. S3 sends one record per message; queues in between send batches. */
const maxRecords = 10_000;

/** Maximum nesting. An EventBridge event in an SNS message in a batch has depth 3. */
const maxDepth = 4;

const utf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * Parses an event message in any known form: S3's records (AWS, Ceph RGW, MinIO and others), an EventBridge
 * event or its detail alone, either of them inside an SNS notification, or an array of these. Returns
 * `unknown` instead of throwing.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html
 */
export function parseEvents(body: Uint8Array | string): EventMessage {
  const size = typeof body === 'string' ? Buffer.byteLength(body) : body.byteLength;
  if (size > maxMessageBytes) return unknown(`the message is longer than ${maxMessageBytes} bytes`);
  try {
    return readMessage(JSON.parse(typeof body === 'string' ? body : utf8.decode(body)), 0);
  } catch {
    return unknown('the message is not JSON in UTF-8');
  }
}

function readMessage(message: unknown, depth: number): EventMessage {
  if (depth > maxDepth) return unknown('the message is nested too deeply');
  if (Array.isArray(message)) return readBatch(message, depth);
  if (!isRecord(message)) return unknown('the message is not a JSON object');
  const records = field(message, 'Records');
  if (Array.isArray(records)) return readRecords(records);
  // https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html: the test message
  if (textField(message, 'Event') === 's3:TestEvent') return { kind: 'test' };
  if (textField(message, 'Type') !== null) return readSns(message, depth);
  if (textField(message, 'EventName') !== null || isRecord(field(message, 's3'))) {
    return gather([readRecord(message)]);
  }
  const detail = field(message, 'detail');
  return gather([
    isRecord(detail) ? readDetail(detail, textField(message, 'detail-type')) : readDetail(message, null),
  ]);
}

function readRecords(records: readonly unknown[]): EventMessage {
  if (records.length > maxRecords) return unknown(`the message has more than ${maxRecords} records`);
  return gather(records.map(readRecord));
}

/** https://docs.aws.amazon.com/sns/latest/dg/http-notification-json.html */
function readSns(message: Readonly<Record<string, unknown>>, depth: number): EventMessage {
  const type = textField(message, 'Type');
  const url = textField(message, 'SubscribeURL');
  if (type === 'SubscriptionConfirmation' && url !== null) return readSubscription(url);
  if (type === 'UnsubscribeConfirmation') return { kind: 'objects', objects: [], malformed: 0 };
  const inner = textField(message, 'Message');
  if (type !== 'Notification' || inner === null) return unknown('the message has an unknown SNS type');
  try {
    return readMessage(JSON.parse(inner), depth + 1);
  } catch {
    return unknown('the SNS notification does not contain JSON');
  }
}

/** Accepts only an address of SNS, because the message is not trusted. */
function readSubscription(address: string): EventMessage {
  const url = URL.canParse(address) ? new URL(address) : null;
  if (url?.protocol === 'https:' && /^sns\.[a-z0-9-]+\.amazonaws\.com(?:\.cn)?$/.test(url.hostname)) {
    return { kind: 'subscription', confirmUrl: url.href };
  }
  return unknown('the confirmation address of the subscription is not an SNS address');
}

function readBatch(messages: readonly unknown[], depth: number): EventMessage {
  if (messages.length > maxRecords) return unknown(`the batch has more than ${maxRecords} messages`);
  const objects: ObjectChange[] = [];
  let malformed = 0;
  for (const message of messages) {
    const read = readMessage(message, depth + 1);
    if (read.kind === 'objects') {
      objects.push(...read.objects);
      malformed += read.malformed;
    } else if (read.kind !== 'test') malformed += 1;
    if (objects.length > maxRecords) return unknown(`the batch has more than ${maxRecords} records`);
  }
  if (objects.length === 0 && malformed > 0)
    return unknown('no message of the batch names a bucket and a key');
  return { kind: 'objects', objects: foldChanges(objects), malformed };
}

function gather(readings: readonly ParsedRecord[]): EventMessage {
  const objects = readings.flatMap((reading) => (reading === 'malformed' ? [] : reading));
  const malformed = readings.filter((reading) => reading === 'malformed').length;
  if (malformed > 0 && malformed === readings.length) {
    return unknown('the message does not name a bucket and a key');
  }
  return { kind: 'objects', objects: foldChanges(objects), malformed };
}

function unknown(reason: string): EventMessage {
  return { kind: 'unknown', reason };
}
