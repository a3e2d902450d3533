import { type Kysely, sql } from 'kysely';
import { Fault } from '../../model/fault.js';
import type { DatabaseWeakness } from '../database.js';
import type { Schema } from '../schema.js';

const minVersion = 150_000;

/** Settings that may cost acknowledged commits, with the value that is unsafe. */
const unsafe: readonly DatabaseWeakness[] = [
  { setting: 'fsync', value: 'off', consequence: 'A power loss may destroy the whole database.' },
  {
    setting: 'full_page_writes',
    value: 'off',
    consequence: 'A power loss may damage pages of the database.',
  },
  {
    setting: 'synchronous_commit',
    value: 'off',
    consequence: 'Other programs lose commits at a crash. The gateway turns the setting on for its own.',
  },
];

/** Throws `unsupported` for a server before PostgreSQL 15, and for a database that does not store UTF-8. */
export async function requireSupported(db: Kysely<Schema>, name: string): Promise<void> {
  const found = await settingsOf(db, ['server_version_num', 'server_version', 'server_encoding']);
  if (Number(found.get('server_version_num')) < minVersion) {
    throw new Fault(
      'unsupported',
      `the ${name} is PostgreSQL ${found.get('server_version')}: version 15 is needed`,
    );
  }
  if (found.get('server_encoding') !== 'UTF8') {
    const encoding = found.get('server_encoding') ?? '';
    throw new Fault(
      'unsupported',
      `the ${name} stores text as ${encoding}: create it with createdb -E UTF8 -T template0`,
    );
  }
}

/** Returns the settings of the server that may cost commits. A connection's own value does not count. */
export async function weaknessesOf(db: Kysely<Schema>): Promise<readonly DatabaseWeakness[]> {
  const found = await settingsOf(
    db,
    unsafe.map(({ setting }) => setting),
  );
  return unsafe.filter(({ setting, value }) => found.get(setting) === value);
}

async function settingsOf(
  db: Kysely<Schema>,
  names: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const { rows } = await sql<{ name: string; value: string }>`
    select name, reset_val as value from pg_settings where name in (${sql.join(names)})`.execute(db);
  return new Map(rows.map(({ name, value }) => [name, value]));
}
