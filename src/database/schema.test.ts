import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql } from 'kysely';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { GatewayDatabase } from './database.js';
import { openDatabase } from './sqlite/open.js';

interface Column {
  readonly type: 'text' | 'number';
  readonly isNullable: boolean;
}
type Tables = Readonly<Record<string, Readonly<Record<string, Column>>>>;

/** Returns the tables as the types of `schema.ts` and `schema/` describe them. */
function declared(): Tables {
  const files = globSync(['schema.ts', 'schema/*.ts'], { cwd: import.meta.dirname });
  const text = files
    .map((file) => readFileSync(join(import.meta.dirname, file), 'utf8'))
    .join('\n')
    .replaceAll(/\/\*\*.*?\*\//gs, '');
  const bodies = new Map(
    [...text.matchAll(/export interface (\w+) \{\n(.*?)\n\}/gs)].map(([, name = '', body = '']) => [
      name,
      [...body.matchAll(/^ {2}(\w+): ([^;]+);/gms)].map(
        ([, field = '', type = '']) => [field, type] as const,
      ),
    ]),
  );
  const tables = bodies.get('Schema') ?? [];
  return Object.fromEntries(
    tables.map(([table, type]) => [
      table,
      Object.fromEntries((bodies.get(type) ?? []).map(([field, of]) => [field, columnOf(of)])),
    ]),
  );
}

function columnOf(type: string): Column {
  const isNullable = /\| null\b/.test(type);
  return { type: /\bnumber\b/.test(type) ? 'number' : 'text', isNullable };
}

let directory: string;
let database: GatewayDatabase;
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'sftpgw-schema-'));
  database = await openDatabase(join(directory, 'db'));
});
afterEach(async () => {
  await database.close();
  rmSync(directory, { recursive: true });
});

/** Returns the tables that the migrations have made. */
async function made(): Promise<Tables> {
  return await database.read(async (db) => {
    const names = await sql<{ name: string }>`
      select name from sqlite_master
      where type = 'table' and name not like 'sqlite_%' and name not like 'kysely_%'`.execute(db);
    const tables: Record<string, Record<string, Column>> = {};
    for (const { name } of names.rows) {
      const { rows } = await sql<{ name: string; type: string; notnull: number; pk: number }>`
        select name, type, "notnull", pk from pragma_table_info(${name})`.execute(db);
      tables[name] = Object.fromEntries(
        rows.map((column) => [
          column.name,
          {
            type: /text/i.test(column.type) ? 'text' : 'number',
            // The key of the rows themselves is never null.
            isNullable: column.notnull === 0 && column.pk === 0,
          },
        ]),
      );
    }
    return tables;
  });
}

it('the migrations make the tables and columns that the types have, and no others', async () => {
  const [tables, types] = [await made(), declared()];
  expect(Object.keys(types).length).toBeGreaterThan(25);
  expect(Object.keys(tables).sort()).toEqual(Object.keys(types).sort());
  for (const [name, columns] of Object.entries(types)) expect(tables[name], name).toEqual(columns);
});
