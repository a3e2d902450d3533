import { randomUUID } from 'node:crypto';
import { accountId } from '../encryption-headers.js';
import { invalidArgument, malformedXml, notImplemented } from '../errors.js';
import { type Answer, emptyAnswer, xmlAnswer } from '../http/answer.js';
import type { BucketRequest } from '../http/request.js';
import { type DestinationKind, eventTypes, type Notification } from '../notifications/configuration.js';
import { receiveDocument } from '../payload.js';
import { parseXml, type XmlNode, type XmlReader } from '../xml.js';
import { requireBucket, type ServerContext } from './context.js';

const services: Readonly<Record<DestinationKind, string>> = { Topic: 'sns', Queue: 'sqs' };
const maxConfigurations = 100;

/** GetBucketNotificationConfiguration. https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketNotificationConfiguration.html */
export async function getBucketNotification(server: ServerContext, request: BucketRequest): Promise<Answer> {
  requireBucket(server, request.bucket);
  const notifications = server.store.notifications.of(request.bucket);
  return xmlAnswer(
    'NotificationConfiguration',
    notifications.map((notification) => render(server, notification)),
  );
}

/**
 * PutBucketNotificationConfiguration: topics and queues whose ARNs name targets that the server was
 * started with. The server posts the events of both to the target's address. An empty document ends
 * all notifications of the bucket.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketNotificationConfiguration.html
 */
export async function putBucketNotification(server: ServerContext, request: BucketRequest): Promise<Answer> {
  requireBucket(server, request.bucket);
  const document = parseXml(await receiveDocument(request), 'NotificationConfiguration');
  for (const other of [
    'CloudFunctionConfiguration',
    'LambdaFunctionConfiguration',
    'EventBridgeConfiguration',
  ]) {
    if (document.child(other) !== null) throw notImplemented(`The destination of a ${other}`);
  }
  const notifications = [
    ...document.all('TopicConfiguration').map((each) => parse(server, 'Topic', each)),
    ...document.all('QueueConfiguration').map((each) => parse(server, 'Queue', each)),
  ];
  const ids = new Set(notifications.map(({ id }) => id));
  if (notifications.length > maxConfigurations || ids.size < notifications.length) throw malformedXml();
  await server.store.change(() => {
    requireBucket(server, request.bucket);
    server.store.notifications.set(request.bucket, notifications);
  });
  if (request.headers['x-amz-skip-destination-validation'] !== 'true') {
    const targets = notifications.map(({ target }) => target);
    server.notifier.sendTest(targets, request.bucket, request.requestId);
  }
  return emptyAnswer(200);
}

function arnOf(server: ServerContext, kind: DestinationKind, target: string): string {
  return `arn:aws:${services[kind]}:${server.region}:${accountId}:${target}`;
}

function parse(server: ServerContext, kind: DestinationKind, element: XmlReader): Notification {
  const events = element.all('Event').map((event) => event.own().trim());
  const unknown = events.find((event) => !eventTypes.has(event));
  if (unknown !== undefined) {
    throw invalidArgument('A specified event is not supported for notifications', 'Event', unknown);
  }
  if (events.length === 0) throw malformedXml();
  const id = element.text('Id')?.trim() || randomUUID();
  if (id.length > 255) throw malformedXml();
  return { id, kind, target: parseTarget(server, kind, element), events, ...parseFilter(element) };
}

function parseTarget(server: ServerContext, kind: DestinationKind, element: XmlReader): string {
  const arn = element.text(kind)?.trim() ?? '';
  const target = arn.slice(arn.lastIndexOf(':') + 1);
  if (server.notifier.hasTarget(target) && arn === arnOf(server, kind, target)) return target;
  const noun = kind.toLowerCase();
  throw invalidArgument(
    'Unable to validate the following destination configurations',
    arn,
    `The destination ${noun} does not exist: it must be ${arnOf(server, kind, 'NAME')}, with a name that the server was started with`,
  );
}

function parseFilter(element: XmlReader): Pick<Notification, 'prefix' | 'suffix'> {
  const rules = element.child('Filter')?.child('S3Key')?.all('FilterRule') ?? [];
  const values: Record<'prefix' | 'suffix', string | null> = { prefix: null, suffix: null };
  for (const rule of rules) {
    const name = rule.text('Name')?.trim().toLowerCase();
    if (name !== 'prefix' && name !== 'suffix') {
      throw invalidArgument(
        'filter rule name must be either prefix or suffix',
        'FilterRule.Name',
        name ?? '',
      );
    }
    if (values[name] !== null) {
      throw invalidArgument(
        'Cannot specify more than one prefix or suffix rule in a filter.',
        'FilterRule',
        name,
      );
    }
    values[name] = rule.text('Value') ?? '';
  }
  return values;
}

function render(server: ServerContext, notification: Notification): XmlNode {
  const { id, kind, target, events } = notification;
  const rules: XmlNode[] = [];
  for (const name of ['prefix', 'suffix'] as const) {
    const value = notification[name];
    if (value === null) continue;
    rules.push([
      'FilterRule',
      [
        ['Name', name],
        ['Value', value],
      ],
    ]);
  }
  return [
    `${kind}Configuration`,
    [
      ['Id', id],
      [kind, arnOf(server, kind, target)],
      ...events.map((event): XmlNode => ['Event', event]),
      ['Filter', rules.length === 0 ? null : [['S3Key', rules]]],
    ],
  ];
}
