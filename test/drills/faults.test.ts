import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FaultDrill, type FaultDrillSize, transferKinds } from '../support/fault-drill.js';
import { FaultMix, faultClasses } from '../support/fault-mix.js';
import { FaultProxy } from '../support/fault-proxy.js';
import { Gateway, type TestUser } from '../support/gateway.js';
import { SeededRandom } from '../support/random.js';
import { type S3Target, s3Targets } from '../support/s3-targets.js';
import { missing } from '../support/tools.js';
import { lftpClient, opensshClient } from '../support/transfer-clients.js';

/** `SFTPGW_DRILL=full` makes 500 transfers, see package.json. `SFTPGW_TEST_SEED` repeats the choices of a run. */
const isFull = process.env['SFTPGW_DRILL'] === 'full';
const MiB = 1024 * 1024;
const size: FaultDrillSize = isFull
  ? { transfers: 500, largeBytes: 30 * MiB, largeShare: 0.15 }
  : { transfers: 40, largeBytes: 12 * MiB, largeShare: 0.1 };
/** The share of requests to S3 that get a fault. */
const faultShare = 0.2;
const limitMs = isFull ? 3_000_000 : 240_000;

const withoutTools = missing('sftp', 'ssh-keygen', 'lftp');

// The short form has one server, because the faults do not come from it.
for (const target of (await s3Targets()).filter(({ kind }) => isFull || kind === 'embedded')) {
  const skip = target.skip ?? withoutTools;
  describe.skipIf(skip !== null)(
    `faults between the gateway and ${target.name}${skip ? ` (${skip})` : ''}`,
    () => describeDrill(target),
  );
}

function describeDrill(target: S3Target): void {
  const random = SeededRandom.fromEnvironment();
  let proxy: FaultProxy;
  let gateway: Gateway;
  let bob: TestUser;

  beforeAll(async () => {
    const bucket = await target.makeBucket();
    proxy = await FaultProxy.start(target.endpoint, target.caFile);
    const s3 = {
      endpoint: proxy.endpoint,
      caFile: null,
      region: target.region,
      bucket,
      ...target.credentials,
    };
    // A request without an answer is noticed soon, so that the drill does not only wait.
    gateway = await Gateway.start({ s3, properties: { 's3.idle.timeout': '3s', 's3.retry.time': '60s' } });
    bob = await gateway.addUser('bob');
  });
  afterAll(async () => {
    await gateway?.[Symbol.asyncDispose]();
    await proxy?.[Symbol.asyncDispose]();
    await target.close();
  });

  it(
    'lose and damage nothing that a client was told is done',
    async () => {
      const mix = new FaultMix(random, faultShare, isFull);
      const drill = new FaultDrill(random, size, gateway.work);
      proxy.decide = (request) => mix.decide(request);
      const startedMs = performance.now();
      await drill.run([opensshClient(bob), lftpClient(bob), opensshClient(bob), lftpClient(bob)]);
      const seconds = Math.round((performance.now() - startedMs) / 1000);
      proxy.decide = () => ({ do: 'pass' });
      const path = join(gateway.work, 'verified');
      const files = await drill.verify(async (name) => {
        rmSync(path, { force: true });
        return (await opensshClient(bob).get(name, path)) ? readFileSync(path) : null;
      });
      const transfers = transferKinds.map((kind) => {
        const { done, failed } = drill.counts.get(kind) ?? { done: 0, failed: 0 };
        return `${kind} ${done}/${done + failed}`;
      });
      const faults = faultClasses.map((one) => `${one} ${mix.counts.get(one) ?? 0}`);
      console.log(
        `faults at ${target.name} (seed ${random.seed}): done ${transfers.join(', ')} in ${seconds} s; ` +
          `${files} files verified, ${drill.wrong.length} wrong; faults: ${faults.join(', ')}`,
      );
      expect(drill.wrong).toEqual([]);
      const doneOf = [...drill.counts.values()].reduce((sum, { done }) => sum + done, 0);
      expect(doneOf / size.transfers).toBeGreaterThan(0.8);
    },
    limitMs,
  );
}
