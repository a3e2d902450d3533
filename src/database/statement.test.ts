import Sqlite from 'better-sqlite3';
import { Kysely } from 'kysely';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { migrateToLatest } from './migrate.js';
import type { Schema } from './schema.js';
import { BetterSqliteDialect } from './sqlite/dialect.js';
import { Statement } from './statement.js';

let db: Kysely<Schema>;

beforeEach(async () => {
  db = new Kysely<Schema>({ dialect: new BetterSqliteDialect(new Sqlite(':memory:')) });
  await migrateToLatest(db, 'the test database');
});
afterEach(() => db.destroy());

const insert = new Statement((k, { id, ms }: { readonly id: string; readonly ms: number }) =>
  k.insertInto('barred_key').values({ key_fingerprint: id, barred_ms: ms }),
);

it('is built once, and runs with the values of each call between its constants', async () => {
  let built = 0;
  const between = new Statement((k, { least, most }: { readonly least: number; readonly most: number }) => {
    built += 1;
    return k
      .selectFrom('barred_key')
      .select('key_fingerprint')
      .where('barred_ms', '<=', most)
      .where('barred_ms', '<>', 3)
      .where('barred_ms', '>=', least)
      .orderBy('barred_ms');
  });
  for (let ms = 1; ms <= 6; ms += 1) await insert.run(db, { id: `k${ms}`, ms });
  const ids = async (least: number, most: number) =>
    (await between.run(db, { least, most })).map((row) => row.key_fingerprint);
  expect(await ids(2, 4)).toEqual(['k2', 'k4']);
  expect(await ids(5, 9)).toEqual(['k5', 'k6']);
  expect(built).toBe(1);
});

it('belongs to the transaction that runs it', async () => {
  const undone = db.transaction().execute(async (trx) => {
    await insert.run(trx, { id: 'k', ms: 1 });
    throw new Error('undone');
  });
  await expect(undone).rejects.toThrow('undone');
  expect(await db.selectFrom('barred_key').selectAll().execute()).toEqual([]);
});
