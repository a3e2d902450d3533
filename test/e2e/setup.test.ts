import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  GetBucketLifecycleConfigurationCommand,
  GetBucketPolicyCommand,
  PutBucketEncryptionCommand,
  PutBucketPolicyCommand,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Gateway } from '../support/gateway.js';
import { s3Targets } from '../support/s3-targets.js';

const role = 'arn:aws:iam::111122223333:role/sftpgw';

for (const target of await s3Targets()) {
  describe.skipIf(target.skip !== null)(
    `setup, with ${target.name}${target.skip ? ` (${target.skip})` : ''}`,
    () => {
      let gateway: Gateway;
      let bucket: string;

      beforeAll(async () => {
        bucket = await target.makeBucket();
        const { endpoint, caFile, region, credentials } = target;
        gateway = await Gateway.prepare({ s3: { endpoint, caFile, region, bucket, ...credentials } });
        const password = join(gateway.work, 'password');
        writeFileSync(password, 'a password for bob\n');
        const added = await gateway.cli([
          ...['user', 'add', 'bob', '--sse', '3', '--generate-sse-key', '--downloads', '--shared'],
          ...['--password-file', password],
        ]);
        expect(added.code, added.stderr).toBe(0);
      });
      afterAll(async () => {
        await gateway[Symbol.asyncDispose]();
        await target.close();
      });

      it('prints minimal policies of the role and the bucket for the present users', async () => {
        const printed = await gateway.cli(['setup', '--policies', '--gateway-principal', role, '--json']);
        expect(printed.code, printed.stderr).toBe(0);
        const { rolePolicy, buckets } = JSON.parse(printed.stdout) as {
          rolePolicy: { Statement: { Sid: string; Action: string[]; Resource: string[] }[] };
          buckets: { bucket: string; statements: unknown[] }[];
        };
        expect(rolePolicy.Statement.find(({ Sid }) => Sid === 'SftpgwObjects')?.Resource).toEqual([
          `arn:aws:s3:::${bucket}/.sftpgw/*`,
          `arn:aws:s3:::${bucket}/bob/uploads/*`,
          `arn:aws:s3:::${bucket}/bob/downloads/*`,
          `arn:aws:s3:::${bucket}/shared/*`,
        ]);
        expect(JSON.stringify(rolePolicy)).not.toMatch(/s3:\*|s3:Put(?:Bucket|Lifecycle|Encryption)/);
        expect(buckets).toMatchObject([{ bucket, statements: [{ Effect: 'Deny' }, { Effect: 'Deny' }] }]);
      });

      it.skipIf(target.kind === 'embedded')(
        'adds its policy and lifecycle rule to the existing ones',
        async () => {
          const client = target.client();
          const mine = {
            Sid: 'Mine',
            Effect: 'Deny',
            Principal: '*',
            Action: 's3:PutBucketWebsite',
            Resource: `arn:aws:s3:::${bucket}`,
          };
          const policy = JSON.stringify({ Version: '2012-10-17', Statement: mine });
          await client.send(new PutBucketPolicyCommand({ Bucket: bucket, Policy: policy }));

          const applied = await gateway.cli(['setup', '--apply', '--gateway-principal', role]);
          expect(applied.code, applied.stderr).toBe(0);
          const kept = await client.send(new GetBucketPolicyCommand({ Bucket: bucket }));
          const { Statement: statements } = JSON.parse(kept.Policy ?? '') as { Statement: { Sid: string }[] };
          expect(statements.map(({ Sid }) => Sid)).toEqual([
            'Mine',
            'SftpgwRequireCustomerKey',
            'SftpgwOnlyTheseWriteWithCustomerKeys',
          ]);
          const lifecycle = await client.send(new GetBucketLifecycleConfigurationCommand({ Bucket: bucket }));
          expect(lifecycle.Rules).toMatchObject([
            { AbortIncompleteMultipartUpload: { DaysAfterInitiation: 7 } },
          ]);

          const again = await gateway.cli(['setup', '--apply', '--gateway-principal', role]);
          expect(again.stdout).not.toContain('(changed)');
          const plain = client.send(
            new PutObjectCommand({ Bucket: bucket, Key: 'bob/uploads/plain', Body: 'in the clear' }),
          );
          await expect(plain).rejects.toMatchObject({ name: 'AccessDenied' });
        },
      );

      it.skipIf(target.kind !== 'embedded')(
        'names what the server does not support, does the rest, and exits with code 10',
        async () => {
          const applied = await gateway.cli(['setup', '--apply']);
          expect(applied.code).toBe(10);
          expect(applied.stdout).toContain('customer keys (SSE-C) are allowed');
          expect(applied.stderr).toMatch(/not done: .*GetBucketLifecycleConfiguration/);
        },
      );

      // Ceph RGW accepts BlockedEncryptionTypes and ignores it.
      it.skipIf(target.kind !== 'embedded')(
        'allows SSE-C in a bucket that blocks it with --allow-sse-c',
        async () => {
          await target.client().send(
            new PutBucketEncryptionCommand({
              Bucket: bucket,
              ServerSideEncryptionConfiguration: {
                Rules: [{ BlockedEncryptionTypes: { EncryptionType: ['SSE-C'] } }],
              },
            }),
          );
          const allowed = await gateway.cli(['setup', '--allow-sse-c']);
          expect(allowed.code, allowed.stderr).toBe(0);
          expect(allowed.stdout).toContain('(changed)');
          expect((await gateway.cli(['setup', '--allow-sse-c'])).stdout).toContain('(already so)');
        },
      );

      it('refuses an invalid principal', async () => {
        const refused = await gateway.cli(['setup', '--policies', '--gateway-principal', 'me']);
        expect(refused.code).toBe(2);
        expect(refused.stderr).toContain('ARN');
      });
    },
  );
}
