import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { killAfter } from '../../../test/support/kill-after.js';
import { openDatabase } from '../sqlite/open.js';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sftpgw-ledger-crash-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const writer = new URL('testing/writer.ts', import.meta.url);
const rank: Readonly<Record<string, number>> = { intended: 0, attached: 1, abandoned: 2, confirmed: 2 };

it('a ledger keeps every acknowledged write after kill -9, and no partial write', async () => {
  const path = join(directory, 'ledger.db');
  for (let run = 0; run < 5; run++) {
    const lines = await killAfter(writer, [path, String(run)], 1 + Math.floor(Math.random() * 400));
    const acknowledged = new Map<string, string>();
    for (const line of lines) {
      const [state = '', , key = ''] = line.split(' ');
      acknowledged.set(key, state);
    }
    expect(acknowledged.size).toBeGreaterThan(0);
    const db = await openDatabase(path);
    const rows = await db.read((k) =>
      k.selectFrom('sealed_object').selectAll().where('object_key', 'like', `${run}/%`).execute(),
    );
    await db.close();
    const found = new Map(rows.map((row) => [row.object_key, row]));
    for (const [key, state] of acknowledged) {
      const row = found.get(key);
      const reached = row?.state === 'intended' && row.upload_id !== null ? 'attached' : row?.state;
      // The child may have continued after its last line.
      expect(rank[reached ?? ''], `${key}: ${state}, found ${reached}`).toBeGreaterThanOrEqual(
        rank[state] ?? 9,
      );
      if (rank[state] === 2) expect(reached).toBe(state);
      if (row?.state === 'confirmed') expect(row).toMatchObject({ etag: key, upload_id: `upload-${key}` });
    }
  }
});
