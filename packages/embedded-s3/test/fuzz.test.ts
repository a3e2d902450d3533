import { connect } from 'node:net';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { SeededRandom } from '../testing/random.js';
import { bucket, type RunningServer, runServer, TestKey } from '../testing/running-server.js';
import { type RawRequest, sign } from '../testing/signed-request.js';

let running: RunningServer;
const random = SeededRandom.fromEnvironment();
const troubles: unknown[] = [];
const note = (error: unknown): void => void troubles.push(error);

beforeAll(async () => {
  console.log(`SFTPGW_TEST_SEED=${random.seed}`);
  process.on('unhandledRejection', note);
  process.on('uncaughtException', note);
  running = await runServer({ idleTimeoutMs: 400 });
  for (const Key of ['a', 'dir/b']) {
    await running.s3.send(new PutObjectCommand({ Bucket: bucket, Key, Body: 'x'.repeat(100_000) }));
  }
});
afterAll(async () => {
  process.off('unhandledRejection', note);
  process.off('uncaughtException', note);
  await running.stop();
});

const key = new TestKey();
const junk = (length: number): string =>
  Array.from({ length }, () => String.fromCharCode(random.between(33, 126))).join('');
const path = (): string =>
  random.pick([
    '/',
    `/${bucket}`,
    `/${bucket}/`,
    `/${bucket}/a`,
    `/${bucket}/dir/b`,
    `/${bucket}/%00`,
    `/${bucket}/%ff%fe`,
    `/${bucket}//..//a`,
    `/${encodeURIComponent(junk(8))}`,
    `/${bucket}/${encodeURIComponent(junk(random.between(1, 60)))}`,
    `/${bucket}/${'k'.repeat(random.between(1000, 1200))}`,
  ]);
const names = [
  'acl attributes delete encryption list-type location marker max-keys max-parts partNumber policy prefix delimiter',
  'start-after continuation-token encoding-type tagging uploadId uploads versionId versioning versions key-marker',
  'version-id-marker upload-id-marker response-content-type part-number-marker',
]
  .join(' ')
  .split(' ');
const value = (): string =>
  random.pick([
    '',
    '0',
    '1',
    '2',
    '-1',
    '1001',
    '99999999999',
    'url',
    'null',
    '/',
    'a',
    '\0',
    '\u{10FFFF}',
    junk(20),
  ]);
const headerNames = [
  'range if-match if-none-match if-modified-since content-md5 x-amz-copy-source x-amz-copy-source-range x-amz-acl',
  'x-amz-metadata-directive x-amz-tagging x-amz-checksum-crc32 x-amz-checksum-crc32c x-amz-checksum-sha256 x-amz-checksum-algorithm',
  'x-amz-checksum-type x-amz-server-side-encryption x-amz-server-side-encryption-aws-kms-key-id x-amz-storage-class',
  'x-amz-object-attributes x-amz-mp-object-size x-amz-trailer x-amz-decoded-content-length x-amz-meta-m expect',
  'x-amz-sdk-checksum-algorithm content-encoding x-amz-website-redirect-location',
]
  .join(' ')
  .split(' ');
const headerValue = (): string =>
  random.pick([
    'bytes=0-10',
    'bytes=-5',
    'bytes=9-',
    'bytes=1-0',
    '*',
    '"x"',
    'Thu, 01 Jan 1970 00:00:00 GMT',
    `/${bucket}/a`,
    `${bucket}/dir/b?versionId=null`,
    'REPLACE',
    'COPY',
    'a=b&c=d',
    'AAAAAA==',
    'CRC32',
    'CRC32C',
    'COMPOSITE',
    'aws:kms',
    'AES256',
    'ETag,Checksum',
    '100-continue',
    'aws-chunked',
    'x-amz-checksum-crc32',
    'x-amz-checksum-crc32c',
    '12',
    junk(30),
  ]);
const element = (): string =>
  random.pick([
    'Delete',
    'Object',
    'Key',
    'Part',
    'PartNumber',
    'ETag',
    'Tagging',
    'TagSet',
    'Tag',
    'Rule',
    'Status',
    'Value',
  ]);
