import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { gatewayTargets } from '../support/gateway-targets.js';
import { missing } from '../support/tools.js';

const uploads = 20;
/**
 * Large enough to fill the allowed memory: the peak is 500 MiB, or 528 MiB with the 256 MiB of `npm run
 * drill:memory`.
 */
const uploadMib = process.env['SFTPGW_DRILL'] === 'full' ? 256 : 96;
const limitMib = 700;
const programs = missing('sftp', 'ssh-keygen');

// Only targets with S3 in another process, so that only the gateway is measured.
const targets = (await gatewayTargets()).filter(({ name }) => name !== 'embedded S3');

describe('memory is bounded', () => {
  for (const target of targets) {
    const skip = target.skip ?? programs;
    it.skipIf(skip !== null)(
      `${uploads} uploads of ${uploadMib} MiB in parallel into ${target.name} stay under ${limitMib} MiB resident${skip ? ` (${skip})` : ''}`,
      async () => {
        await using gateway = await target.start();
        const s3 = await target.access(gateway);
        const user = await gateway.addUser('many');
        const source = join(gateway.work, 'sparse');
        writeFileSync(source, '');
        truncateSync(source, uploadMib * 1024 * 1024);
        const puts = await Promise.all(
          Array.from({ length: uploads }, (_, index) =>
            user.sftp(`put ${source} /uploads/${index}`, { timeoutMs: 280_000 }),
          ),
        );
        expect(puts.map(({ code, stderr }) => `${code}${stderr}`)).toEqual(Array(uploads).fill('0'));
        const status = readFileSync(`/proc/${gateway.pid}/status`, 'utf8');
        const peakMib = Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024;
        console.log(`peak resident memory: ${peakMib.toFixed(0)} MiB`);
        expect(peakMib).toBeLessThan(limitMib);
        for (let index = 0; index < uploads; index += 1) {
          await user.sftpOk(`rm /uploads/${index}`);
        }
        expect((await s3.s3api('list-multipart-uploads')).stdout).not.toContain('many/');
      },
      300_000,
    );
  }
});
