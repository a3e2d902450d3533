import { ListMultipartUploadsCommand } from '@aws-sdk/client-s3';
import { describe, expect, it } from 'vitest';
import { gatewayTargets, sdkClient } from '../support/gateway-targets.js';
import { KillDrill } from '../support/kill-drill.js';
import { SeededRandom } from '../support/random.js';
import { missing } from '../support/tools.js';

const programs = missing('ssh', 'ssh-keygen');
/** Kills per S3 server: `SFTPGW_DRILL=full`, see package.json. */
const isFull = process.env['SFTPGW_DRILL'] === 'full';
const kills = isFull ? 200 : 6;
/** A server busy with other tests may execute a request of the killed gateway after the comparison. */
const busy = 'a drill on a server without other work: npm run drill:kill';

for (const target of await gatewayTargets()) {
  const isEmbedded = target.name === 'embedded S3';
  const skip = target.skip ?? programs ?? (isFull || isEmbedded ? null : busy);
  describe.skipIf(skip !== null)(
    `kill -9 during uploads, edits, appends, renames and removals, over ${target.name}${skip ? ` (${skip})` : ''}`,
    () => {
      it(
        'loses nothing acknowledged, leaves the old or the new content of the rest, and keeps the ledger correct',
        async () => {
          const random = SeededRandom.fromEnvironment();
          console.log(`seed ${random.seed}`);
          await using gateway = await target.start();
          const user = await gateway.addUser('kim');
          const drill = new KillDrill(gateway, user, random);
          const startedMs = performance.now();
          for (let kill = 1; kill <= kills; kill += 1) {
            await drill.kill();
            expect(drill.wrong, `seed ${random.seed}, after ${kill} kills`).toEqual([]);
            if (kill % 25 === 0) console.log(`${kill} kills`);
          }
          await drill.compare();
          expect(drill.wrong).toEqual([]);

          const verified = await gateway.cli(['ledger', 'verify', '--read', '--json']);
          expect(verified.code, verified.stdout + verified.stderr).toBe(0);
          const report = JSON.parse(verified.stdout) as { versions: number; findings: number };
          const { bucket, ...access } = await target.access(gateway);
          const client = sdkClient({ bucket, ...access });
          const { Uploads: left = [] } = await client.send(
            new ListMultipartUploadsCommand({ Bucket: bucket }),
          );
          client.destroy();
          expect(left).toEqual([]);
          const { counts, interrupted } = drill;
          const cut = Object.entries(interrupted).map(([verb, count]) => `${count} ${verb}`);
          console.log(
            `${target.name}: ${kills} kills in ${Math.round((performance.now() - startedMs) / 1000)} s; ${counts.acknowledged} acknowledged operations, none lost; interrupted: ${cut.join(', ')}; of the names in them ${counts.old} have the old and ${counts.new} the new content, none another; ${counts.compared} contents compared; ledger verify: ${report.versions} versions, ${report.findings} findings`,
          );
        },
        kills * 60_000 + 60_000,
      );
    },
  );
}
