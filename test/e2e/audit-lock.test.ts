import { randomBytes } from 'node:crypto';
import {
  CreateBucketCommand,
  DeleteObjectCommand,
  GetObjectRetentionCommand,
  ListObjectVersionsCommand,
} from '@aws-sdk/client-s3';
import { describe, expect, it } from 'vitest';
import { Gateway } from '../support/gateway.js';
import { s3Targets } from '../support/s3-targets.js';
import { missing } from '../support/tools.js';
import { eventually } from '../support/wait.js';

const dayMs = 86_400_000;

for (const target of (await s3Targets()).filter(({ kind }) => kind === 'environment')) {
  const skip = target.skip ?? missing('sftp', 'ssh-keygen');
  describe.skipIf(skip !== null)(
    `the trail of a gateway whose bucket has Object Lock, at ${target.name}${skip === null ? '' : ` (${skip})`}`,
    () => {
      it('has heads that S3 refuses to remove while the trail keeps its events', async () => {
        const { endpoint, caFile, region, credentials } = target;
        const client = target.client();
        // The server keeps this bucket: a locked version cannot be removed.
        const bucket = `sftpgw-test-lock-${randomBytes(6).toString('hex')}`;
        await client.send(new CreateBucketCommand({ Bucket: bucket, ObjectLockEnabledForBucket: true }));
        await using gateway = await Gateway.start({
          s3: { endpoint, caFile, region, bucket, ...credentials },
          properties: { 'audit.keep': '2d' },
        });
        // The head is stored at a start, once the trail has rows.
        await gateway.end('SIGTERM');
        await gateway.serve();
        const heads = async () => {
          const { Versions = [] } = await client.send(
            new ListObjectVersionsCommand({ Bucket: bucket, Prefix: '.sftpgw/audit/' }),
          );
          return Versions;
        };
        const [head] = await eventually('the head is in the bucket', async () => {
          const found = await heads();
          return found.length === 0 ? null : found;
        });
        const object = { Bucket: bucket, Key: head?.Key, VersionId: head?.VersionId };
        const { Retention } = await client.send(new GetObjectRetentionCommand(object));
        expect(Retention?.Mode).toBe('COMPLIANCE');
        const keptMs = (Retention?.RetainUntilDate?.getTime() ?? 0) - Date.now();
        expect(keptMs).toBeGreaterThan(1.9 * dayMs);
        expect(keptMs).toBeLessThan(2.1 * dayMs);

        await expect(
          client.send(new DeleteObjectCommand({ ...object, BypassGovernanceRetention: true })),
        ).rejects.toMatchObject({ name: 'AccessDenied' });
        expect(await heads()).toHaveLength(1);
        const verified = await gateway.cli(['audit', 'verify', '--bucket', '--json']);
        expect(JSON.parse(verified.stdout)).toMatchObject({ heads: 1, problem: null });
        await target.close();
      });
    },
  );
}
