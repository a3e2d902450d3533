import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { systemClock, systemEntropy } from '../assembly/system.js';
import type { Call } from '../model/call.js';
import { noKey } from '../model/encryption.js';
import { createS3ObjectStore, type S3ObjectStore } from './object-store.js';

const silent = { debug() {}, info() {}, warn() {}, error() {}, child: () => silent };
const call: Call = { id: 'x', signal: new AbortController().signal, log: silent };
const ref = { bucket: 'bucket', key: 'key' };

let directory: string;
let server: http.Server;
/** The access key that S3 accepts. */
let valid: string;
/** The answer of the credentials endpoint. */
let endpointAnswers: () => string | null;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'sftpgw-credentials-'));
  endpointAnswers = () => null;
  server = http.createServer((request, response) => {
    if (request.url === '/credentials') {
      const body = endpointAnswers();
      response.writeHead(body === null ? 500 : 200, { 'content-type': 'application/json' }).end(body ?? '');
    } else if (request.headers.authorization?.includes(`Credential=${valid}/`)) {
      response
        .writeHead(200, { etag: '"e"', 'content-length': 5 })
        .end(request.method === 'HEAD' ? '' : 'bytes');
    } else {
      response.writeHead(400).end('<Error><Code>ExpiredToken</Code><Message>expired</Message></Error>');
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  for (const name of ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN', 'AWS_PROFILE']) {
    vi.stubEnv(name, undefined);
  }
  vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true');
  vi.stubEnv('AWS_CONFIG_FILE', join(directory, 'config'));
  vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', join(directory, 'credentials'));
});
afterEach(async () => {
  vi.unstubAllEnvs();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  rmSync(directory, { recursive: true });
});

const address = () => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

function open(): S3ObjectStore {
  return createS3ObjectStore({
    endpoint: address(),
    region: 'us-east-1',
    clock: systemClock,
    entropy: systemEntropy,
    retry: { firstDelayMs: 1, maxAttempts: 3 },
  });
}

function writeCredentials(accessKey: string): void {
  writeFileSync(
    join(directory, 'credentials'),
    `[default]\naws_access_key_id=${accessKey}\naws_secret_access_key=secret\naws_session_token=token\n`,
  );
}

describe('credentials in the shared file', () => {
  it('are loaded again when S3 refuses those of before, for every request under way', async () => {
    writeCredentials('BEFORE');
    valid = 'BEFORE';
    await using store = open();
    expect(await store.head(call, ref, noKey)).toMatchObject({ size: 5 });
    valid = 'AFTER';
    writeCredentials('AFTER');
    const requests = [1, 2, 3, 4].map((index) =>
      index % 2 === 0 ? store.head(call, ref, noKey) : store.read(call, ref, noKey, null),
    );
    expect((await Promise.all(requests)).every((answer) => answer !== null)).toBe(true);
  });

  it('that are not replaced are reported as expired', async () => {
    writeCredentials('BEFORE');
    valid = 'AFTER';
    await using store = open();
    const refused = expect(store.head(call, ref, noKey)).rejects;
    await refused.toMatchObject({ kind: 'denied', hint: expect.stringContaining('has expired') });
  });

  it('that are not there are reported as missing', async () => {
    await using store = open();
    await expect(store.head(call, ref, noKey)).rejects.toMatchObject({
      kind: 'denied',
      hint: expect.stringContaining('no AWS credentials were found'),
    });
  });
});

describe('an endpoint for credentials', () => {
  it('that does not answer is a passing fault, and the next request succeeds', async () => {
    vi.stubEnv('AWS_CONTAINER_CREDENTIALS_FULL_URI', `${address()}/credentials`);
    valid = 'FETCHED';
    await using store = open();
    await expect(store.head(call, ref, noKey)).rejects.toMatchObject({ kind: 'unavailable' });
    endpointAnswers = () =>
      JSON.stringify({
        AccessKeyId: 'FETCHED',
        SecretAccessKey: 'secret',
        Token: 'token',
        Expiration: new Date(Date.now() + 3_600_000).toISOString(),
      });
    expect(await store.head(call, ref, noKey)).toMatchObject({ size: 5 });
  }, 60_000);
});
