import { execFile } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { Readable } from 'node:stream';
import { promisify } from 'node:util';
import {
  DeleteObjectsCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
  type S3ClientConfig,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type BareServer, startBareServer } from './testing/bare-server.js';
import { example, exampleCredentials, type WireRequest } from './testing/requests.js';
import { chunkedRequest } from './testing/signer.js';

/** Names that each client encodes in its own way. */
const oddKeys = [
  'a b+c%2F=&?#.txt',
  "quotes'()!*~@$,;:",
  'grüße/日本/🐎',
  'dots/../and//slashes/',
  '"<>\\^`{|}',
];

const large = Buffer.alloc(300_000, 'sftpgw');

let server: BareServer;
beforeAll(async () => {
  server = await startBareServer(exampleCredentials);
});
afterAll(() => server.close());
beforeEach(() => {
  server.take();
});

describe('the AWS SDK for JavaScript', () => {
  function client(config: S3ClientConfig = {}, secretAccessKey = example.secretAccessKey): S3Client {
    return new S3Client({
      endpoint: server.endpoint,
      region: 'eu-central-1',
      forcePathStyle: true,
      maxAttempts: 1,
      credentials: { accessKeyId: example.accessKeyId, secretAccessKey },
      ...config,
    });
  }

  it('puts a buffer with a signed hash and its default checksum', async () => {
    await client().send(new PutObjectCommand({ Bucket: 'b', Key: 'k', Body: large }));
    const [put] = server.take();
    expect(put).toMatchObject({ payload: 'hash', checksum: 'CRC32', decodedLength: large.length });
    expect(put?.body.equals(large)).toBe(true);
  });

  it.each(['CRC32', 'CRC32C', 'CRC64NVME', 'SHA1', 'SHA256'] as const)(
    'puts a stream with a %s behind it',
    async (algorithm) => {
      const pieces = [large.subarray(0, 100_000), large.subarray(100_000)];
      await client().send(
        new PutObjectCommand({
          Bucket: 'b',
          Key: 'k',
          Body: Readable.from(pieces, { objectMode: false }),
          ContentLength: large.length,
          ContentEncoding: 'gzip',
          ChecksumAlgorithm: algorithm,
        }),
      );
      const [put] = server.take();
      expect(put).toMatchObject({
        payload: 'STREAMING-UNSIGNED-PAYLOAD-TRAILER',
        checksum: algorithm,
        decodedLength: large.length,
        contentEncoding: 'gzip',
      });
      expect(put?.body.equals(large)).toBe(true);
    },
  );

  it('puts without a checksum on request', async () => {
    const plain = client({ requestChecksumCalculation: 'WHEN_REQUIRED' });
    await plain.send(
      new UploadPartCommand({ Bucket: 'b', Key: 'k', UploadId: 'u/+=', PartNumber: 1, Body: large }),
    );
    expect(server.take()).toMatchObject([{ payload: 'hash', checksum: null, decodedLength: large.length }]);
  });

  it.each(oddKeys)('names %j in a path and in a query', async (key) => {
    await client().send(new PutObjectCommand({ Bucket: 'b', Key: key, Body: 'x' }));
    await client().send(new GetObjectCommand({ Bucket: 'b', Key: key, VersionId: key }));
    await client().send(new ListObjectsV2Command({ Bucket: 'b', Prefix: key, Delimiter: '/' }));
    expect(server.take()).toHaveLength(3);
  });

  it('sends metadata and headers with blanks', async () => {
    const put = new PutObjectCommand({
      Bucket: 'b',
      Key: 'k',
      Body: 'x',
      ContentDisposition: 'attachment;   filename="a  b.txt"',
      Metadata: { note: '  two  blanks ', empty: '', umlaut: 'ü' },
      SSECustomerAlgorithm: 'AES256',
      SSECustomerKey: Buffer.alloc(32, 1).toString('base64'),
    });
    await client().send(put);
    expect(server.take()).toHaveLength(1);
  });

  it('posts a document', async () => {
    await client().send(new DeleteObjectsCommand({ Bucket: 'b', Delete: { Objects: [{ Key: 'k' }] } }));
    expect(server.take()).toMatchObject([{ method: 'POST', payload: 'hash', checksum: 'CRC32' }]);
  });

  it('is told which of its credentials is wrong', async () => {
    const get = new GetObjectCommand({ Bucket: 'b', Key: 'k' });
    await expect(client({}, 'guessed').send(get)).rejects.toMatchObject({ name: 'SignatureDoesNotMatch' });
    const credentials = { accessKeyId: 'AKIAUNKNOWN', secretAccessKey: 'x' };
    await expect(client({ credentials }).send(get)).rejects.toMatchObject({ name: 'InvalidAccessKeyId' });
  });

  it('is told that its clock is wrong', async () => {
    const late = client({ systemClockOffset: 20 * 60_000 });
    await expect(late.send(new GetObjectCommand({ Bucket: 'b', Key: 'k' }))).rejects.toMatchObject({
      name: 'RequestTimeTooSkewed',
    });
  });
});

