import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { systemClock, systemEntropy } from '../../src/assembly/system.js';
import { createKeyring } from '../../src/keyring/keyring.js';
import { type CustomerKey, parseKeyFingerprint } from '../../src/model/customer-key.js';
import { createS3ObjectStore } from '../../src/s3/object-store.js';
import { call } from '../../src/vault/testing/vault-world.js';
import type { Gateway } from '../support/gateway.js';
import { gatewayTargets, storeOptions } from '../support/gateway-targets.js';
import { SeededRandom } from '../support/random.js';
import { type DrillSize, digestOf, RotationDrill } from '../support/rotation-drill.js';
import { missing } from '../support/tools.js';

const mebibyte = 1024 * 1024;
const programs = missing('sftp', 'ssh-keygen');

const small: DrillSize = {
  objects: 150,
  kills: 8,
  sizes: [0, 1, 5 * mebibyte, 17 * mebibyte],
  rate: '25/s',
  betweenKillsMs: [200, 1200],
  limitMs: 300_000,
};

/**
 * Sizes of the full drill: `SFTPGW_DRILL=full`, see package.json. The largest object exceeds the 5 GiB of a
 * single copy.
 */
const full: DrillSize = {
  objects: 2_000,
  kills: 30,
  sizes: [6 * 1024 * mebibyte, 300 * mebibyte, 64 * mebibyte, 64 * mebibyte, 17 * mebibyte, 9 * mebibyte],
  rate: '30/s',
  betweenKillsMs: [500, 3000],
  limitMs: 3_600_000,
};

const size = process.env['SFTPGW_DRILL'] === 'full' ? full : small;

for (const target of await gatewayTargets()) {
  const skip = target.skip ?? programs;
  describe.skipIf(skip !== null)(
    `kill -9 during a key rotation, over ${target.name}${skip ? ` (${skip})` : ''}`,
    () => {
      it(
        'loses nothing, restores nothing removed, encrypts everything with the new key, and keeps the ledger correct',
        async () => {
          const random = SeededRandom.fromEnvironment();
          console.log(`seed ${random.seed}`);
          await using gateway = await target.start();
          await using store = createS3ObjectStore(storeOptions(await target.access(gateway)));
          const { bucket } = await target.access(gateway);
          const user = await gateway.addUser('eve');
          const drill = new RotationDrill(gateway, user, random, size);
          const startedMs = performance.now();
          await drill.fill();
          const filledMs = performance.now();
          await drill.begin();
          const kills = await drill.disturb();
          const job = await drill.finish();
          const took = (ms: number) => `${Math.round(ms / 1000)} s`;
          console.log(
            `${size.objects} objects filled in ${took(filledMs - startedMs)}; key changed in ${took(performance.now() - filledMs)} with ${kills} kills and ${drill.acknowledged} acknowledged writes and removals; ${JSON.stringify(job.counts)}`,
          );
          expect(kills).toBeGreaterThan(1);
          expect(job.counts.failed).toBe(0);
          expect(drill.wrongReads).toEqual([]);

          const key = await keyringKey(gateway, job.newKey);
          const ledger = drill.ledger();
          const wrong: string[] = [];
          for (const [name, possible] of drill.possible) {
            const ref = { bucket, key: `eve/uploads/${name}` };
            // Throws if the object has another key.
            const body = await store.read(call(), ref, { kind: 'sse-c', key }, null);
            const found = body === null ? null : await digestOf(body.bytes);
            if (!possible.has(found))
              wrong.push(`${name}: ${found === null ? 'missing' : 'another content'}`);
            if (found !== null && ledger.get(ref.key) !== key.fingerprint)
              wrong.push(`${name}: the ledger names ${ledger.get(ref.key)}`);
          }
          expect(wrong).toEqual([]);
        },
        size.limitMs * 2,
      );
    },
  );
}

async function keyringKey({ root }: Gateway, fingerprint: string): Promise<CustomerKey> {
  const keyring = createKeyring({
    directory: join(root, 'opt/sftpgw/keys'),
    identityFile: join(root, 'var/lib/sftpgw/keyring-identity'),
    lockFile: join(root, 'var/lib/sftpgw/keyring.lock'),
    clock: systemClock,
    entropy: systemEntropy,
    log: call().log,
  });
  const key = await keyring.open(parseKeyFingerprint(fingerprint));
  if (key === null) throw new Error(`the keyring does not open ${fingerprint}`);
  return key;
}
