import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openDatabase } from '../sqlite/open.js';
import { isEmpty, moveDatabase, type NamedDatabase, refuseMoved } from './move.js';
import { namesOfMovedTables } from './tables.js';
import { fillTables, rowsOf } from './testing/every-table.js';

/* The order of the steps of a move, between two files, which need no server. */

let directory: string;
let opened: NamedDatabase[];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'two-files-'));
  opened = [];
});
afterEach(async () => {
  for (const { database } of opened) await database.close();
  rmSync(directory, { recursive: true });
});

async function open(name: string): Promise<NamedDatabase> {
  const one = { database: await openDatabase(join(directory, name)), name };
  opened.push(one);
  return one;
}

const killed = new Error('killed');
/** Begins a move that ends behind the first copied table. */
const interrupted = async (from: NamedDatabase, to: NamedDatabase) =>
  await expect(
    moveDatabase(from, to, () => {
      throw killed;
    }),
  ).rejects.toBe(killed);

describe('a move', () => {
  it('reports the rows of each table, first the copies and then the checks', async () => {
    const [from, to] = [await open('from'), await open('to')];
    await fillTables(from.database, 2);
    const seen: string[] = [];
    const moved = await moveDatabase(from, to, (action, table, rows) =>
      seen.push(`${action} ${table} ${rows}`),
    );
    const tables = namesOfMovedTables();
    expect(seen).toEqual([
      ...tables.map((table) => `copy ${table} 2`),
      ...tables.map((table) => `verify ${table} 2`),
    ]);
    expect(moved).toEqual(tables.map((table) => ({ table, rows: 2 })));
    for (const table of tables)
      expect(await rowsOf(to.database, table)).toEqual(await rowsOf(from.database, table));
  });

  it('does not start from the half of another move, which has not all rows', async () => {
    const [from, half, to] = [await open('from'), await open('half'), await open('to')];
    await fillTables(from.database, 2);
    await interrupted(from, half);
    await expect(moveDatabase(half, to)).rejects.toMatchObject({
      kind: 'conflict',
      hint: expect.stringContaining('half is the target of a move that is not complete'),
    });
    expect(await isEmpty(to.database)).toBe(true);
    await refuseMoved(to);
    await refuseMoved(from);
    await expect(refuseMoved(half)).rejects.toMatchObject({ kind: 'conflict' });
  });

  it('is not made twice to different places, and names the first one', async () => {
    const [from, first, second] = [await open('from'), await open('first'), await open('second')];
    await fillTables(from.database, 2);
    await moveDatabase(from, first);
    await expect(moveDatabase(from, second)).rejects.toMatchObject({
      kind: 'conflict',
      hint: expect.stringContaining('first'),
    });
    expect(await isEmpty(second.database)).toBe(true);
    await refuseMoved(second);
    await refuseMoved(first);
    await expect(refuseMoved(from)).rejects.toMatchObject({ hint: expect.stringContaining('first') });
  });

  it('that was interrupted behind its last step but one is complete when it is resumed', async () => {
    const [from, to] = [await open('from'), await open('to')];
    await fillTables(from.database, 2);
    await moveDatabase(from, to);
    await to.database.write((trx) =>
      trx.insertInto('database_move').values({ role: 'target', other: 'from' }).execute(),
    );
    await moveDatabase(from, to);
    await refuseMoved(to);
    await expect(refuseMoved(from)).rejects.toMatchObject({ kind: 'conflict' });
  });
});

it('a database is empty without objects and events', async () => {
  const [object, event] = [await open('object'), await open('event')];
  expect(await isEmpty(object.database)).toBe(true);
  await fillTables(object.database, 2);
  await fillTables(event.database, 2);
  await object.database.write((trx) => trx.deleteFrom('audit_event').execute());
  await event.database.write((trx) => trx.deleteFrom('sealed_object').execute());
  expect([await isEmpty(object.database), await isEmpty(event.database)]).toEqual([false, false]);
});