/**
 * Returns why the tests with `aws` are skipped, or null if they can run. Throws if it is missing
 * and CI is set.
 */
function awsMissing(): string | null {
  const found = (process.env['PATH'] ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, 'aws'), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
  if (found) return null;
  if (process.env['CI']) throw new Error('aws is not installed');
  return 'aws is not installed';
}

const skipped = awsMissing();

describe.skipIf(skipped !== null)(`aws${skipped === null ? '' : ` (${skipped})`}`, () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'auth-clients-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  async function aws(...args: readonly string[]): Promise<string> {
    const { stdout } = await promisify(execFile)('aws', ['--endpoint-url', server.endpoint, ...args], {
      env: {
        PATH: process.env['PATH'],
        HOME: folder,
        AWS_ACCESS_KEY_ID: example.accessKeyId,
        AWS_SECRET_ACCESS_KEY: example.secretAccessKey,
        AWS_DEFAULT_REGION: 'eu-central-1',
        AWS_EC2_METADATA_DISABLED: 'true',
      },
    });
    return stdout;
  }

  it.concurrent('puts an object with an odd name and a customer key', async () => {
    const file = join(folder, 'large');
    await writeFile(file, large);
    const key = join(folder, 'key');
    await writeFile(key, Buffer.alloc(32, 9));
    await aws(
      ...['s3api', 'put-object', '--bucket', 'b', '--key', oddKeys.join(''), '--body', file],
      ...['--metadata', 'note=two  blanks', '--sse-customer-algorithm', 'AES256'],
      ...['--sse-customer-key', `fileb://${key}`],
    );
    const put = server.take().find(({ method }) => method === 'PUT');
    expect(put?.checksum).not.toBeNull();
    expect(put?.body.equals(large)).toBe(true);
  });

  it.concurrent('presigns a URL that anybody can use', async () => {
    const url = (await aws('s3', 'presign', `s3://b/${oddKeys[2]}+ &`, '--expires-in', '60')).trim();
    const response = await fetch(url);
    expect([response.status, await response.text()]).toEqual([200, '']);
    const changed = await fetch(url.replace('Expires=60', 'Expires=61'));
    expect(changed.status).toBe(403);
  });
});

describe('a client that sends before it reads', () => {
  /** Sends the start of a longer request, and returns the answer that arrives meanwhile. */
  async function answerTo(port: number, request: WireRequest): Promise<string> {
    const head = [...request.headers, ['Content-Length', '1000000']].map(
      ([name, value]) => `${name}: ${value}`,
    );
    const socket = connect(port, '127.0.0.1');
    socket.write(`${request.method} ${request.url} HTTP/1.1\r\n${head.join('\r\n')}\r\n\r\n`);
    for (const piece of request.body) socket.write(piece);
    let answer = '';
    for await (const data of socket) {
      answer += String(data);
      if (answer.includes('</Error>')) break;
    }
    return answer;
  }

  it('receives the refusal although none of its body was read', async () => {
    const request = {
      method: 'PUT',
      url: '/k',
      headers: [['Host', 'x']],
      body: [Buffer.alloc(200_000)],
    } as const;
    const answer = await answerTo(server.port, request);
    expect(answer).toMatch(/^HTTP\/1\.1 403 /);
    expect(answer).toContain('<Code>AccessDenied</Code>');
  });

  it('receives the refusal within its body if a chunk does not match its signature', async () => {
    const then = await startBareServer(exampleCredentials, () => example.nowMs);
    try {
      const request = chunkedRequest([Buffer.alloc(200_000), Buffer.from('more')], { signed: true });
      const body = Buffer.concat(request.body);
      body.writeUInt8(1, 100_000);
      const answer = await answerTo(then.port, { ...request, body: [body.subarray(0, 200_150)] });
      expect(answer).toMatch(/^HTTP\/1\.1 403 /);
      expect(answer).toContain('<Code>SignatureDoesNotMatch</Code>');
    } finally {
      await then.close();
    }
  });
});
