import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { listNodes } from '../cluster/nodes.js';
import type { GatewayDatabase } from '../database.js';
import { openDatabase } from './open.js';
import { openSharedDatabase } from './shared.js';

const [idA, idB] = ['a'.repeat(16), 'b'.repeat(16)];

let directory: string;
let path: string;
let open: GatewayDatabase[];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sftpgw-shared-'));
  path = join(directory, 'db');
  open = [];
});
afterEach(async () => {
  for (const db of open) await db.close();
  rmSync(directory, { recursive: true });
});

async function start(id: string, host = 'host'): Promise<GatewayDatabase> {
  const db = await openSharedDatabase(path, { kind: 'gateway', id, host, isClustered: true });
  open.push(db);
  return db;
}

/** Adds a row, so that each write is a row of its own. */
async function add(db: GatewayDatabase, name: string): Promise<void> {
  await db.write((trx) => trx.insertInto('audit_spool').values({ segment: name, position: 1 }).execute());
}

async function names(db: GatewayDatabase): Promise<readonly string[]> {
  const rows = await db.read((k) => k.selectFrom('audit_spool').select('segment').execute());
  return rows.map(({ segment }) => segment).sort();
}

const states = async (db: GatewayDatabase) =>
  (await listNodes(db)).map(({ id, state }) => `${id[0]} ${state}`);

describe('a file that several processes share', () => {
  it('keeps every write of all of them', async () => {
    const [a, b] = [await start(idA), await start(idB)];
    const wanted: string[] = [];
    const writes: Promise<void>[] = [];
    for (let index = 0; index < 300; index++) {
      for (const [name, db] of [['a', a] as const, ['b', b] as const]) {
        wanted.push(`${name}${index}`);
        writes.push(add(db, `${name}${index}`));
      }
    }
    await Promise.all(writes);
    expect(await names(a)).toEqual(wanted.sort());
    expect(await names(b)).toEqual(wanted);
    expect(await states(a)).toEqual(['a live', 'b live']);
  });

  it('lets a process read and work while another one has the lock, and writes after it', async () => {
    const a = await start(idA);
    const other = new Sqlite(path);
    other.exec('begin immediate');
    let isDone = false;
    const writing = add(a, 'late').then(() => {
      isDone = true;
    });
    for (let turn = 0; turn < 20; turn++) {
      expect(await names(a)).toEqual([]);
      await new Promise((resume) => setImmediate(resume));
    }
    expect(isDone).toBe(false);
    other.exec('commit');
    other.close();
    await writing;
    expect(await names(a)).toEqual(['late']);
  });

  it('refuses the writes of a process that was declared dead, which learns it', async () => {
    const [a, b] = [await start(idA), await start(idB)];
    await b.write((trx) =>
      trx
        .updateTable('database_writer')
        .set((eb) => ({ epoch: eb('epoch', '+', 1), state: 'dead' }))
        .where('id', '=', idA)
        .execute(),
    );
    await expect(add(a, 'x')).rejects.toMatchObject({ kind: 'conflict' });
    expect((await a.lost).hint).toMatch(/declared dead/);
    expect(await names(b)).toEqual([]);
  });

  it('goes to a process that starts again, and no longer to its predecessor', async () => {
    const first = await start(idA);
    const second = await start(idA);
    await expect(add(first, 'x')).rejects.toMatchObject({ kind: 'conflict' });
    await add(second, 'y');
    expect(await names(second)).toEqual(['y']);
    expect(second.owner?.epoch).toBeGreaterThan(first.owner?.epoch ?? 0);
  });

  it('records that a process has stopped in order', async () => {
    const [a, b] = [await start(idA), await start(idB)];
    await b.close();
    open.pop();
    expect(await states(a)).toEqual(['a live', 'b stopped']);
  });

  it('can be opened by a gateway of one process afterwards', async () => {
    await add(await start(idA), 'x');
    await open.pop()?.close();
    const alone = await openDatabase(path);
    open.push(alone);
    expect([await names(alone), alone.owner]).toEqual([['x'], null]);
  });
});
