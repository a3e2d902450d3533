import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Chaos } from '../support/chaos/chaos.js';
import { faultKinds } from '../support/chaos/faults.js';
import { nodesMissing, ThreeNodes } from '../support/nodes/three-nodes.js';
import { SeededRandom } from '../support/random.js';
import { embeddedSkip, s3Targets } from '../support/s3-targets.js';

/** The duration, see scripts/chaos.mjs. Less than a minute has three short faults. */
const minutes = Number(process.env['SFTPGW_CHAOS_MINUTES'] ?? 0);
const isFull = minutes >= 1;
const skip =
  embeddedSkip ?? (minutes > 0 ? await nodesMissing() : 'a drill: npm run drill:chaos -- --minutes 0.1');
const times = isFull
  ? { pauseMs: 30_000, cutMs: [5_000, 25_000] as const }
  : { pauseMs: 12_000, cutMs: [12_000, 12_000] as const };
/** The max. time after the end of a fault at which a new login may fail, in milliseconds. */
const recoveryMs = 10_000;

describe.skipIf(skip !== null)(
  `three nodes with faults at random${skip === null ? '' : ` (${skip})`}`,
  () => {
    const random = SeededRandom.fromEnvironment();
    let cluster: ThreeNodes;
    let chaos: Chaos;

    beforeAll(async () => {
      const [target] = await s3Targets();
      if (target === undefined) throw new Error('there is no S3 server');
      cluster = await ThreeNodes.start(target, Chaos.options);
      await cluster.allReady();
      chaos = new Chaos(cluster, random, times);
    });
    afterAll(async () => {
      await cluster?.[Symbol.asyncDispose]();
    });

    it(
      'lose no acknowledged file, finish their jobs and accept logins soon after each fault',
      async () => {
        console.log(`seed ${random.seed}`);
        await chaos.run(minutes * 60_000, isFull ? faultKinds.length : 3);
        const result = await chaos.finish();
        console.log(result.report.join('\n'));
        expect(result.wrong, `seed ${random.seed}`).toEqual([]);
        expect(result.mostSessions).toBeLessThanOrEqual(Chaos.maxSessions);
        expect(result.greedyRefused).toBeGreaterThan(0);
        const slow = result.effects.filter(({ recoveredMs }) => recoveredMs > recoveryMs);
        expect(slow.map(({ fault, recoveredMs }) => `${fault.kind}: ${recoveredMs} ms`)).toEqual([]);
      },
      minutes * 60_000 + 900_000,
    );
  },
);
