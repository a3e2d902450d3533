import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Confirmation, IntentId } from '../../model/ledger.js';
import type { GatewayDatabase } from '../database.js';
import { createKeyLedger } from '../ledger/ledger.js';
import type { SyncFile } from './log-file.js';
import { openDatabase } from './open.js';

let directory: string;
let path: string;
/** A directory with copies of the files as they were at their last sync: the state after a power loss. */
let durable: string;
const opened: GatewayDatabase[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sftpgw-power-'));
  path = join(directory, 'db');
  durable = join(directory, 'durable');
  mkdirSync(durable);
});
afterEach(async () => {
  for (const db of opened.splice(0)) await db.close();
  rmSync(directory, { recursive: true });
});

const copySynced: SyncFile = (_file, done) => {
  for (const end of ['', '-wal']) copyFileSync(path + end, join(durable, `db${end}`));
  setImmediate(() => done(null));
};

async function open(sync: SyncFile) {
  const db = await openDatabase(path, undefined, sync);
  opened.push(db);
  let count = 0;
  const clock = { nowMs: () => 1_000, monotonicMs: () => 0, sleep: async () => undefined };
  const entropy = { bytes: (length: number) => Buffer.alloc(length), id: () => `row-${++count}` };
  return { db, ledger: createKeyLedger(db, clock, entropy) };
}

/** Returns the state of each row that a power loss would leave now. */
async function statesAfterPowerLoss(): Promise<ReadonlyMap<string, string>> {
  const lost = mkdtempSync(join(directory, 'lost-'));
  for (const end of ['', '-wal']) copyFileSync(join(durable, `db${end}`), join(lost, `db${end}`));
  const db = await openDatabase(join(lost, 'db'));
  const rows = await db.read((k) => k.selectFrom('sealed_object').select(['id', 'state']).execute());
  await db.close();
  return new Map(rows.map(({ id, state }) => [id, state]));
}

const intent = (key: string) => ({
  ref: { bucket: 'b', key },
  sealedWith: { kind: 'sse-s3' } as const,
  actor: 'a',
  requestId: 'r',
});
const confirmation: Confirmation = {
  size: 1,
  checksum: null,
  etag: 'e',
  versionId: null,
  mtimeSeconds: null,
};

describe('a power loss', () => {
  it('loses no acknowledged write, and at most the last confirmations that may wait', async () => {
    const { ledger } = await open(copySynced);
    const soon: IntentId[] = [];
    for (let at = 0; at < 20; at += 1) {
      const id = await ledger.intend(intent(`f${at}`));
      expect((await statesAfterPowerLoss()).get(id)).toBe('intended');
      if (at % 3 === 0) {
        await ledger.confirm(id, confirmation);
        expect((await statesAfterPowerLoss()).get(id)).toBe('confirmed');
      } else {
        const { saved } = await ledger.confirmSoon(id, confirmation);
        soon.push(id);
        if (at % 3 === 1) await saved;
      }
    }
    await ledger.intend(intent('last'));
    const states = await statesAfterPowerLoss();
    expect(soon.map((id) => states.get(id))).toEqual(soon.map(() => 'confirmed'));
  });
});

describe('a commit', () => {
  it('does not resolve before the log is synced, but is visible', async () => {
    const syncs: (() => void)[] = [];
    const { db, ledger } = await open((_file, done) => void syncs.push(() => done(null)));
    let isDone = false;
    const writing = ledger.intend(intent('f')).then(() => {
      isDone = true;
    });
    while (syncs.length === 0) await new Promise((resume) => setImmediate(resume));
    const rows = await db.read((k) => k.selectFrom('sealed_object').select('id').execute());
    expect([rows.length, isDone]).toEqual([1, false]);
    syncs[0]?.();
    await writing;
  });

  it('is refused once the log could not be synced, because the kernel may have dropped a part of it', async () => {
    let syncs = 0;
    const { db, ledger } = await open((_file, done) => {
      syncs += 1;
      done(Object.assign(new Error('EIO'), { code: 'EIO' }));
    });
    const refused = { kind: 'unavailable', hint: expect.stringMatching(/-wal.*restart the gateway/) };
    await expect(ledger.intend(intent('f'))).rejects.toMatchObject(refused);
    await expect(ledger.intend(intent('g'))).rejects.toMatchObject(refused);
    expect(syncs).toBe(1);
    const rows = await db.read((k) => k.selectFrom('sealed_object').select('object_key').execute());
    expect(rows).toEqual([{ object_key: 'f' }]);
  });
});
