import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openTestDatabase } from '../../../test/support/test-database.js';
import { parseKeyFingerprint } from '../../model/customer-key.js';
import type { IntentId, KeyLedger, SealedWith } from '../../model/ledger.js';
import type { ParkedUploads } from '../../model/parked-uploads.js';
import type { GatewayDatabase } from '../database.js';
import { createKeyLedger } from './ledger.js';
import { createParkedUploads } from './parked.js';

let directory: string;
let db: GatewayDatabase;
let ledger: KeyLedger;
let uploads: ParkedUploads;
let nowMs = 1_000;
let ids = 0;
const clock = { nowMs: () => nowMs, monotonicMs: () => nowMs, sleep: async () => undefined };
const entropy = {
  bytes: (length: number) => new Uint8Array(length),
  id: () => String(ids++).padStart(16, '0'),
};

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sftpgw-parked-'));
  await reopen();
});
afterEach(async () => {
  await db.close();
  await rm(directory, { recursive: true, force: true });
});

async function reopen(): Promise<void> {
  db = await openTestDatabase(join(directory, 'ledger.db'));
  ledger = createKeyLedger(db, clock, entropy);
  uploads = createParkedUploads(db, clock);
}

const sealedWith: SealedWith = {
  kind: 'sse-c',
  fingerprint: parseKeyFingerprint('a'.repeat(32)),
  keyMd5Base64: 'MD5A',
};
const parts = [1, 2].map((partNumber) => ({
  partNumber,
  etag: `"${partNumber}"`,
  size: 8_388_608 * partNumber,
  checksum: { algorithm: 'crc32c', value: 4_000_000_000 + partNumber } as const,
}));

async function intend(key: string, uploadId: string | null = `upload of ${key}`): Promise<IntentId> {
  const ref = { bucket: 'bucket', key };
  const id = await ledger.intend({ ref, sealedWith, actor: 'bob', requestId: 'r' });
  if (uploadId !== null) await ledger.attachUpload(id, uploadId);
  return id;
}

it('parked uploads survive a restart unchanged, oldest first, and are not pending', async () => {
  const [first, second] = [await intend('b'), await intend('a')];
  await intend('c');
  await uploads.park({ id: first, parts, mtimeSeconds: 5 });
  nowMs += 10;
  await uploads.park({ id: second, parts: parts.slice(0, 1), mtimeSeconds: null });
  await db.close();
  await reopen();
  const described = { sealedWith, actor: 'bob', shownKey: null, isComplete: false };
  expect(await uploads.parked()).toEqual([
    {
      ...described,
      id: first,
      ref: { bucket: 'bucket', key: 'b' },
      uploadId: 'upload of b',
      parts,
      mtimeSeconds: 5,
      parkedMs: nowMs - 10,
    },
    {
      ...described,
      id: second,
      ref: { bucket: 'bucket', key: 'a' },
      uploadId: 'upload of a',
      parts: parts.slice(0, 1),
      mtimeSeconds: null,
      parkedMs: nowMs,
    },
  ]);
  expect((await ledger.pending(nowMs + 1)).map(({ ref }) => ref.key)).toEqual(['c']);
});

it('a parked upload is unparked once and is pending from then on', async () => {
  const id = await intend('a');
  await uploads.park({ id, parts, mtimeSeconds: null });
  expect(await Promise.all([uploads.unpark(id), uploads.unpark(id)])).toEqual([true, false]);
  expect(await uploads.parked()).toEqual([]);
  expect((await ledger.pending(nowMs + 1)).map((row) => row.id)).toEqual([id]);
  await uploads.park({ id, parts, mtimeSeconds: null });
  expect(await uploads.parked()).toHaveLength(1);
});

it('only the multipart upload of an unsettled write can be parked', async () => {
  const [without, finished] = [await intend('a', null), await intend('b')];
  await ledger.abandon(finished);
  for (const id of [without, finished, 'unknown' as IntentId]) {
    await expect(uploads.park({ id, parts, mtimeSeconds: null })).rejects.toMatchObject({ kind: 'bug' });
  }
  expect(await uploads.parked()).toEqual([]);
});

it('a complete upload keeps its shown name, and its time can change until it is not parked any more', async () => {
  const id = await intend('a');
  await uploads.park({ id, parts: [], mtimeSeconds: null, shownKey: 'a.filepart', isComplete: true });
  expect(await uploads.setMtime(id, 77)).toBe(true);
  await db.close();
  await reopen();
  const expected = { id, parts: [], mtimeSeconds: 77, shownKey: 'a.filepart', isComplete: true };
  expect(await uploads.parked()).toEqual([expect.objectContaining(expected)]);
  expect(await uploads.unpark(id)).toBe(true);
  expect(await uploads.setMtime(id, 78)).toBe(false);
});
