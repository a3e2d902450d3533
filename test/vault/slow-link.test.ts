import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { systemClock, systemEntropy } from '../../src/assembly/system.js';
import { createS3ObjectStore } from '../../src/s3/object-store.js';
import { createVault } from '../../src/vault/create-vault.js';
import { MemoryLedger } from '../../src/vault/testing/memory-ledger.js';
import { aliceEncryption, aliceKey, call, content, mebibyte } from '../../src/vault/testing/vault-world.js';
import { s3Targets } from '../support/s3-targets.js';
import { SlowLink } from '../support/slow-link.js';

/** OpenSSH sends so many WRITEs of 32 KiB before it waits for an answer. */
const parallelWrites = 64;
const writeBytes = 32 * 1024;
/** FileZilla waits so long for an answer, in ms. */
const patienceMs = 20_000;

/** The rate of the link in KiB/s, and the size of the file in MiB. The slower one takes 2.5 minutes. */
const cases: readonly (readonly [kibibytesPerSecond: number, mebibytes: number])[] =
  process.env['SFTPGW_DRILL'] === 'full'
    ? [
        [200, 30],
        [500, 30],
        [1024, 30],
      ]
    : [[1024, 24]];

const [target] = await s3Targets();
if (target === undefined) throw new Error('there is always the embedded server');

describe.skipIf(target.skip !== null)(`a slow link to S3 (${target.skip ?? 'embedded S3'})`, () => {
  it.each(cases)(
    'of %i KiB/s lets a client wait less than 20 s for any answer to an upload of %i MiB',
    async (kibibytesPerSecond, mebibytes) => {
      const bucket = await target.makeBucket();
      await using link = await SlowLink.start(target.endpoint, kibibytesPerSecond * 1024);
      const directory = await mkdtemp(join(tmpdir(), 'slow-link-'));
      const { region, credentials } = target;
      const time = { clock: systemClock, entropy: systemEntropy };
      const options = { endpoint: link.endpoint, caFile: null, region, credentials, ...time };
      const store = createS3ObjectStore(options);
      const ledger = new MemoryLedger();
      const vault = createVault({
        store,
        ledger,
        parked: ledger,
        ...time,
        scratchDirectory: directory,
      });
      const whole = content(mebibytes * mebibyte);
      try {
        const ref = { bucket, key: 'a' };
        const target = {
          ref,
          encryption: aliceEncryption,
          acl: null,
          actor: 'alice',
          mtimeSeconds: null,
        };
        await using writer = await vault.openUpload(call(), target);
        let answeredMs = performance.now();
        let maxPauseMs = 0;
        const answered = () => {
          maxPauseMs = Math.max(maxPauseMs, performance.now() - answeredMs);
          answeredMs = performance.now();
        };
        const inFlight: Promise<void>[] = [];
        for (let at = 0; at < whole.byteLength; at += writeBytes) {
          inFlight.push(writer.write(at, [whole.subarray(at, at + writeBytes)]).then(answered));
          if (inFlight.length === parallelWrites) await inFlight.shift();
        }
        await Promise.all(inFlight);
        await writer.commit(call());
        const closeMs = performance.now() - answeredMs;
        expect([Math.round(maxPauseMs), Math.round(closeMs)].filter((ms) => ms >= patienceMs)).toEqual([]);
        await expect(store.head(call(), ref, { kind: 'sse-c', key: aliceKey })).resolves.toMatchObject({
          size: whole.byteLength,
        });
      } finally {
        await vault[Symbol.asyncDispose]();
        await rm(directory, { recursive: true, force: true });
        await target.close();
      }
    },
  );
});
