import type { Transaction } from 'kysely';
import type {
  MirrorChange,
  MirrorEntry,
  MirrorPrefixRecord,
  MirrorPrefixStatus,
  MirrorState,
} from '../../model/mirror.js';
import type { GatewayDatabase } from '../database.js';
import type { MirrorEntryTable } from '../schema/mirror.js';
import type { Schema } from '../schema.js';
import { toEntry, toRow } from './rows.js';

/**
 * Stores the state of the mirror in the gateway's database. Throws the database's faults. If several gateways share
 * the database, each has its own disk and its own state: `node` is this one.
 */
export function createMirrorState(db: GatewayDatabase, node: string | null = null): MirrorState {
  const state = new DatabaseMirrorState(db);
  return node === null ? state : scopedState(state, `${node}:`);
}

function scopedState(state: MirrorState, scope: string): MirrorState {
  return {
    page: (name, after, limit) => state.page(scope + name, after, limit),
    find: (name, path) => state.find(scope + name, path),
    holdsBelow: (name, directory) => state.holdsBelow(scope + name, directory),
    apply: (name, changes) => state.apply(scope + name, changes),
    totals: (name) => state.totals(scope + name),
    record: (name) => state.record(scope + name),
    saveRecord: (name, record) => state.saveRecord(scope + name, record),
    names: async () =>
      (await state.names()).filter((name) => name.startsWith(scope)).map((name) => name.slice(scope.length)),
  };
}

/** Rows per statement. Few different lengths keep the set of prepared statements small. */
const statementRows = [64, 16, 4, 1];

/** The columns of an entry besides its key. */
const stateColumns = [
  'etag',
  'size',
  'last_modified_ms',
  'key_fingerprint',
  'inode',
  'disk_size',
  'disk_mtime_ms',
  'refused_etag',
  'refused_size',
  'refused_modified_ms',
  'refused_keys',
] as const satisfies readonly (keyof MirrorEntryTable)[];

class DatabaseMirrorState implements MirrorState {
  readonly #db: GatewayDatabase;
  readonly #ids = new Map<string, number>();

  constructor(db: GatewayDatabase) {
    this.#db = db;
  }

