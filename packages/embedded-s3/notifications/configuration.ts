/**
 * Types of events here, without `s3:`.
 *
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-how-to-event-types-and-destinations.html
 */
export const eventNames = [
  'ObjectCreated:Put',
  'ObjectCreated:Copy',
  'ObjectCreated:CompleteMultipartUpload',
  'ObjectRemoved:Delete',
  'ObjectRemoved:DeleteMarkerCreated',
] as const;

export type EventName = (typeof eventNames)[number];

/** Event types in configurations. This server has no browser forms, so Post never occurs. */
export const eventTypes: ReadonlySet<string> = new Set([
  's3:ObjectCreated:*',
  's3:ObjectCreated:Post',
  's3:ObjectRemoved:*',
  ...eventNames.map((name) => `s3:${name}`),
]);

/** The element of the document. AWS has an SNS topic or an SQS queue behind it. */
export type DestinationKind = 'Topic' | 'Queue';

/** A rule of a bucket: the events to send, and their target. */
export interface Notification {
  readonly id: string;
  readonly kind: DestinationKind;
  /** Name of a target that the server was started with. */
  readonly target: string;
  readonly events: readonly string[];
  /** Null without the rule. */
  readonly prefix: string | null;
  readonly suffix: string | null;
}

/** Returns true if the configuration selects the event. */
export function wants(notification: Notification, name: EventName, key: string): boolean {
  const { events, prefix, suffix } = notification;
  const group = `s3:${name.slice(0, name.indexOf(':'))}:*`;
  if (!events.includes(group) && !events.includes(`s3:${name}`)) return false;
  return key.startsWith(prefix ?? '') && key.endsWith(suffix ?? '');
}
