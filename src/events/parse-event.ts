import {
  foldChanges,
  type ObjectChange,
  type ParsedRecord,
  readDetail,
  readRecord,
} from './event-records.js';
import { field, isRecord, textField } from './json-fields.js';

export type { ObjectChange } from './event-records.js';

/** What a message says. */
export type EventMessage =
  /** Objects to look at, each once. None when the message is of something that changes no content. */
  | {
      readonly kind: 'objects';
      readonly objects: readonly ObjectChange[];
      /** Records of the message that named no object. */
      readonly malformed: number;
    }
  /** Sent once by S3 when notifications are set up. */
  | { readonly kind: 'test' }
  /** An SNS topic that sends nothing until somebody opens this address. */
  | { readonly kind: 'subscription'; readonly confirmUrl: string }
  | { readonly kind: 'unknown'; readonly reason: string };

/** An SNS or SQS message has at most 256 KiB, an EventBridge event too; Ceph and MinIO send one record a message. */
export const maxMessageBytes = 1024 ** 2;

/** S3's own events carry one record a message; batches come from queues in between. */
const maxRecords = 10_000;

/** An EventBridge event in an SNS message in a batch is three deep. */
const maxDepth = 4;

const utf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * Reads an event message in any of the forms it is sent in: S3's records (AWS, Ceph RGW, MinIO and others), an EventBridge
 * event or its detail alone, either of them inside an SNS notification, or an array of these. Never throws.
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
  if (depth > maxDepth) return unknown('the message is wrapped too often');
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
  if (type !== 'Notification' || inner === null) return unknown('the message is of no kind that SNS sends');
  try {
    return readMessage(JSON.parse(inner), depth + 1);
  } catch {
    return unknown('the SNS notification holds no JSON');
  }
}

/** The address comes from outside: only SNS's own is passed on. */
function readSubscription(address: string): EventMessage {
  const url = URL.canParse(address) ? new URL(address) : null;
  if (url?.protocol === 'https:' && /^sns\.[a-z0-9-]+\.amazonaws\.com(?:\.cn)?$/.test(url.hostname)) {
    return { kind: 'subscription', confirmUrl: url.href };
  }
  return unknown('the subscription is to be confirmed at an address that is not of SNS');
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
    return unknown('the message names no bucket and key');
  }
  return { kind: 'objects', objects: foldChanges(objects), malformed };
}

function unknown(reason: string): EventMessage {
  return { kind: 'unknown', reason };
}
