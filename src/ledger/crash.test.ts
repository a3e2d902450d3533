import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openDatabase } from '../db/sqlite/open.js';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sftpgw-ledger-crash-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const runner = join(createRequire(import.meta.url).resolve('vite-node/package.json'), '..', 'vite-node.mjs');
const writer = fileURLToPath(new URL('testing/writer.ts', import.meta.url));
const rank: Readonly<Record<string, number>> = { intended: 0, attached: 1, abandoned: 2, confirmed: 2 };

/** Runs the writer until it has acknowledged this much, kills it, and gives the lines it had out by then. */
async function killAfter(path: string, run: number, acknowledgements: number): Promise<readonly string[]> {
  const child = spawn(process.execPath, [runner, writer, path, String(run)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const closed = once(child, 'close');
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString();
    if (text.split('\n').length > acknowledgements) child.kill('SIGKILL');
  });
  const [, signal] = await closed;
  expect(signal).toBe('SIGKILL');
  return text.split('\n').slice(0, -1);
}

test('what was acknowledged before kill -9 is there afterwards, and nothing is half', async () => {
  const path = join(directory, 'ledger.db');
  for (let run = 0; run < 5; run++) {
    const lines = await killAfter(path, run, 1 + Math.floor(Math.random() * 400));
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
      // The child may have got further than its last line.
      expect(rank[reached ?? ''], `${key}: ${state}, found ${reached}`).toBeGreaterThanOrEqual(
        rank[state] ?? 9,
      );
      if (rank[state] === 2) expect(reached).toBe(state);
      if (row?.state === 'confirmed') expect(row).toMatchObject({ etag: key, upload_id: `upload-${key}` });
    }
  }
});
