import { describe, expect, it } from 'vitest';
import { gatewayTargets } from '../support/gateway-targets.js';
import { ModelRun } from '../support/model-run.js';
import { SeededRandom } from '../support/random.js';
import { SftpClient } from '../support/sftp-client.js';
import { missing } from '../support/tools.js';

const programs = missing('ssh', 'ssh-keygen');
/** Steps per S3 server: `SFTPGW_DRILL=full`, see package.json. */
const steps = process.env['SFTPGW_DRILL'] === 'full' ? 20_000 : 500;

for (const target of await gatewayTargets()) {
  const skip = target.skip ?? programs;
  describe.skipIf(skip !== null)(
    `two SFTP clients of /uploads, over ${target.name}${skip ? ` (${skip})` : ''}`,
    () => {
      it(
        'see in any sequence of operations what a POSIX file system would show',
        async () => {
          const random = SeededRandom.fromEnvironment();
          console.log(`seed ${random.seed}`);
          await using gateway = await target.start({ properties: { 'upload.resume.window': '0s' } });
          const user = await gateway.addUser('mona');
          await using first = await SftpClient.connect(user);
          await using second = await SftpClient.connect(user);
          const run = new ModelRun([first, second], random);
          const startedMs = performance.now();
          await run.steps(steps);
          const { counts } = run;
          const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
          console.log(
            `${target.name}: ${steps} steps in ${seconds} s, ${counts.accepted} accepted, ${counts.refused} refused, ${counts.closes} files closed, ${counts.verified} contents compared`,
          );
          expect(counts.accepted).toBeGreaterThan(steps / 3);
        },
        steps * 400 + 120_000,
      );
    },
  );
}
