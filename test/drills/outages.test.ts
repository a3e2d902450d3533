import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FaultProxy } from '../support/fault-proxy.js';
import { Gateway, type TestUser } from '../support/gateway.js';
import { type S3Target, s3Targets } from '../support/s3-targets.js';
import { missing } from '../support/tools.js';
import { eventually } from '../support/wait.js';

/** `SFTPGW_DRILL=full` tries every length, see package.json. */
const isFull = process.env['SFTPGW_DRILL'] === 'full';
const lengthsSeconds = isFull ? [5, 15, 60] : [5];
/** The retries of S3 end after 90 s. */
const clientLimitMs = 150_000;
const MiB = 1024 * 1024;

const withoutTools = missing('sftp', 'ssh-keygen');

/** How S3 is unavailable, and how it comes back. */
const outages: Readonly<
  Record<string, { begin(proxy: FaultProxy): Promise<void>; end(proxy: FaultProxy): Promise<void> }>
> = {
  'refused connections': { begin: (proxy) => proxy.refuse(), end: (proxy) => proxy.listen() },
  503: {
    async begin(proxy) {
      proxy.decide = () => ({
        do: 'answer',
        status: 503,
        body: '<Error><Code>ServiceUnavailable</Code></Error>',
      });
    },
    async end(proxy) {
      proxy.decide = () => ({ do: 'pass' });
    },
  },
};

// The short form has one server, because the faults do not come from it.
for (const target of (await s3Targets()).filter(({ kind }) => isFull || kind === 'embedded')) {
  const skip = target.skip ?? withoutTools;
  describe.skipIf(skip !== null)(`an outage of ${target.name}${skip ? ` (${skip})` : ''}`, () =>
    describeOutages(target),
  );
}

function describeOutages(target: S3Target): void {
  let proxy: FaultProxy;
  let gateway: Gateway;
  let bob: TestUser;

  beforeAll(async () => {
    const bucket = await target.makeBucket();
    proxy = await FaultProxy.start(target.endpoint, target.caFile);
    gateway = await Gateway.start({
      s3: { endpoint: proxy.endpoint, caFile: null, region: target.region, bucket, ...target.credentials },
    });
    bob = await gateway.addUser('bob');
  });
  afterAll(async () => {
    await gateway?.[Symbol.asyncDispose]();
    await proxy?.[Symbol.asyncDispose]();
    await target.close();
  });

  const local = (name: string, bytes: Buffer): string => {
    const path = join(gateway.work, name);
    writeFileSync(path, bytes);
    return path;
  };
  const back = () => readFileSync(join(gateway.work, 'back'));

  const cases = Object.entries(outages).flatMap(([name, outage]) =>
    lengthsSeconds.map((seconds) => ({ name, seconds, outage })),
  );

  it.each(cases)(
    'of $seconds s ($name) fails no upload, CLOSE, ls, get or rename',
    async ({ name, seconds, outage }) => {
      const [large, small, kept] = [randomBytes(30 * MiB), randomBytes(1000), randomBytes(2000)];
      const paths = { large: local('large', large), small: local('small', small), kept: local('kept', kept) };
      await bob.sftpOk(['kept', 'renamed'].map((file) => `put ${paths.kept} /uploads/${file}`).join('\n'));
      const timed = async (what: string, batch: string) => {
        const startedMs = performance.now();
        const { code, stderr } = await bob.sftp(batch, { timeoutMs: clientLimitMs });
        expect(code, `${what}: ${stderr}`).toBe(0);
        return `${what} ${((performance.now() - startedMs) / 1000).toFixed(1)} s`;
      };

      const before = proxy.seen.length;
      const uploading = timed('upload in progress', `put ${paths.large} /uploads/large`);
      await eventually('the upload sends its parts', () =>
        proxy.seen.slice(before).some(({ url }) => url.includes('partNumber=')),
      );
      await outage.begin(proxy);
      const others = [
        timed('CLOSE', `put ${paths.small} /uploads/small`),
        timed('ls', 'ls -l /uploads'),
        timed('get', `get /uploads/kept ${join(gateway.work, 'back')}`),
        timed('rename', 'rename /uploads/renamed /uploads/renamed-again'),
      ];
      // The length of the outage is what is tried.
      const over = delay(seconds * 1000).then(() => outage.end(proxy));
      const ended = await Promise.allSettled([uploading, ...others]);
      await over;
      const failed = ended.find((end) => end.status === 'rejected');
      if (failed !== undefined) throw failed.reason;
      const times = ended.map((end) => (end.status === 'fulfilled' ? end.value : ''));
      console.log(`outage of ${seconds} s (${name}) at ${target.name}: ${times.join(', ')}`);

      expect(back().equals(kept)).toBe(true);
      for (const [file, bytes] of Object.entries({ large, small, 'renamed-again': kept })) {
        await bob.sftpOk(`get /uploads/${file} ${join(gateway.work, 'back')}`);
        expect(back().equals(bytes), file).toBe(true);
      }
      await bob.sftpOk('rm /uploads/renamed-again');
    },
  );
}
