import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { inspect } from 'node:util';
import {
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  type Event,
  GetBucketNotificationConfigurationCommand,
  type NotificationConfiguration,
  PutBucketNotificationConfigurationCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ObjectEvent } from '../notifications/event-message.js';
import { type EmbeddedS3Options, startEmbeddedS3 } from '../server.js';
import { Receiver } from '../testing/receiver.js';
import { bucket as Bucket, type RunningServer, runServer } from '../testing/running-server.js';
import { eventually } from '../testing/wait.js';

const secret = `canary-${randomBytes(8).toString('hex')}`;
const topic = 'arn:aws:sns:us-east-1:000000000000:gateway';
const everything: Event[] = ['s3:ObjectCreated:*', 's3:ObjectRemoved:*'];

let receiver: Receiver;
let running: RunningServer;
let heard: ObjectEvent[];

async function start(options: Partial<EmbeddedS3Options> = {}): Promise<void> {
  const port = await receiver.start();
  running = await runServer({
    notificationTargets: { gateway: `http://user:${secret}@127.0.0.1:${port}/events/s3` },
    onObjectEvent: (event) => void heard.push(event),
    ...options,
  });
}

beforeEach(() => {
  receiver = new Receiver();
  heard = [];
});
afterEach(async () => {
  await running.stop();
  await receiver[Symbol.asyncDispose]();
});

const configure = async (configuration: NotificationConfiguration) =>
  await running.s3.send(
    new PutBucketNotificationConfigurationCommand({
      Bucket,
      NotificationConfiguration: configuration,
      SkipDestinationValidation: true,
    }),
  );
const put = async (Key: string, Body = 'content') =>
  await running.s3.send(new PutObjectCommand({ Bucket, Key, Body }));
const remove = async (Key: string) => await running.s3.send(new DeleteObjectCommand({ Bucket, Key }));
const told = async (count: number) =>
  await eventually('the events', () => receiver.records().length >= count && receiver.told());

const refusesConnections = async (endpoint: string): Promise<boolean> =>
  await fetch(endpoint).then(
    () => false,
    () => true,
  );

describe('the configuration', () => {
  it('is returned as it was set, and an empty one ends it', async () => {
    await start();
    const configuration: NotificationConfiguration = {
      TopicConfigurations: [
        {
          Id: 'all <of> it',
          TopicArn: topic,
          Events: everything,
          Filter: {
            Key: {
              FilterRules: [
                { Name: 'prefix', Value: 'alice/down loads/' },
                { Name: 'suffix', Value: '.txt' },
              ],
            },
          },
        },
      ],
      QueueConfigurations: [
        { Id: 'two', QueueArn: topic.replace('sns', 'sqs'), Events: ['s3:ObjectCreated:Copy'] },
      ],
    };
    await configure(configuration);
    const get = async () => {
      const { $metadata, ...rest } = await running.s3.send(
        new GetBucketNotificationConfigurationCommand({ Bucket }),
      );
      return rest;
    };
    expect(await get()).toEqual(configuration);
    await configure({});
    expect(await get()).toEqual({});
  });

  it.each([
    [
      'an unknown topic',
      { TopicConfigurations: [{ TopicArn: `${topic}x`, Events: everything }] },
      'InvalidArgument',
    ],
    [
      'a queue’s ARN as topic',
      { TopicConfigurations: [{ TopicArn: topic.replace('sns', 'sqs'), Events: everything }] },
      'InvalidArgument',
    ],
    [
      'an event that never occurs',
      { TopicConfigurations: [{ TopicArn: topic, Events: ['s3:ObjectRestore:*'] as Event[] }] },
      'InvalidArgument',
    ],
    ['no event', { TopicConfigurations: [{ TopicArn: topic, Events: [] as Event[] }] }, 'MalformedXML'],
    [
      'two of one id',
      {
        TopicConfigurations: [
          { Id: 'a', TopicArn: topic, Events: everything },
          { Id: 'a', TopicArn: topic, Events: everything },
        ],
      },
      'MalformedXML',
    ],
    [
      'two prefixes',
      {
        TopicConfigurations: [
          {
            TopicArn: topic,
            Events: everything,
            Filter: {
              Key: {
                FilterRules: [
                  { Name: 'prefix' as const, Value: 'a' },
                  { Name: 'prefix' as const, Value: 'b' },
                ],
              },
            },
          },
        ],
      },
      'InvalidArgument',
    ],
    [
      'a function',
      {
        LambdaFunctionConfigurations: [
          { LambdaFunctionArn: 'arn:aws:lambda:us-east-1:0:function:f', Events: everything },
        ],
      },
      'NotImplemented',
    ],
    ['EventBridge', { EventBridgeConfiguration: {} }, 'NotImplemented'],
  ])('with %s is refused, and the old one stays', async (_, configuration, code) => {
    await start();
    await configure({ TopicConfigurations: [{ Id: 'old', TopicArn: topic, Events: everything }] });
    await expect(configure(configuration)).rejects.toMatchObject({ name: code });
    const kept = await running.s3.send(new GetBucketNotificationConfigurationCommand({ Bucket }));
    expect(kept.TopicConfigurations).toMatchObject([{ Id: 'old' }]);
  });

  it('is removed with its bucket', async () => {
    await start();
    await running.s3.send(new CreateBucketCommand({ Bucket: 'short-lived' }));
    const ofIt = {
      Bucket: 'short-lived',
      NotificationConfiguration: { TopicConfigurations: [{ TopicArn: topic, Events: everything }] },
    };
    await running.s3.send(new PutBucketNotificationConfigurationCommand(ofIt));
    await running.s3.send(new DeleteBucketCommand({ Bucket: 'short-lived' }));
    await running.s3.send(new CreateBucketCommand({ Bucket: 'short-lived' }));
    const { $metadata, ...rest } = await running.s3.send(
      new GetBucketNotificationConfigurationCommand({ Bucket: 'short-lived' }),
    );
    expect(rest).toEqual({});
  });

  it('can be set on data from before there were notifications', async () => {
    await start();
    await put('old');
    await running.server.close(1000);
    const index = new Database(join(running.directory, 'index.sqlite'));
    index.exec('DROP TABLE completions; DROP TABLE notifications; PRAGMA user_version = 1');
    index.close();
    const again = await startEmbeddedS3({
      directory: running.directory,
      listen: { host: '127.0.0.1', port: 0 },
      region: 'us-east-1',
    });
    await again.close(1000);
    const upgraded = new Database(join(running.directory, 'index.sqlite'), { readonly: true });
    expect(upgraded.pragma('user_version', { simple: true })).toBe(3);
    expect(upgraded.prepare('SELECT key FROM versions').all()).toEqual([{ key: 'old' }]);
    expect(upgraded.prepare('SELECT * FROM notifications').all()).toEqual([]);
    upgraded.close();
  });

  it('is tested with the test event when it is new', async () => {
    await start();
    const NotificationConfiguration = { TopicConfigurations: [{ TopicArn: topic, Events: everything }] };
    await running.s3.send(
      new PutBucketNotificationConfigurationCommand({ Bucket, NotificationConfiguration }),
    );
    const [first] = await eventually(
      'the test event',
      () => receiver.received.length > 0 && receiver.received,
    );
    expect(first).toMatchObject({ path: '/events/s3', body: { Event: 's3:TestEvent' } });
  });
});

