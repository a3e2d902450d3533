import type { S3Client } from '@aws-sdk/client-s3';
import { it } from 'vitest';
import { systemClock, systemEntropy } from '../../src/assembly/system.js';
import { createS3Client } from '../../src/s3/client.js';
import type { S3StoreOptions } from '../../src/s3/options.js';
import { type Finished, run } from './command.js';
import { Gateway, type GatewayOptions, type TestUser } from './gateway.js';
import { embeddedSkip, s3Targets } from './s3-targets.js';

/** Access to the bucket behind a gateway for the `aws` tool. */
export interface BucketAccess {
  readonly bucket: string;
  readonly environment: NodeJS.ProcessEnv;
  /** Runs `aws s3api ARGS`. Does not throw for the exit code. */
  s3api(...args: readonly string[]): Promise<Finished>;
}

/** A gateway with one kind of S3 server. */
export interface GatewayTarget {
  readonly name: string;
  /** The reason why this target cannot be tested here, or null. */
  readonly skip: string | null;
  start(options?: Omit<GatewayOptions, 's3'>): Promise<Gateway>;
  /** Returns direct access to the gateway's bucket. Call it after `start`. */
  access(gateway: Gateway): Promise<BucketAccess>;
}

/**
 * Returns the targets: the gateway with its embedded S3 in one process, and in front of the S3 server that
 * the environment names.
 */
export async function gatewayTargets(): Promise<readonly GatewayTarget[]> {
  const foreign = (await s3Targets()).filter((target) => target.kind === 'environment');
  return [embedded, ...foreign.map(foreignTarget)];
}

/**
 * Returns the targets of a suite whose results do not depend on the S3 server: one that is available, and in the full drill all.
 */
export function targetsOnce<T extends Pick<GatewayTarget, 'skip'>>(targets: readonly T[]): readonly T[] {
  if (process.env['SFTPGW_DRILL'] === 'full') return targets;
  return [targets.find(({ skip }) => skip === null) ?? targets[0]].filter((target) => target !== undefined);
}

/**
 * Returns `it` for a test whose result does not depend on the S3 server: it is declared for one server, and in the
 * full drill for each.
 */
export function itOnceFor(
  target: Pick<GatewayTarget, 'name'>,
): (name: string, body: () => Promise<void>) => void {
  const isFull = process.env['SFTPGW_DRILL'] === 'full';
  const isDeclared = isFull || embeddedSkip !== null || target.name === embedded.name;
  return (name, body) => {
    if (isDeclared) it(name, body);
  };
}

const embedded: GatewayTarget = {
  name: 'embedded S3',
  skip: embeddedSkip,
  start: (options = {}) => Gateway.start({ ...options, s3: null }),
  async access(gateway) {
    const { code, stdout, stderr } = await gateway.cli(['env', '--json']);
    if (code !== 0) throw new Error(`sftpgw env exited with ${code}: ${stderr}`);
    const printed = JSON.parse(stdout) as Record<string, string>;
    return accessWith(printed, printed['SFTPGW_BUCKET'] ?? '');
  },
};

function foreignTarget(target: Awaited<ReturnType<typeof s3Targets>>[number]): GatewayTarget {
  const access = new WeakMap<Gateway, BucketAccess>();
  return {
    name: target.name,
    skip: target.skip,
    async start(options = {}) {
      const bucket = await target.makeBucket();
      const { endpoint, caFile, region, credentials } = target;
      const gateway = await Gateway.start({
        ...options,
        s3: { endpoint, caFile, region, bucket, ...credentials },
      });
      const environment: NodeJS.ProcessEnv = {
        AWS_ENDPOINT_URL: endpoint,
        AWS_ACCESS_KEY_ID: credentials.accessKeyId,
        AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
        AWS_DEFAULT_REGION: region,
        ...(caFile === null ? {} : { AWS_CA_BUNDLE: caFile }),
      };
      access.set(gateway, accessWith(environment, bucket));
      return gateway;
    },
    async access(gateway) {
      const found = access.get(gateway);
      if (found === undefined) throw new Error('this gateway was started by another target');
      return found;
    },
  };
}

function accessWith(variables: NodeJS.ProcessEnv, bucket: string): BucketAccess {
  const environment = { ...process.env, ...variables };
  return {
    bucket,
    environment,
    s3api(...args) {
      const endpoint = ['--endpoint-url', variables['AWS_ENDPOINT_URL'] ?? ''];
      return run('aws', ['s3api', ...args, '--bucket', bucket, ...endpoint], { env: environment });
    },
  };
}

/**
 * Returns an SDK client that reads the gateway's bucket independently of the gateway. The caller destroys it.
 */
export function sdkClient(access: BucketAccess): S3Client {
  return createS3Client(storeOptions(access)).client;
}

/** Returns the options with which the gateway's own adapter reaches that bucket. */
export function storeOptions({ environment }: BucketAccess): S3StoreOptions {
  return {
    endpoint: environment['AWS_ENDPOINT_URL'] ?? '',
    region: environment['AWS_DEFAULT_REGION'] ?? 'us-east-1',
    caFile: environment['AWS_CA_BUNDLE'] ?? null,
    credentials: {
      accessKeyId: environment['AWS_ACCESS_KEY_ID'] ?? '',
      secretAccessKey: environment['AWS_SECRET_ACCESS_KEY'] ?? '',
    },
    clock: systemClock,
    entropy: systemEntropy,
  };
}

/** Returns the arguments with which `aws s3api` sends this user's key. */
export function customerKeyArguments(user: TestUser): string[] {
  return ['--sse-customer-algorithm', 'AES256', '--sse-customer-key', `fileb://${user.keyFile}`];
}
