import { createHash, randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import {
  GetObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  type S3Client,
  S3ServiceException,
} from '@aws-sdk/client-s3';
import Database from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import { CustomerKey } from '../../src/model/customer-key.js';
import { readInput } from '../../src/s3/encryption-headers.js';
import type { Gateway } from '../support/gateway.js';
import { gatewayTargets, sdkClient } from '../support/gateway-targets.js';
import { SeededRandom } from '../support/random.js';
import { missing } from '../support/tools.js';

const rounds = process.env['SFTPGW_DRILL'] === 'full' ? 40 : 6;
const uploadsPerRound = 5;
const programs = missing('sftp', 'ssh-keygen');

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
      it(`${rounds * uploadsPerRound} uploads with changing keys: every object opens with the key in the ledger`, async () => {
        const random = SeededRandom.fromEnvironment();
        console.log(`seed ${random.seed}`);
        await using gateway = await target.start();
        const access = await target.access(gateway);
        const client = sdkClient(access);
        const s3 = { bucket: access.bucket, client };
        const user = await gateway.addUser('dora');
        const keys = new Map<string, CustomerKey>();
        const contents = new Set<string>();
        keep(keys, user.key);

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

        // The embedded server stops with the gateway, so the gateway starts once more for the checks.
        await gateway.serve();
        const ledger = readLedger(gateway);
        const { Contents: listed = [] } = await s3.client.send(
          new ListObjectsV2Command({ Bucket: s3.bucket }),
        );
        const objects = listed.map(({ Key = '' }) => Key).filter((key) => key.startsWith('dora/'));
        expect(objects.length).toBeGreaterThan(0);
        for (const key of objects) {
          const named = ledger.filter(
            (row) => row.object_key === key && (row.state === 'confirmed' || row.state === 'intended'),
          );
          const body = await openWithNamedKey(s3, key, named, keys);
          const name = key.slice('dora/uploads/'.length);
          expect(contents.has(`${name} ${sha256(body)}`), `${key} is one complete upload`).toBe(true);
        }
        const { Uploads: uploads = [] } = await s3.client.send(
          new ListMultipartUploadsCommand({ Bucket: s3.bucket }),
        );
        const known = new Set(ledger.filter((row) => row.state === 'intended').map((row) => row.upload_id));
        expect(uploads.filter(({ UploadId = '' }) => !known.has(UploadId))).toEqual([]);
        client.destroy();
      }, 300_000);
    },
  );
}

function keep(keys: Map<string, CustomerKey>, key: Buffer): void {
  const customerKey = CustomerKey.fromBytes(key);
  keys.set(customerKey.fingerprint, customerKey);
}

async function changeKey(gateway: Gateway, keys: Map<string, CustomerKey>): Promise<void> {
  const key = randomBytes(32);
  keep(keys, key);
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

/** Opens an object with the SDK alone, so that S3 decides which key is the right one. */
async function openWithNamedKey(
  { client, bucket }: { readonly client: S3Client; readonly bucket: string },
  key: string,
  named: readonly LedgerLine[],
  keys: ReadonlyMap<string, CustomerKey>,
): Promise<Uint8Array> {
  for (const row of named) {
    const customerKey = keys.get(row.key_fingerprint ?? '');
    if (customerKey === undefined) continue;
    const sealed = readInput({ kind: 'sse-c', key: customerKey });
    const command = new GetObjectCommand({ Bucket: bucket, Key: key, ...sealed });
    const body = await client.send(command).then(
      ({ Body }) => Body?.transformToByteArray(),
      (error: unknown) => {
        if (error instanceof S3ServiceException) return undefined;
        throw error;
      },
    );
    if (body !== undefined) return body;
  }
  throw new Error(`${key} opens with none of the ${named.length} keys in the ledger`);
}

function sha256(body: Uint8Array): string {
  return createHash('sha256').update(body).digest('hex');
}
