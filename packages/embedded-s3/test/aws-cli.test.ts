import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runAws, runAwsOk, whyNoAws } from '../testing/aws-program.js';
import { bucket, type RunningServer, runServer, TestKey } from '../testing/running-server.js';

const reason = whyNoAws();

describe.skipIf(reason !== null)(`the aws command line${reason === null ? '' : ` (${reason})`}`, () => {
  let running: RunningServer;
  let directory: string;
  const key = new TestKey();
  const path = (name: string): string => join(directory, name);
  const environment = () => ({
    ...process.env,
    AWS_ENDPOINT_URL: running.server.endpoint,
    AWS_ACCESS_KEY_ID: running.server.credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: running.server.credentials.secretAccessKey,
    AWS_DEFAULT_REGION: 'us-east-1',
    AWS_CONFIG_FILE: path('config'),
    AWS_SHARED_CREDENTIALS_FILE: path('no-credentials'),
  });
  const aws = async (...args: string[]): Promise<string> => await runAwsOk(args, environment());
  const json = async (...args: string[]): Promise<Record<string, unknown>> =>
    JSON.parse(await aws('s3api', ...args)) as Record<string, unknown>;
  const sseC = (): string[] => [
    '--sse-customer-algorithm',
    'AES256',
    '--sse-customer-key',
    `fileb://${path('k')}`,
  ];

  beforeAll(async () => {
    running = await runServer();
    directory = await mkdtemp(join(tmpdir(), 'aws-cli-'));
    await writeFile(path('k'), key.bytes);
    // Version 1 of aws presigns with Signature Version 2 for a custom endpoint.
    await writeFile(path('config'), '[default]\ns3 =\n  signature_version = s3v4\n');
    await writeFile(path('small'), 'a small file');
    await writeFile(path('large'), randomBytes(20 * 1024 * 1024));
  });
  afterAll(async () => {
    await running.stop();
    await rm(directory, { recursive: true, force: true });
  });

  it('puts, heads and gets an object with a customer’s key', async () => {
    const where = ['--bucket', bucket, '--key', 'dir/small file.txt'];
    expect(await json('put-object', ...where, '--body', path('small'), ...sseC())).toMatchObject({
      SSECustomerAlgorithm: 'AES256',
      SSECustomerKeyMD5: key.md5,
    });
    expect(await json('head-object', ...where, ...sseC())).toMatchObject({ ContentLength: 12 });
    await aws('s3api', 'get-object', ...where, ...sseC(), path('back'));
    expect(await readFile(path('back'), 'utf8')).toBe('a small file');
    const refused = await runAws(['s3api', 'get-object', ...where, path('no')], environment());
    expect(refused.code).not.toBe(0);
    expect(refused.stderr).toContain('stored using a form of Server Side Encryption');
  });

  it('uploads a large file in parts and downloads it in ranges', async () => {
    const options = ['--no-progress', '--sse-c', 'AES256', '--sse-c-key', `fileb://${path('k')}`];
    await aws('s3', 'cp', path('large'), `s3://${bucket}/large`, ...options);
    await aws('s3', 'cp', `s3://${bucket}/large`, path('large-back'), ...options);
    const digest = async (name: string) =>
      createHash('sha256')
        .update(await readFile(path(name)))
        .digest('hex');
    expect(await digest('large-back')).toBe(await digest('large'));
    const head = await json('head-object', '--bucket', bucket, '--key', 'large', ...sseC());
    expect(head['ETag']).toMatch(/-3"$/);
  });

  it('lists, moves, syncs and removes', async () => {
    await aws('s3', 'cp', path('small'), `s3://${bucket}/plain/one`, '--no-progress');
    await aws('s3', 'mv', `s3://${bucket}/plain/one`, `s3://${bucket}/plain/two`, '--no-progress');
    expect(await aws('s3', 'ls', `s3://${bucket}/plain/`)).toMatch(/ 12 two\n$/);
    expect(await aws('s3', 'ls', `s3://${bucket}/`)).toContain('PRE plain/');
    await aws('s3', 'sync', `s3://${bucket}/plain`, path('synced'), '--no-progress');
    expect(await readFile(path('synced/two'), 'utf8')).toBe('a small file');
    await aws('s3', 'rm', `s3://${bucket}/plain`, '--recursive');
    expect((await runAws(['s3', 'ls', `s3://${bucket}/plain/`], environment())).code).toBe(1);
  });

  it('reads an object through a presigned URL', async () => {
    await aws('s3', 'cp', path('small'), `s3://${bucket}/presigned`, '--no-progress');
    const url = (await aws('s3', 'presign', `s3://${bucket}/presigned`)).trim();
    expect(await (await fetch(url)).text()).toBe('a small file');
  });
});
