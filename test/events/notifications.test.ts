import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  PutObjectCommand,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { type EmbeddedS3, startEmbeddedS3 } from '@sftpgw/embedded-s3';
import { Receiver } from '@sftpgw/embedded-s3/testing/receiver';
import { sdkClient, TestKey } from '@sftpgw/embedded-s3/testing/running-server';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type EventEndpoint, eventsPath, startEventEndpoint } from '../../src/api/event-endpoint.js';
import { ensureEventSecret } from '../../src/api/event-secret.js';
import { parseEvents } from '../../src/events/parse-event.js';
import { type LogLine, recordingLogger, testClock, testEntropy } from '../../src/sftp/testing/test-logger.js';
import { s3Targets } from '../support/s3-targets.js';
import { eventually } from '../support/wait.js';
import { notifyTopic, RgwTopics, whyNoRgwTopics } from './rgw-topics.js';

/** An S3 server that posts events to an address. */
interface Sender {
  readonly name: string;
  readonly skip: string | null;
  /** Returns a bucket whose changes below the prefix are posted to the address. */
  start(address: string, prefix: string): Promise<{ readonly s3: S3Client; readonly bucket: string }>;
  close(): Promise<void>;
}

const prefix = 'alice/downloads/';

class EmbeddedSender implements Sender {
  readonly name = 'embedded S3';
  readonly skip = null;
  #server: EmbeddedS3 | null = null;
  #directory = '';
  #s3: S3Client | null = null;

  async start(address: string, below: string) {
    this.#directory = await mkdtemp(join(tmpdir(), 'sftpgw-sender-'));
    const region = 'us-east-1';
    const server = await startEmbeddedS3({
      directory: this.#directory,
      listen: { host: '127.0.0.1', port: 0 },
      region,
      notificationTargets: { gateway: address },
    });
    this.#server = server;
    const s3 = sdkClient(server);
    this.#s3 = s3;
    await server.ensureBucket('events');
    await notifyTopic(s3, 'events', `arn:aws:sns:${region}:000000000000:gateway`, below);
    return { s3, bucket: 'events' };
  }

  async close(): Promise<void> {
    this.#s3?.destroy();
    await this.#server?.close(1_000);
    await rm(this.#directory, { recursive: true, force: true });
  }
}

const [, environment] = await s3Targets();

class CephSender implements Sender {
  readonly name = 'Ceph RGW';
  readonly skip = whyNoRgwTopics(target());
  readonly #topics = new RgwTopics(target());
  #arn: string | null = null;

