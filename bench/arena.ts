import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { CreateBucketCommand } from '@aws-sdk/client-s3';
import { s3Client } from './mirror/objects.js';
import type { Arena } from './peers/peer.js';
import { timed } from './process.js';

/** The script that starts and stops a disposable Ceph RGW. */
const cephTool =
  process.env['SFTPGW_BENCH_CEPH'] ?? resolve(import.meta.dirname, '../../test/servers/ceph-rgw');

/**
 * The S3 server and the directory of all contenders. Disposing it stops the server and removes the directory.
 */
export interface Stage extends AsyncDisposable {
  /** Returns the shared arena with a work directory of this name. */
  arena(name: string): Arena;
  readonly directory: string;
  readonly s3Name: string;
}

/**
 * Prepares one S3 server over https with one bucket, one customer key and one SSH identity for all
 * contenders. SFTPGW_TEST_S3_ENDPOINT, SFTPGW_TEST_S3_CA and the usual AWS variables select a server; without
 * them it starts Ceph.
 */
export async function buildStage(needsS3: boolean): Promise<Stage> {
  const directory = mkdtempSync(join(tmpdir(), 'sftpgw-bench-'));
  const given = process.env['SFTPGW_TEST_S3_ENDPOINT'];
  const ceph = needsS3 && given === undefined ? startCeph(join(directory, 'ceph')) : null;
  // Ceph is a daemon, so it must be stopped here, also after an uncaught error.
  process.once('exit', () => ceph?.stop());
  process.once('SIGINT', () => process.exit(130));
  process.once('SIGTERM', () => process.exit(143));
  const variables = needsS3 ? (ceph?.variables ?? process.env) : noS3;
  const key = randomBytes(32);
  const keyFile = join(directory, 'customer.key');
  writeFileSync(keyFile, key, { mode: 0o600 });
  const identity = join(directory, 'id');
  await timed('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', identity]);
  const shared = {
    endpoint: given ?? required(variables, 'S3_HTTPS'),
    caFile: process.env['SFTPGW_TEST_S3_CA'] ?? required(variables, 'S3_CA_CERT'),
    region: variables['AWS_DEFAULT_REGION'] ?? 'us-east-1',
    accessKeyId: required(variables, 'AWS_ACCESS_KEY_ID'),
    secretAccessKey: required(variables, 'AWS_SECRET_ACCESS_KEY'),
    bucket: `sftpgw-bench-${randomBytes(4).toString('hex')}`,
    keyFile,
    keyBase64: key.toString('base64'),
    identity,
  };
  if (needsS3) await makeBucket(shared);
  return {
    directory,
    s3Name: needsS3 ? (ceph?.version ?? shared.endpoint) : 'without S3',
    arena(name) {
      const work = mkdtempSync(join(directory, `${name}-`));
      return { ...shared, work };
    },
    async [Symbol.asyncDispose]() {
      ceph?.stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** The variables of a benchmark that uses no S3 server. */
const noS3: Readonly<Record<string, string>> = {
  S3_HTTPS: '',
  S3_CA_CERT: '',
  AWS_ACCESS_KEY_ID: '',
  AWS_SECRET_ACCESS_KEY: '',
};

function startCeph(directory: string): {
  variables: Record<string, string | undefined>;
  version: string;
  stop(): void;
} {
  if (!existsSync(cephTool)) {
    throw new Error(
      'no S3 to measure against: set SFTPGW_TEST_S3_ENDPOINT (https), SFTPGW_TEST_S3_CA and the AWS credentials, or SFTPGW_BENCH_CEPH',
    );
  }
  const env = { ...process.env, CEPH_ROOT: process.env['CEPH_ROOT'] ?? '/opt/ceph20' };
  const version = execFileSync(cephTool, ['install'], { env, encoding: 'utf8' });
  execFileSync(cephTool, ['start', directory], { env, stdio: 'ignore' });
  const variables: Record<string, string> = {};
  for (const line of readFileSync(join(directory, 'env'), 'utf8').split('\n')) {
    const at = line.indexOf('=');
    if (at > 0) variables[line.slice(0, at)] = line.slice(at + 1);
  }
  let runs = true;
  return {
    variables,
    version: /ceph version \S+/.exec(version)?.[0] ?? 'ceph',
    stop() {
      if (runs) execFileSync(cephTool, ['stop', directory], { env, stdio: 'ignore' });
      runs = false;
    },
  };
}

async function makeBucket(s3: Omit<Arena, 'work'>): Promise<void> {
  const client = s3Client(s3);
  await client.send(new CreateBucketCommand({ Bucket: s3.bucket }));
  client.destroy();
}

function required(variables: Readonly<Record<string, string | undefined>>, name: string): string {
  const value = variables[name];
  if (value === undefined) throw new Error(`${name} is not set`);
  return value;
}
