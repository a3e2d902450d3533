/**
 * Process that the crash test kills. It intends and settles writes in several lanes, and prints one line for
 * each write that the ledger has acknowledged.
 */
import { randomBytes } from 'node:crypto';
import { writeSync } from 'node:fs';
import { openDatabase } from '../../sqlite/open.js';
import { createKeyLedger } from '../ledger.js';

const [path = '', run = ''] = process.argv.slice(2);
const db = await openDatabase(path);
const ledger = createKeyLedger(
  db,
  { nowMs: () => Date.now(), monotonicMs: () => performance.now(), sleep: () => Promise.resolve() },
  { bytes: (length) => randomBytes(length), id: () => randomBytes(8).toString('hex') },
);

async function lane(name: number): Promise<void> {
  for (let at = 0; ; at++) {
    const key = `${run}/${name}/${at}`;
    const id = await ledger.intend({
      ref: { bucket: 'b', key },
      sealedWith: { kind: 'sse-s3' },
      actor: 'crash',
      requestId: key,
    });
    writeSync(1, `intended ${id} ${key}\n`);
    await ledger.attachUpload(id, `upload-${key}`);
    writeSync(1, `attached ${id} ${key}\n`);
    if (at % 3 === 2) {
      await ledger.abandon(id);
      writeSync(1, `abandoned ${id} ${key}\n`);
      continue;
    }
    const confirmation = {
      size: at,
      checksum: { algorithm: 'crc32c', value: at },
      etag: key,
      versionId: null,
      mtimeSeconds: null,
    } as const;
    if (at % 3 === 0) await ledger.confirm(id, confirmation);
    else await (await ledger.confirmSoon(id, confirmation)).saved;
    writeSync(1, `confirmed ${id} ${key}\n`);
  }
}

await Promise.all([0, 1, 2, 3, 4].map(lane));
