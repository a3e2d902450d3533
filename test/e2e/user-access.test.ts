import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { type EmbeddedS3, startEmbeddedS3 } from '@sftpgw/embedded-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createS3Client } from '../../src/s3/client.js';
import { FakeSts } from '../support/fake-sts.js';
import { Gateway } from '../support/gateway.js';
import { missing } from '../support/tools.js';
import { eventually } from '../support/wait.js';

const skip = missing('sftp', 'ssh-keygen');
const role = 'arn:aws:iam::111122223333:role/partner';
const refusedRole = 'arn:aws:iam::111122223333:role/refused';

describe.skipIf(skip !== null)(`users with their own access to S3${skip ?? ''}`, () => {
  let directory: string;
  let sts: FakeSts;
  let gateway: Gateway;
  let home: EmbeddedS3;
  let abroad: EmbeddedS3;
  /** The temporary credentials of each authenticated request. */
  const used: string[] = [];

  const start = (name: string, region: string) =>
    startEmbeddedS3({
      directory: join(directory, name),
      region,
      listen: { host: '127.0.0.1', port: 0 },
      temporaryCredentials: (accessKeyId) => {
        const session = sts.sessions.get(accessKeyId) ?? null;
        if (session !== null) used.push(accessKeyId);
        return session;
      },
    });

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'sftpgw-access-'));
    sts = new FakeSts((id) =>
      id === home.credentials.accessKeyId ? home.credentials.secretAccessKey : null,
    );
    sts.answer = ({ roleArn, externalId }) =>
      roleArn === refusedRole || externalId !== 'ext-1'
        ? {
            kind: 'error',
            status: 403,
            code: 'AccessDenied',
            message: `User: arn:aws:iam::444455556666:user/gateway is not authorized to perform: sts:AssumeRole on resource: ${roleArn}`,
          }
        : { kind: 'session', lifetimeMs: 3_600_000 };
    home = await start('home', 'us-east-1');
    abroad = await start('abroad', 'eu-west-3');
    await home.ensureBucket('default-bucket');
    await home.ensureBucket('partner-bucket');
    await abroad.ensureBucket('abroad-bucket');
    gateway = await Gateway.start({
      s3: {
        endpoint: home.endpoint,
        caFile: null,
        region: 'us-east-1',
        bucket: 'default-bucket',
        ...home.credentials,
      },
      properties: { 'sts.endpoint': await sts.listen(), 's3.retry.time': '5s', 'mirror.interval': '200ms' },
    });
  });
  afterAll(async () => {
    await gateway?.[Symbol.asyncDispose]();
    await home?.close(0);
    await abroad?.close(0);
    await sts?.[Symbol.asyncDispose]();
    rmSync(directory, { recursive: true, force: true });
  });

  const source = (name: string, content: string) => {
    const path = join(gateway.work, name);
    writeFileSync(path, content);
    return path;
  };

  it('one under a role uses its session for uploads, downloads and the doctor', async () => {
    const flags = ['--bucket', 'partner-bucket', '--role-arn', role, '--role-external-id', 'ext-1'];
    const bob = await gateway.addUser('bob', [...flags, '--downloads']);
    const file = source('a', 'content');
    const back = join(gateway.work, 'back');
    await bob.sftpOk(`put ${file} /uploads/a\nrename /uploads/a /uploads/b\nget /uploads/b ${back}`);
    expect(readFileSync(back, 'utf8')).toBe('content');
    expect(sts.requests[0]).toEqual({
      roleArn: role,
      sessionName: 'sftpgw-bob',
      externalId: 'ext-1',
      region: 'us-east-1',
    });
    expect(new Set(used).size).toBe(1);
    expect(sts.requests).toHaveLength(1);

    const { endpoint, credentials } = home;
    const { client } = createS3Client({ endpoint, region: 'us-east-1', credentials });
    const put = { Bucket: 'partner-bucket', Key: 'bob/downloads/d', Body: 'for bob' };
    await client.send(new PutObjectCommand(put));
    client.destroy();
    const mirrored = join(gateway.root, 'home/bob/home/bob/downloads/d');
    await eventually('the download is mirrored', () => existsSync(mirrored));
    expect(readFileSync(mirrored, 'utf8')).toBe('for bob');

    const doctor = await gateway.cli(['doctor', '--json']);
    expect(doctor.stdout).not.toMatch(/"severity": *"error"/);
    expect((await gateway.cli(['user', 'show', 'bob'])).stdout).toContain(`role ${role}`);
    const listed = await gateway.cli(['object', 'ls', 's3://partner-bucket/bob/uploads/']);
    expect(listed.stdout).toContain('bob/uploads/b');
  });

  it('one in another region and endpoint reaches its bucket, and the others theirs', async () => {
    const flags = ['--bucket', 'abroad-bucket', '--region', 'eu-west-3', '--endpoint', abroad.endpoint];
    const carol = await gateway.addUser('carol', [
      ...flags,
      ...['--role-arn', role, '--role-external-id', 'ext-1'],
    ]);
    const dave = await gateway.addUser('dave', []);
    const file = source('c', 'abroad');
    await carol.sftpOk(`put ${file} /uploads/c\nls /uploads/c`);
    await dave.sftpOk(`put ${file} /uploads/c`);
    expect(sts.requests.find(({ sessionName }) => sessionName === 'sftpgw-carol')?.region).toBe('eu-west-3');
    const cleared = await gateway.cli(['user', 'add', 'carol', '--endpoint', '']);
    expect(cleared.stdout).toMatch(/access: .*endpoint .* -> region eu-west-3, role/);
    // The gateway's own server does not have that bucket.
    expect((await carol.sftp(`put ${file} /uploads/d`)).code).not.toBe(0);
  });

  it('a refused role is explained to the administrator, without names to the user', async () => {
    const eve = await gateway.addUser('eve', ['--bucket', 'partner-bucket', '--role-arn', refusedRole]);
    const refused = await eve.sftp(`put ${source('e', 'x')} /uploads/e`);
    expect(refused.code).not.toBe(0);
    expect(refused.stderr).toMatch(/denied/i);
    expect(refused.stderr + refused.stdout).not.toContain('111122223333');
    await eventually('the log explains it', () => gateway.output.includes('sts:AssumeRole'));
    expect(gateway.output).toContain(refusedRole);
    const doctor = await gateway.cli(['doctor', '--user', 'eve']);
    expect(doctor.stdout + doctor.stderr).toContain('cannot assume the role');
    for (const { secretAccessKey, sessionToken } of sts.sessions.values()) {
      expect(gateway.output).not.toContain(secretAccessKey);
      expect(gateway.output).not.toContain(sessionToken);
    }
  });

  it('an STS that does not answer is retried, and then reported', async () => {
    const before = sts.answer;
    const frank = await gateway.addUser('frank', ['--bucket', 'partner-bucket', '--role-arn', role]);
    sts.answer = () => ({ kind: 'error', status: 503, code: 'ServiceUnavailable', message: 'later' });
    const putting = frank.sftp(`put ${source('f', 'x')} /uploads/f`);
    await eventually('STS was asked twice', () => {
      return sts.requests.filter(({ sessionName }) => sessionName === 'sftpgw-frank').length >= 2;
    });
    sts.answer = () => ({ kind: 'session', lifetimeMs: 3_600_000 });
    expect((await putting).code).toBe(0);
    sts.answer = before;
  });
});
