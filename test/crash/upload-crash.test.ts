import { createHash, randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { Sqlite as Database } from '../../src/db/sqlite/better-sqlite3.js';
import { CustomerKey } from '../../src/model/customer-key.js';
import type { Gateway } from '../support/gateway.js';
import { type BucketAccess, gatewayTargets } from '../support/gateway-targets.js';
import { SeededRandom } from '../support/random.js';
import { missing } from '../support/tools.js';

const rounds = 10;
const uploadsPerRound = 5;
const programs = missing('sftp', 'ssh-keygen', 'aws');

interface LedgerLine {
  readonly object_key: string;
  readonly key_fingerprint: string | null;
  readonly state: string;
  readonly upload_id: string | null;
}

for (const target of await gatewayTargets()) {
  const skip = target.skip ?? programs;
  describe.skipIf(skip !== null)(
    `kill -9 during uploads into ${target.name}${skip ? ` (${skip})` : ''}`,
    () => {
      it(`${rounds * uploadsPerRound} uploads under changing keys: every object opens with the key that the ledger names`, async () => {
        const random = SeededRandom.fromEnvironment();
        console.log(`seed ${random.seed}`);
        await using gateway = await target.start();
        const s3 = await target.access(gateway);
        const user = await gateway.addUser('dora');
        const keys = new Map<string, string>();
        const contents = new Set<string>();
        keep(keys, gateway, user.key);

        for (let round = 0; round < rounds; round += 1) {
          const uploads = Array.from({ length: uploadsPerRound }, (_, index) => {
            const name = `file-${random.between(0, 3)}-${index}`;
            const body = randomBytes(random.pick([0, 4096, 1_000_000, 12_000_000, 30_000_000]));
            const source = join(gateway.work, `source-${round}-${index}`);
            writeFileSync(source, body);
            contents.add(`${name} ${sha256(body)}`);
            return user.sftp(`put ${source} /uploads/${name}`);
          });
          await delay(random.between(50, 900));
          expect(await gateway.end('SIGKILL')).toBe('SIGKILL');
          await Promise.all(uploads);
          if (round % 3 === 2) await changeKey(gateway, keys);
          await gateway.serve();
        }
        await gateway.end('SIGTERM');

        // The embedded server ends with the gateway; everything is read after one more start.
        await gateway.serve();
        const ledger = readLedger(gateway);
        const listed = JSON.parse((await s3.s3api('list-objects-v2')).stdout || '{}') as {
          Contents?: { Key: string }[];
        };
        const objects = (listed.Contents ?? [])
          .map(({ Key }) => Key)
          .filter((key) => key.startsWith('dora/'));
        expect(objects.length).toBeGreaterThan(0);
        for (const key of objects) {
          const named = ledger.filter(
            (row) => row.object_key === key && (row.state === 'confirmed' || row.state === 'intended'),
          );
          const body = await openWithNamedKey(s3, gateway, key, named, keys);
          const name = key.slice('dora/uploads/'.length);
          expect(contents.has(`${name} ${sha256(body)}`), `${key} is one whole upload`).toBe(true);
        }
        const uploads = JSON.parse((await s3.s3api('list-multipart-uploads')).stdout || '{}') as {
          Uploads?: { UploadId: string }[];
        };
        const known = new Set(ledger.filter((row) => row.state === 'intended').map((row) => row.upload_id));
        expect((uploads.Uploads ?? []).filter(({ UploadId }) => !known.has(UploadId))).toEqual([]);
      }, 300_000);
    },
  );
}

function keep(keys: Map<string, string>, gateway: Gateway, key: Buffer): void {
  const customerKey = CustomerKey.fromBytes(key);
  const path = join(gateway.work, `${customerKey.fingerprint}.key`);
  writeFileSync(path, key, { mode: 0o600 });
  keys.set(customerKey.fingerprint, path);
}

async function changeKey(gateway: Gateway, keys: Map<string, string>): Promise<void> {
  const key = randomBytes(32);
  keep(keys, gateway, key);
  const path = join(gateway.work, 'next.b64');
  writeFileSync(path, key.toString('base64'), { mode: 0o600 });
  const changed = await gateway.cli(['user', 'add', 'dora', '--sse', '3', '--sse-key-file', path]);
  expect(changed.code, changed.stderr).toBe(0);
}

function readLedger(gateway: Gateway): LedgerLine[] {
  const database = new Database(join(gateway.root, 'var/lib/sftpgw/sftpgw.db'), { readonly: true });
  try {
    return database
      .prepare<[], LedgerLine>(
        'select object_key, key_fingerprint, state, upload_id from sealed_object order by seq desc',
      )
      .all();
  } finally {
    database.close();
  }
}

async function openWithNamedKey(
  s3: BucketAccess,
  gateway: Gateway,
  key: string,
  named: readonly LedgerLine[],
  keys: ReadonlyMap<string, string>,
): Promise<Buffer> {
  const back = join(gateway.work, 'opened');
  for (const row of named) {
    const path = keys.get(row.key_fingerprint ?? '');
    if (path === undefined) continue;
    const sse = ['--sse-customer-algorithm', 'AES256', '--sse-customer-key', `fileb://${path}`];
    const got = await s3.s3api('get-object', '--key', key, ...sse, back);
    if (got.code === 0) return readFileSync(back);
  }
  throw new Error(`${key} opens with none of the ${named.length} keys that the ledger names`);
}

function sha256(body: Uint8Array): string {
  return createHash('sha256').update(body).digest('hex');
}
