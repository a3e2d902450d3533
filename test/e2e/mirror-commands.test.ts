import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CustomerKey } from '../../src/model/customer-key.js';
import type { MirrorPrefixStatus } from '../../src/model/mirror.js';
import type { LiveMirrorStatus } from '../../src/model/mirror-runs.js';
import { Gateway } from '../support/gateway.js';
import { s3Targets } from '../support/s3-targets.js';
import { missing } from '../support/tools.js';

const programs = missing('ssh-keygen');

for (const target of await s3Targets()) {
  const skip = target.skip ?? programs;
  describe.skipIf(skip !== null)(`sftpgw mirror with ${target.name}${skip ? ` (${skip})` : ''}`, () => {
    beforeAll(() => target.start());
    afterAll(() => target.close());

    it('plans and runs passes and shows the status, with and without a gateway', async () => {
      const bucket = await target.makeBucket();
      const { endpoint, caFile, region, credentials } = target;
      await using gateway = await Gateway.prepare({
        s3: { endpoint, caFile, region, bucket, ...credentials },
        properties: { 'mirror.interval': '1d', 'mirror.reserve': '1MiB' },
      });
      await gateway.addUser('bob', ['--sse', '3', '--generate-sse-key', '--downloads']);
      const key = readFileSync(join(gateway.root, 'home/bob/.sftpgateway/sse.key'));
      const stranger = randomBytes(32);
      const put = (path: string, under: Uint8Array) =>
        target.client().send(
          new PutObjectCommand({
            Bucket: bucket,
            Key: `bob/downloads/${path}`,
            Body: `content of ${path}`,
            SSECustomerAlgorithm: 'AES256',
            SSECustomerKey: under as unknown as string,
          }),
        );
      const onDisk = (path: string) => join(gateway.root, 'home/bob/home/bob/downloads', path);
      const mirror = async (...args: readonly string[]) => gateway.cli(['mirror', ...args]);
      await put('a', key);
      await put('d/b', key);

      const planned = await mirror('run', '--user', 'bob', '--dry-run');
      expect(planned).toMatchObject({ code: 0 });
      expect(planned.stdout.trim().split('\n')).toEqual([
        expect.stringMatching(/^downloads\/bob: fetch a \(12 B, new in S3\)$/),
        'downloads/bob: make directory d/',
        expect.stringMatching(/^downloads\/bob: fetch d\/b \(14 B, new in S3\)$/),
      ]);
      expect(existsSync(onDisk('a'))).toBe(false);
      expect(await mirror('run')).toMatchObject({
        code: 0,
        stdout: expect.stringContaining('2 fetched (26 B)'),
      });
      expect(readFileSync(onDisk('d/b'), 'utf8')).toBe('content of d/b');

      await put('c', stranger);
      const refused = await mirror('run', '--user', 'bob');
      const tried = CustomerKey.fromBytes(key).fingerprint;
      expect(refused).toMatchObject({ code: 12, stderr: expect.stringContaining(tried) });
      expect(refused.stderr).toContain('downloads/bob: c: ');
      const written = await mirror('status', '--json');
      expect(written.code).toBe(12);
      expect(JSON.parse(written.stdout)).toMatchObject({
        gatewayAnswers: false,
        mirrors: [
          { status: { objects: 2, bytes: 26, problemCount: 1, problems: [{ kind: 'no-key', path: 'c' }] } },
        ],
      });

      await gateway.serve();
      expect(statSync(join(gateway.root, 'var/lib/sftpgw/control.sock')).mode & 0o777).toBe(0o600);
      await put('c', key);
      const [after] = JSON.parse((await mirror('run', '--json')).stdout) as readonly MirrorPrefixStatus[];
      expect(after).toMatchObject({ objects: 3, problemCount: 0, lastPass: { result: 'complete' } });
      expect(readFileSync(onDisk('c'), 'utf8')).toBe('content of c');
      expect(await mirror('run', '--user', 'nobody')).toMatchObject({ code: 3 });
      const live = await mirror('status', '--json');
      const { gatewayAnswers, mirrors } = JSON.parse(live.stdout) as {
        readonly gatewayAnswers: boolean;
        readonly mirrors: readonly LiveMirrorStatus[];
      };
      expect({ code: live.code, gatewayAnswers }).toEqual({ code: 0, gatewayAnswers: true });
      expect(mirrors[0]?.lagMs).toBeLessThan(60_000);
      expect((await mirror('status')).stdout).toMatch(
        /^downloads\/bob +s3:.+ 3 +38 B .+complete(?:, another in progress \(0 fetched\))? +\d+ s +0$/m,
      );

      rmSync(join(gateway.root, 'var/lib/sftpgw/control.sock'));
      expect(await mirror('run')).toMatchObject({
        code: 11,
        stderr: expect.stringMatching(/cannot be asked: no gateway listens on the control socket/),
      });
    });
  });
}
