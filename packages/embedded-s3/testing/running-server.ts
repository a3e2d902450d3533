import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3';
import { type EmbeddedS3, type EmbeddedS3Options, startEmbeddedS3 } from '../server.js';
import { type RawClient, rawClient } from './signed-request.js';

/** Everything that a server logged, for tests that search it for secrets. */
export type LogLines = Record<string, unknown>[];

export interface RunningServer {
  readonly server: EmbeddedS3;
  readonly directory: string;
  readonly s3: S3Client;
  readonly raw: RawClient;
  readonly log: LogLines;
  /** Stops the server and removes its data. */
  stop(): Promise<void>;
}

export const bucket = 'test-bucket';

/** Starts a server on a free port over a new directory, with a bucket and both clients. */
export async function runServer(options: Partial<EmbeddedS3Options> = {}): Promise<RunningServer> {
  const directory = options.directory ?? (await mkdtemp(join(tmpdir(), 'embedded-s3-')));
  const log: LogLines = [];
  const server = await startEmbeddedS3({
    listen: { host: '127.0.0.1', port: 0 },
    region: 'us-east-1',
    log: (line) => void log.push(line),
    ...options,
    directory,
  });
  await server.ensureBucket(bucket);
  const s3 = sdkClient(server);
  const raw = rawClient(server.endpoint, server.credentials);
  return {
    server,
    directory,
    s3,
    raw,
    log,
    stop: async () => {
      s3.destroy();
      raw.close();
      await server.close(1000);
      await rm(directory, { recursive: true, force: true });
    },
  };
}

export function sdkClient(
  server: Pick<EmbeddedS3, 'endpoint' | 'credentials'>,
  config: S3ClientConfig = {},
): S3Client {
  return new S3Client({
    region: 'us-east-1',
    endpoint: server.endpoint,
    // The SDK changes the object that it receives.
    credentials: { ...server.credentials },
    forcePathStyle: true,
    maxAttempts: 1,
    ...config,
  });
}

/** A customer's key in the forms of the SDK and of the three headers. */
export class TestKey {
  readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array = randomBytes(32)) {
    this.bytes = bytes;
  }

  get md5(): string {
    return createHash('md5').update(this.bytes).digest('base64');
  }

  get base64(): string {
    return Buffer.from(this.bytes).toString('base64');
  }

  /** For SDK calls. */
  get trio() {
    return {
      SSECustomerAlgorithm: 'AES256',
      SSECustomerKey: this.base64,
      SSECustomerKeyMD5: this.md5,
    } as const;
  }

  /** For SDK copies: this key opens the source. */
  get copySourceTrio() {
    return {
      CopySourceSSECustomerAlgorithm: 'AES256',
      CopySourceSSECustomerKey: this.base64,
      CopySourceSSECustomerKeyMD5: this.md5,
    } as const;
  }

  /** Returns the headers for raw requests. */
  headers(prefix: 'x-amz-' | 'x-amz-copy-source-' = 'x-amz-'): Record<string, string> {
    return {
      [`${prefix}server-side-encryption-customer-algorithm`]: 'AES256',
      [`${prefix}server-side-encryption-customer-key`]: this.base64,
      [`${prefix}server-side-encryption-customer-key-md5`]: this.md5,
    };
  }
}
