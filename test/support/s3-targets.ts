import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  AbortMultipartUploadCommand,
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectVersionsCommand,
  PutBucketVersioningCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { type EmbeddedS3, startEmbeddedS3 } from '@sftpgw/embedded-s3';
import { createS3Client } from '../../src/s3/client.js';
import { decodeListed } from '../../src/s3/listed-name.js';
import type { S3Credentials } from '../../src/s3/options.js';

/** An S3 server that tests run against. */
export interface S3Target {
  readonly kind: 'embedded' | 'environment';
  readonly name: string;
  /** The reason why this target cannot be tested here, or null. */
  readonly skip: string | null;
  /** The server's URL. The embedded server has one after `start` or `makeBucket`. */
  readonly endpoint: string;
  /** The PEM file to trust, or null for the system's certificates. */
  readonly caFile: string | null;
  readonly region: string;
  readonly credentials: S3Credentials;
  /** The KMS key to use; null if SSE-KMS cannot be tested. */
  readonly kmsKey: string | null;
  start(): Promise<void>;
  /** Creates a bucket, which `close` empties and removes. */
  makeBucket(): Promise<string>;
  /** Like `makeBucket`, with versioning enabled. */
  makeVersionedBucket(): Promise<string>;
  /** Returns an SDK client, to read the target independently of the store. */
  client(): S3Client;
  /** Removes the buckets and stops the embedded server. The target can be started again. */
  close(): Promise<void>;
}

/**
 * Returns the embedded S3 server, in this process, and the server that SFTPGW_TEST_S3_ENDPOINT names. Starts
 * none of them.
 */
export async function s3Targets(): Promise<readonly S3Target[]> {
  return [new EmbeddedTarget(), new EnvironmentTarget(process.env, 'SFTPGW_TEST_S3')];
}

/**
 * Returns the server that SFTPGW_TEST_S3_18_ENDPOINT names: Ceph 18, which does not copy encrypted objects. Its
 * credentials are those of the other server.
 */
export function oldS3Target(): S3Target {
  return new EnvironmentTarget(process.env, 'SFTPGW_TEST_S3_18');
}

abstract class Target {
  abstract readonly endpoint: string;
  abstract readonly caFile: string | null;
  abstract readonly region: string;
  abstract readonly credentials: S3Credentials;
  readonly #buckets: string[] = [];
  #client: S3Client | null = null;

  async start(): Promise<void> {}

  client(): S3Client {
    const { endpoint, caFile, region, credentials } = this;
    this.#client ??= createS3Client({ endpoint, caFile, region, credentials }).client;
    return this.#client;
  }

  async makeBucket(): Promise<string> {
    await this.start();
    const bucket = `sftpgw-test-${randomBytes(6).toString('hex')}`;
    await this.client().send(new CreateBucketCommand({ Bucket: bucket }));
    this.#buckets.push(bucket);
    return bucket;
  }

  async makeVersionedBucket(): Promise<string> {
    const bucket = await this.makeBucket();
    const command = new PutBucketVersioningCommand({
      Bucket: bucket,
      VersioningConfiguration: { Status: 'Enabled' },
    });
    await this.client().send(command);
    return bucket;
  }

  async close(): Promise<void> {
    for (const bucket of this.#buckets.splice(0)) await removeBucket(this.client(), bucket);
    this.#client?.destroy();
    this.#client = null;
  }
}

/** The reason to skip the embedded S3, if another run tests it; otherwise null. */
export const embeddedSkip: string | null =
  process.env['SFTPGW_TEST_EMBEDDED'] === 'no' ? 'SFTPGW_TEST_EMBEDDED=no' : null;

class EmbeddedTarget extends Target implements S3Target {
  readonly kind = 'embedded';
  readonly name = 'embedded S3';
  readonly skip = embeddedSkip;
  readonly caFile = null;
  readonly region = 'us-east-1';
  readonly kmsKey = 'arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab';
  #running: Promise<{ server: EmbeddedS3; directory: string }> | null = null;
  #server: EmbeddedS3 | null = null;

  override async start(): Promise<void> {
    this.#running ??= startInFreshDirectory(this.region);
    this.#server = (await this.#running).server;
  }

  get #started(): EmbeddedS3 {
    if (this.#server === null) throw new Error('the embedded S3 is not started');
    return this.#server;
  }

  get endpoint(): string {
    return this.#started.endpoint;
  }

  get credentials(): S3Credentials {
    return this.#started.credentials;
  }

  override async close(): Promise<void> {
    if (this.#running === null) return;
    await super.close();
    const { server, directory } = await this.#running;
    this.#running = null;
    this.#server = null;
    await server.close(5_000);
    await rm(directory, { recursive: true, force: true });
  }
}

async function startInFreshDirectory(region: string): Promise<{ server: EmbeddedS3; directory: string }> {
  const directory = await mkdtemp(join(tmpdir(), 'sftpgw-embedded-s3-'));
  const server = await startEmbeddedS3({ directory, listen: { host: '127.0.0.1', port: 0 }, region });
  return { server, directory };
}

class EnvironmentTarget extends Target implements S3Target {
  readonly kind = 'environment';
  readonly name: string;
  readonly skip: string | null;
  readonly endpoint: string;
  readonly caFile: string | null;
  readonly region: string;
  readonly credentials: S3Credentials;
  readonly kmsKey: string | null;

  /** `prefix` begins the names of the variables that describe the server. */
  constructor(environment: NodeJS.ProcessEnv, prefix: string) {
    super();
    const missing = [`${prefix}_ENDPOINT`, 'AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'].filter(
      (name) => !environment[name],
    );
    this.skip = missing.length === 0 ? null : `${missing.join(', ')} not set`;
    this.name = environment[`${prefix}_NAME`] || `the S3 of ${prefix}_ENDPOINT`;
    this.endpoint = environment[`${prefix}_ENDPOINT`] ?? '';
    this.caFile = environment[`${prefix}_CA`] || null;
    this.region = environment['AWS_DEFAULT_REGION'] || 'us-east-1';
    this.credentials = {
      accessKeyId: environment['AWS_ACCESS_KEY_ID'] ?? '',
      secretAccessKey: environment['AWS_SECRET_ACCESS_KEY'] ?? '',
    };
    this.kmsKey = environment[`${prefix}_KMS_KEY`] || null;
  }
}

/** Removes every version, marker and unfinished upload, then the bucket. */
async function removeBucket(client: S3Client, bucket: string): Promise<void> {
  for (;;) {
    const page = await client.send(new ListObjectVersionsCommand({ Bucket: bucket, EncodingType: 'url' }));
    const found = [...(page.Versions ?? []), ...(page.DeleteMarkers ?? [])];
    if (found.length === 0) break;
    for (const { Key, VersionId } of found) {
      const version = VersionId === undefined ? {} : { VersionId };
      await client.send(
        new DeleteObjectCommand({ Bucket: bucket, Key: decodeListed(Key ?? ''), ...version }),
      );
    }
  }
  const uploads = await client.send(new ListMultipartUploadsCommand({ Bucket: bucket, EncodingType: 'url' }));
  for (const { Key, UploadId } of uploads.Uploads ?? []) {
    await client.send(
      new AbortMultipartUploadCommand({ Bucket: bucket, Key: decodeListed(Key ?? ''), UploadId }),
    );
  }
  await client.send(new DeleteBucketCommand({ Bucket: bucket }));
}