describe('events', () => {
  it('report every creation and removal of an object, in order, once it is durable', async () => {
    await start();
    await configure({ TopicConfigurations: [{ Id: 'all', TopicArn: topic, Events: everything }] });
    const { ETag } = await put('a b+c%/ü');
    await running.s3.send(
      new CopyObjectCommand({ Bucket, Key: 'copy', CopySource: `${Bucket}/a%20b%2Bc%25/%C3%BC` }),
    );
    const { UploadId } = await running.s3.send(new CreateMultipartUploadCommand({ Bucket, Key: 'parts' }));
    const part = await running.s3.send(
      new UploadPartCommand({ Bucket, Key: 'parts', UploadId, PartNumber: 1, Body: 'parts' }),
    );
    const MultipartUpload = { Parts: [{ PartNumber: 1, ETag: part.ETag }] };
    await running.s3.send(
      new CompleteMultipartUploadCommand({ Bucket, Key: 'parts', UploadId, MultipartUpload }),
    );
    await remove('copy');
    await remove('never-there');
    await running.s3.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects: [{ Key: 'parts' }] } }));
    expect(await told(5)).toEqual([
      'ObjectCreated:Put a+b%2Bc%25/%C3%BC',
      'ObjectCreated:Copy copy',
      'ObjectCreated:CompleteMultipartUpload parts',
      'ObjectRemoved:Delete copy',
      'ObjectRemoved:Delete parts',
    ]);
    const [first] = receiver.records();
    expect(first).toMatchObject({
      eventSource: 'aws:s3',
      awsRegion: 'us-east-1',
      s3: {
        configurationId: 'all',
        bucket: { name: Bucket },
        object: { size: 7, eTag: ETag?.replaceAll('"', '') },
      },
    });
    const sequencers = receiver.records().map(({ s3 }) => s3.object.sequencer);
    expect([...new Set(sequencers)].sort()).toEqual(sequencers);
    expect(heard.map(({ name, key }) => `${name} ${key}`)[0]).toBe('ObjectCreated:Put a b+c%/ü');
    expect(heard).toHaveLength(5);
  });

  it('report versions and delete markers', async () => {
    await start();
    await configure({ TopicConfigurations: [{ TopicArn: topic, Events: everything }] });
    const VersioningConfiguration = { Status: 'Enabled' as const };
    await running.s3.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration }));
    const { VersionId } = await put('a');
    const marker = await remove('a');
    await running.s3.send(new DeleteObjectCommand({ Bucket, Key: 'a', VersionId: marker.VersionId }));
    expect(await told(3)).toEqual([
      'ObjectCreated:Put a',
      'ObjectRemoved:DeleteMarkerCreated a',
      'ObjectRemoved:Delete a',
    ]);
    const versions = receiver.records().map(({ s3 }) => s3.object.versionId);
    expect(versions).toEqual([VersionId, marker.VersionId, marker.VersionId]);
  });

  it('go only where the filters and types of a configuration send them', async () => {
    await start();
    const Filter = {
      Key: {
        FilterRules: [
          { Name: 'prefix' as const, Value: 'in/' },
          { Name: 'suffix' as const, Value: '.txt' },
        ],
      },
    };
    await configure({ TopicConfigurations: [{ TopicArn: topic, Events: ['s3:ObjectCreated:Put'], Filter }] });
    for (const key of ['in/a.txt', 'out/a.txt', 'in/a.bin', 'in/b.txt']) await put(key);
    await remove('in/a.txt');
    await put('in/last.txt');
    await told(3);
    expect(receiver.told()).toEqual(
      ['in/a.txt', 'in/b.txt', 'in/last.txt'].map((key) => `ObjectCreated:Put ${key}`),
    );
  });

  it('are not sent for a refused write', async () => {
    await start();
    await put('a');
    await expect(
      running.s3.send(new PutObjectCommand({ Bucket, Key: 'a', Body: 'b', IfNoneMatch: '*' })),
    ).rejects.toThrow();
    expect(heard).toHaveLength(1);
  });

  it('reach the listener in the process before the request is answered, and its exceptions do no harm', async () => {
    const seen: string[] = [];
    await start({
      onObjectEvent: ({ key }) => {
        seen.push(key);
        throw new Error('not my day');
      },
    });
    await put('a');
    expect(seen).toEqual(['a']);
    expect(running.log.filter(({ level }) => level === 'error')).toHaveLength(1);
  });
});