function xml(depth: number): string {
  if (depth === 0 || random.next() < 0.2)
    return random.pick(['x', '', '1', '&amp;', '&#0;', '&bogus;', '<![CDATA[a]]>', '<', ']]>']);
  const name = element();
  const inner = Array.from({ length: random.between(0, 3) }, () => xml(depth - 1)).join('');
  return random.next() < 0.95 ? `<${name}>${inner}</${name}>` : `<${name}>${inner}`;
}
const document = (): string => {
  const root = random.pick([
    'Delete',
    'Tagging',
    'CompleteMultipartUpload',
    'VersioningConfiguration',
    'ServerSideEncryptionConfiguration',
    'CreateBucketConfiguration',
  ]);
  return random.pick([
    '',
    junk(50),
    `<${root}>${xml(3)}${xml(3)}</${root}>`,
    `<!DOCTYPE a><${root}/>`,
    `<${'a>'.repeat(500)}`,
  ]);
};

function randomRequest(): RawRequest {
  const query: Record<string, string> = {};
  for (let count = random.between(0, 3); count > 0; count--) query[random.pick(names)] = value();
  let headers: Record<string, string> = {};
  for (let count = random.between(0, 4); count > 0; count--)
    headers[random.pick(headerNames)] = headerValue();
  if (random.next() < 0.15) headers = { ...headers, ...key.headers() };
  if (random.next() < 0.1) headers = { ...headers, ...key.headers('x-amz-copy-source-') };
  for (const name of Object.keys(headers)) {
    if (name.includes('customer') && random.next() < 0.15) headers[name] = headerValue();
  }
  const method = random.pick(['GET', 'GET', 'HEAD', 'PUT', 'PUT', 'POST', 'DELETE', 'PATCH']);
  // The bucket itself stays: without it, every request fails.
  const target =
    method === 'DELETE' || method === 'PUT' ? `/${bucket}/${junk(3).replace(/\W/g, '')}x` : path();
  return { method, path: target, query, headers, body: document() };
}

/** The request on the wire. Some are then damaged. */
function onTheWire(): Buffer {
  const { host } = new URL(running.server.endpoint);
  const raw = randomRequest();
  const { path: target, headers } = sign(raw, host, running.server.credentials);
  if (random.next() < 0.1)
    headers['content-length'] = random.pick(['0', '7', '-1', '99999', 'x', '10000000000000']);
  if (random.next() < 0.1)
    headers['x-amz-content-sha256'] = random.pick([
      'STREAMING-AWS4-HMAC-SHA256-PAYLOAD',
      'STREAMING-UNSIGNED-PAYLOAD-TRAILER',
      'x',
      'UNSIGNED-PAYLOAD',
    ]);
  if (random.next() < 0.05) headers['transfer-encoding'] = 'chunked';
  const lines = Object.entries({ ...headers, connection: 'close' }).map(
    ([name, text]) => `${name}: ${text}\r\n`,
  );
  const bytes = Buffer.from(
    `${raw.method} ${target} HTTP/1.1\r\n${lines.join('')}\r\n${String(raw.body)}`,
    'latin1',
  );
  if (random.next() < 0.3) {
    for (let count = random.between(1, 8); count > 0; count--)
      bytes[random.between(0, bytes.length - 1)] = random.between(0, 255);
  }
  return random.next() < 0.05 ? bytes.subarray(0, random.between(1, bytes.length)) : bytes;
}

/** Resolves with the first line of the answer; empty for a connection that was closed without one. */
function exchange(bytes: Buffer): Promise<string> {
  const { hostname, port } = new URL(running.server.endpoint);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname);
    let answer = '';
    const limit = setTimeout(() => {
      socket.destroy();
      reject(new Error(`no answer and no end within 10 s to ${bytes.toString('latin1').slice(0, 2000)}`));
    }, 10_000);
    socket.on('data', (chunk: Buffer) => {
      answer += chunk.toString('latin1', 0, 200);
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      clearTimeout(limit);
      resolve(answer.split('\r\n')[0] ?? '');
    });
    socket.write(bytes);
  });
}

it('3,000 random and damaged requests are each answered or closed; none returns 500, ends the server or hangs it', async () => {
  const statuses = new Map<string, number>();
  let left = 3000;
  const worker = async () => {
    while (left-- > 0) {
      const status = (await exchange(onTheWire())).split(' ')[1] ?? 'closed';
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
    }
  };
  await Promise.all(Array.from({ length: 32 }, worker));
  console.log(Object.fromEntries([...statuses].sort()));
  const internal = running.log.filter((line) => line['level'] === 'error');
  expect(internal).toEqual([]);
  expect(troubles).toEqual([]);
  // Requests with every outcome occurred; otherwise the test would be pointless.
  for (const status of ['200', '400', '403', '404'])
    expect(statuses.get(status) ?? 0, status).toBeGreaterThan(10);
  expect((await running.raw({ method: 'GET', path: `/${bucket}/a` })).body).toHaveLength(100_000);
});
