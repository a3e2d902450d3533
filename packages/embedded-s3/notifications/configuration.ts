/** What an event may be called here, without its `s3:`. https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-how-to-event-types-and-destinations.html */
export const eventNames = [
  'ObjectCreated:Put',
  'ObjectCreated:Copy',
  'ObjectCreated:CompleteMultipartUpload',
  'ObjectRemoved:Delete',
  'ObjectRemoved:DeleteMarkerCreated',
] as const;

export type EventName = (typeof eventNames)[number];

/** As a configuration names them. This server has no browser forms, so nothing is ever created by Post. */
export const eventTypes: ReadonlySet<string> = new Set([
  's3:ObjectCreated:*',
  's3:ObjectCreated:Post',
  's3:ObjectRemoved:*',
  ...eventNames.map((name) => `s3:${name}`),
]);

/** Which element of the document it stands in; AWS has an SNS topic or an SQS queue behind it. */
export type DestinationKind = 'Topic' | 'Queue';

/** Which events of a bucket go where. */
export interface Notification {
  readonly id: string;
  readonly kind: DestinationKind;
  /** Of a target that the server was started with. */
  readonly target: string;
  readonly events: readonly string[];
  /** Null without the rule. */
  readonly prefix: string | null;
  readonly suffix: string | null;
}

/** True when the event is one of those to be told. */
export function wants(notification: Notification, name: EventName, key: string): boolean {
  const { events, prefix, suffix } = notification;
  const group = `s3:${name.slice(0, name.indexOf(':'))}:*`;
  if (!events.includes(group) && !events.includes(`s3:${name}`)) return false;
  return key.startsWith(prefix ?? '') && key.endsWith(suffix ?? '');
}
