import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openTestDatabase } from '../../test/support/test-database.js';
import type { RecoveryRecords } from '../model/api/recovery-records.js';
import type { GatewayDatabase } from './database.js';
import { createRecoveryRecords } from './recovery-records.js';

let directory: string;
let db: GatewayDatabase;
let records: RecoveryRecords;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sftpgw-records-'));
  db = await openTestDatabase(join(directory, 'db'));
  records = createRecoveryRecords(db);
});
afterEach(async () => {
  await db.close();
  await rm(directory, { recursive: true, force: true });
});

describe('the records of recovery', () => {
  it('have the last proof of each recipient, the newest first', async () => {
    await records.proven({ recipient: 'age1a', provenMs: 1, person: 'alice' });
    await records.proven({ recipient: 'age1b', provenMs: 2, person: 'bob' });
    await records.proven({ recipient: 'age1a', provenMs: 3, person: 'carol' });
    expect(await records.drills()).toEqual([
      { recipient: 'age1a', provenMs: 3, person: 'carol' },
      { recipient: 'age1b', provenMs: 2, person: 'bob' },
    ]);
  });

  it('have the newest 100 recipients', async () => {
    for (let at = 1; at <= 102; at += 1) {
      await records.proven({ recipient: `age1${at}`, provenMs: at, person: 'alice' });
    }
    const kept = await records.drills();
    expect([kept.length, kept[0]?.provenMs, kept.at(-1)?.provenMs]).toEqual([100, 102, 3]);
  });

  it('name the holders of one set, and keep the confirmations of those who stay', async () => {
    await records.registerShares({ set: 'aa', threshold: 2, holders: ['alice', 'bob', 'carol'] });
    expect(await records.confirmShare('aa', 2, 5, 'root')).toEqual({
      set: 'aa',
      number: 2,
      threshold: 2,
      holder: 'bob',
      confirmedMs: 5,
      confirmedBy: 'root',
    });
    await records.confirmShare('aa', 3, 6, 'root');
    expect(await records.confirmShare('aa', 4, 7, 'root')).toBeNull();
    await records.registerShares({ set: 'aa', threshold: 2, holders: ['alice', 'bob', 'dave'] });
    const confirmed = (await records.shares()).map(({ holder, confirmedMs }) => [holder, confirmedMs]);
    expect(confirmed).toEqual([
      ['alice', null],
      ['bob', 5],
      ['dave', null],
    ]);
    await records.registerShares({ set: 'bb', threshold: 1, holders: ['bob'] });
    expect((await records.shares()).map(({ set, confirmedMs }) => [set, confirmedMs])).toEqual([
      ['bb', null],
    ]);
  });
});