  async start(address: string, below: string) {
    const bucket = await target().makeBucket();
    this.#arn = await this.#topics.create(`t-${bucket}`, address);
    await notifyTopic(target().client(), bucket, this.#arn, below);
    return { s3: target().client(), bucket };
  }

  async close(): Promise<void> {
    await target().close();
    if (this.#arn !== null) await this.#topics.remove(this.#arn);
  }
}

function target() {
  if (environment === undefined) throw new Error('the environment does not set a target');
  return environment;
}

for (const sender of [new EmbeddedSender(), new CephSender()]) {
  const title = `notifications of ${sender.name}${sender.skip === null ? '' : ` (skipped: ${sender.skip})`}`;
  describe.skipIf(sender.skip !== null)(title, () => {
    const changed: { readonly object: string; readonly atMs: number }[] = [];
    const lines: LogLine[] = [];
    let directory: string;
    let endpoint: EventEndpoint;
    let s3: S3Client;
    let Bucket: string;

    beforeAll(async () => {
      directory = await mkdtemp(join(tmpdir(), 'sftpgw-events-'));
      const secretFile = join(directory, 'secret');
      await ensureEventSecret(secretFile, testEntropy);
      const secret = (await readFile(secretFile, 'utf8')).trim();
      endpoint = await startEventEndpoint({
        host: '127.0.0.1',
        port: 0,
        secretFile,
        sink: {
          keyChanged: (bucket, key) =>
            void changed.push({ object: `${bucket}/${key}`, atMs: performance.now() }),
        },
        log: recordingLogger(lines),
        clock: testClock,
        entropy: testEntropy,
      });
      const { host, port } = endpoint.address;
      const started = await sender.start(`http://sftpgw:${secret}@${host}:${port}${eventsPath}`, prefix);
      s3 = started.s3;
      Bucket = started.bucket;
    });
    afterAll(async () => {
      await sender.close();
      await endpoint.close();
      await rm(directory, { recursive: true });
    });

    /**
     * Runs the change. Returns the time from its end to its event, in ms; negative if the event came
     * first.
     */
    async function latency(Key: string, change: () => Promise<unknown>): Promise<number> {
      const before = changed.length;
      await change();
      const changedMs = performance.now();
      const event = await eventually(
        `an event of ${Key}`,
        () => changed.slice(before).find(({ object }) => object === `${Bucket}/${Key}`) ?? null,
        10_000,
      );
      return event.atMs - changedMs;
    }

    it.each([
      'report.csv',
      'red flower+100%.jpg',
      'Übersicht/ä b/%2F &=?.txt',
      `${randomBytes(4).toString('hex')}/'"<>.bin`,
    ])('report a put and a removal of %s within seconds', async (name) => {
      const Key = prefix + name;
      const put = new PutObjectCommand({ Bucket, Key, Body: 'content' });
      expect(await latency(Key, () => s3.send(put))).toBeLessThan(5_000);
      expect(await latency(Key, () => s3.send(new DeleteObjectCommand({ Bucket, Key })))).toBeLessThan(5_000);
    });

    it('report an object with a customer key, a copy and an upload in parts', async () => {
      const { trio } = new TestKey();
      const sealed = `${prefix}sealed`;
      await latency(sealed, () => s3.send(new PutObjectCommand({ Bucket, Key: sealed, Body: 'x', ...trio })));
      await s3.send(new PutObjectCommand({ Bucket, Key: 'elsewhere', Body: 'x' }));
      const copy = `${prefix}copy`;
      const CopySource = `${Bucket}/elsewhere`;
      await latency(copy, () => s3.send(new CopyObjectCommand({ Bucket, Key: copy, CopySource })));
      const Key = `${prefix}parts`;
      const { UploadId } = await s3.send(new CreateMultipartUploadCommand({ Bucket, Key }));
      const part = { Bucket, Key, UploadId, PartNumber: 1 };
      const { ETag } = await s3.send(new UploadPartCommand({ ...part, Body: 'x' }));
      const MultipartUpload = { Parts: [{ PartNumber: 1, ETag }] };
      await latency(Key, () =>
        s3.send(new CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload })),
      );
    });

    it('report only objects below the prefix', async () => {
      await s3.send(new PutObjectCommand({ Bucket, Key: 'other/a', Body: 'x' }));
      const Key = `${prefix}after`;
      await latency(Key, () => s3.send(new PutObjectCommand({ Bucket, Key, Body: 'x' })));
      expect(changed.filter(({ object }) => !object.startsWith(`${Bucket}/${prefix}`))).toEqual([]);
    });

    it('cause no warnings in the log', () => {
      expect(lines.filter(({ level }) => level === 'warn' || level === 'error')).toEqual([]);
    });
  });
}

it('the parser reads the messages that the embedded S3 server posts', async () => {
  await using receiver = new Receiver();
  const sender = new EmbeddedSender();
  try {
    const { s3, bucket } = await sender.start(`http://127.0.0.1:${await receiver.start()}/`, '');
    await s3.send(new PutObjectCommand({ Bucket: bucket, Key: 'a b+c%/ü', Body: 'content' }));
    const bodies = await eventually('the messages', () => {
      const posted = receiver.received.map(({ body }) => parseEvents(JSON.stringify(body)));
      return posted.some(({ kind }) => kind === 'objects') && posted;
    });
    expect(bodies).toContainEqual({ kind: 'test' });
    expect(bodies).toContainEqual(
      expect.objectContaining({ objects: [expect.objectContaining({ bucket, key: 'a b+c%/ü' })] }),
    );
  } finally {
    await sender.close();
  }
});