  async page(name: string, after: string | null, limit: number): Promise<readonly MirrorEntry[]> {
    const id = await this.#knownId(name);
    if (id === null) return [];
    return this.#db.read(async (db) => {
      let query = db.selectFrom('mirror_entry').selectAll().where('prefix_id', '=', id);
      if (after !== null) query = query.where('path', '>', after);
      return (await query.orderBy('path').limit(limit).execute()).map(toEntry);
    });
  }

  async find(name: string, path: string): Promise<MirrorEntry | null> {
    const id = await this.#knownId(name);
    if (id === null) return null;
    const row = await this.#db.read((db) =>
      db
        .selectFrom('mirror_entry')
        .selectAll()
        .where('prefix_id', '=', id)
        .where('path', '=', path)
        .executeTakeFirst(),
    );
    return row === undefined ? null : toEntry(row);
  }

  async holdsBelow(name: string, directory: string): Promise<boolean> {
    const id = await this.#knownId(name);
    if (id === null) return false;
    const row = await this.#db.read((db) =>
      db
        .selectFrom('mirror_entry')
        .select('path')
        .where('prefix_id', '=', id)
        .where('path', '>', directory)
        .orderBy('path')
        .limit(1)
        .executeTakeFirst(),
    );
    return row?.path.startsWith(directory) ?? false;
  }

  async apply(name: string, changes: readonly MirrorChange[]): Promise<void> {
    if (changes.length === 0) return;
    const last = new Map<string, MirrorChange>();
    for (const change of changes) last.set(change.kind === 'put' ? change.entry.path : change.path, change);
    const puts: MirrorEntry[] = [];
    const removed: string[] = [];
    for (const [path, change] of last) {
      if (change.kind === 'put') puts.push(change.entry);
      else removed.push(path);
    }
    await this.#db.write(async (trx) => {
      const id = this.#ids.get(name) ?? (await makePrefix(trx, name));
      for (const entries of chunks(puts)) {
        await trx
          .insertInto('mirror_entry')
          .values(entries.map((entry) => toRow(id, entry)))
          .onConflict((conflict) =>
            conflict
              .columns(['prefix_id', 'path'])
              .doUpdateSet(({ ref }) =>
                Object.fromEntries(stateColumns.map((column) => [column, ref(`excluded.${column}`)])),
              ),
          )
          .execute();
      }
      for (const paths of chunks(removed)) {
        await trx.deleteFrom('mirror_entry').where('prefix_id', '=', id).where('path', 'in', paths).execute();
      }
    });
  }

  async totals(name: string): Promise<{ readonly files: number; readonly bytes: number }> {
    const id = await this.#knownId(name);
    if (id === null) return { files: 0, bytes: 0 };
    const row = await this.#db.read((db) =>
      db
        .selectFrom('mirror_entry')
        .select(({ fn }) => [
          fn.count<number>('inode').as('files'),
          fn.sum<number | null>('disk_size').as('bytes'),
        ])
        .where('prefix_id', '=', id)
        .executeTakeFirst(),
    );
    return { files: row?.files ?? 0, bytes: row?.bytes ?? 0 };
  }

  async record(name: string): Promise<MirrorPrefixRecord | null> {
    const row = await this.#db.read((db) =>
      db.selectFrom('mirror_prefix').selectAll().where('name', '=', name).executeTakeFirst(),
    );
    if (row === undefined) return null;
    return { origin: row.origin, emptySeenMs: row.empty_seen_ms, status: parseStatus(row.status) };
  }

  async saveRecord(name: string, record: MirrorPrefixRecord): Promise<void> {
    const values = {
      origin: record.origin,
      empty_seen_ms: record.emptySeenMs,
      status: record.status === null ? null : JSON.stringify(record.status),
    };
    await this.#db.write((trx) =>
      trx
        .insertInto('mirror_prefix')
        .values({ name, ...values })
        .onConflict((conflict) => conflict.column('name').doUpdateSet(values))
        .execute(),
    );
  }

  async names(): Promise<readonly string[]> {
    const rows = await this.#db.read((db) =>
      db.selectFrom('mirror_prefix').select('name').orderBy('name').execute(),
    );
    return rows.map((row) => row.name);
  }

  async #knownId(name: string): Promise<number | null> {
    const known = this.#ids.get(name);
    if (known !== undefined) return known;
    const row = await this.#db.read((db) =>
      db.selectFrom('mirror_prefix').select('id').where('name', '=', name).executeTakeFirst(),
    );
    if (row === undefined) return null;
    this.#ids.set(name, row.id);
    return row.id;
  }
}

/** Returns the id of the prefix. Does not cache it, because the transaction may still be undone. */
async function makePrefix(trx: Transaction<Schema>, name: string): Promise<number> {
  await trx
    .insertInto('mirror_prefix')
    .values({ name, origin: '', empty_seen_ms: null, status: null })
    .onConflict((conflict) => conflict.column('name').doNothing())
    .execute();
  const row = await trx
    .selectFrom('mirror_prefix')
    .select('id')
    .where('name', '=', name)
    .executeTakeFirstOrThrow();
  return row.id;
}

/**
 * Parses a status, which is only shown to people. Returns null if a later program wrote it in another format.
 */
function parseStatus(text: string | null): MirrorPrefixStatus | null {
  if (text === null) return null;
  try {
    return JSON.parse(text) as MirrorPrefixStatus;
  } catch {
    return null;
  }
}

function* chunks<T>(items: readonly T[]): Generator<readonly T[]> {
  for (let at = 0; at < items.length; ) {
    const rest = items.length - at;
    const length = statementRows.find((rows) => rows <= rest) ?? 1;
    yield items.slice(at, at + length);
    at += length;
  }
}