describe('delivery', () => {
  it('does not delay requests, and sends waiting events together', async () => {
    await start();
    await configure({ TopicConfigurations: [{ TopicArn: topic, Events: everything }] });
    const release = receiver.hold();
    for (let count = 0; count < 30; count += 1) await put(`k${count}`);
    expect(receiver.received).toEqual([]);
    release();
    expect(await told(30)).toEqual(Array.from({ length: 30 }, (_, count) => `ObjectCreated:Put k${count}`));
    expect(receiver.received.length).toBeLessThanOrEqual(3);
  });

  it('is repeated until it succeeds, in the old order', async () => {
    await start();
    await configure({ TopicConfigurations: [{ TopicArn: topic, Events: everything }] });
    receiver.statuses.push(503, null, 401);
    await put('a');
    await put('b');
    expect(await told(2)).toEqual(['ObjectCreated:Put a', 'ObjectCreated:Put b']);
    expect(running.log.filter(({ level }) => level === 'warn')).toHaveLength(3);
  });

  it('is not repeated if the target refuses the message', async () => {
    await start();
    await configure({ TopicConfigurations: [{ TopicArn: topic, Events: everything }] });
    receiver.statuses.push(400);
    await put('a');
    await eventually('the refusal', () => receiver.statuses.length === 0);
    await put('b');
    expect(await told(1)).toEqual(['ObjectCreated:Put b']);
    expect(running.log.filter(({ level }) => level === 'error')).toHaveLength(1);
  });

  it('is completed when the server stops', async () => {
    await start();
    await configure({ TopicConfigurations: [{ TopicArn: topic, Events: everything }] });
    receiver.statuses.push(503, 503, 503, 503);
    await put('a');
    await eventually('attempts', () => receiver.statuses.length === 0);
    await running.server.close(20_000);
    expect(receiver.told()).toEqual(['ObjectCreated:Put a']);
  });

  it('is tried once more if the server begins to stop within an attempt', async () => {
    await start();
    await configure({ TopicConfigurations: [{ TopicArn: topic, Events: everything }] });
    receiver.statuses.push(503);
    const release = receiver.hold();
    await put('a');
    await eventually('the attempt', () => receiver.waiting > 0);
    const closed = running.server.close(20_000);
    // The connections end before the last deliveries begin.
    await eventually('the stop', async () => await refusesConnections(running.server.endpoint));
    release();
    await closed;
    expect(receiver.told()).toEqual(['ObjectCreated:Put a']);
  });

  it('does not keep a server from stopping if the target is unreachable', async () => {
    await start({ notificationTargets: { gateway: 'http://127.0.0.1:1/' } });
    await configure({ TopicConfigurations: [{ TopicArn: topic, Events: everything }] });
    await put('a');
    const startedMs = performance.now();
    await running.server.close(1000);
    expect(performance.now() - startedMs).toBeLessThan(10_000);
    expect(running.log).toContainEqual(expect.objectContaining({ level: 'error', events: 1 }));
  });

  it('sends the credentials in the address, which are never logged', async () => {
    await start();
    await configure({ TopicConfigurations: [{ TopicArn: topic, Events: everything }] });
    receiver.statuses.push(500);
    await put('a');
    await told(1);
    const basic = Buffer.from(`user:${secret}`).toString('base64');
    expect(receiver.received[0]?.authorization).toBe(`Basic ${basic}`);
    expect(running.log.length).toBeGreaterThan(0);
    expect(inspect(running.log, { depth: 5 })).not.toContain(secret);
  });
});
