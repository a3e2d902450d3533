import { CompiledQuery, type Kysely, type Transaction } from 'kysely';
import type { AuditHead } from '../../model/audit.js';
import { ActivityRecorder } from '../activity.js';
import type { GatewayDatabase } from '../database.js';
import type { AuditEventRow } from '../schema/audit.js';
import type { Schema } from '../schema.js';
import { firstHash, rowFor, type SpooledEvent } from './chain.js';

/** A part of a spool file, with its events in order. */
export interface SpoolPart {
  readonly segment: string;
  /** Position of the part in the file, in bytes. */
  readonly from: number;
  readonly to: number;
  readonly events: readonly SpooledEvent[];
}

/** Max rows of one statement. */
const rowsPerStatement = 32;
const columns = [
  'seq',
  'time_ms',
  'node',
  'actor_kind',
  'actor',
  'address',
  'session',
  'request',
  'action',
  'target',
  'bucket',
  'object_key',
  'result',
  'key_id',
  'details',
  'previous_hash',
  'hash',
] as const satisfies readonly (keyof AuditEventRow)[];

/** The end of the audit trail, where events are added. */
export class AuditAppender {
  readonly #db: GatewayDatabase;
  readonly #node: string;
  /** The text of the statement for each number of rows, since building it takes longer than running it. */
  readonly #statements = new Map<number, string>();
  readonly #activity = new ActivityRecorder();

  /** `node` is the gateway that has the spool. */
  constructor(db: GatewayDatabase, node: string) {
    this.#db = db;
    this.#node = node;
  }

  /** Returns the position up to which a spool file is in the trail. */
  async position(segment: string): Promise<number> {
    return await this.#db.read((db) => positionOf(db, segment));
  }

  /** Returns the names of this gateway's spool files that the trail knows. */
  async segments(): Promise<readonly string[]> {
    const rows = await this.#db.read((db) => {
      const all = db.selectFrom('audit_spool').select('segment');
      return (this.#db.owner === null ? all : all.where('node', '=', this.#node)).execute();
    });
    return rows.map(({ segment }) => segment);
  }

  /**
   * Adds the events of a part, and records its end as the position of its file, in one transaction. Returns
   * false, and adds nothing, if the file's position is not the begin of the part, or `isThere` returns false:
   * another process has added the events.
   */
  async append({ segment, from, to, events }: SpoolPart, isThere: () => boolean): Promise<boolean> {
    return await this.#db.write(async (trx) => {
      if ((await positionOf(trx, segment)) !== from || !isThere()) return false;
      await this.#insert(trx, events);
      await this.#activity.record(trx, events);
      await trx
        .insertInto('audit_spool')
        .values({ segment, position: to, node: this.#db.owner === null ? null : this.#node })
        .onConflict((conflict) => conflict.column('segment').doUpdateSet({ position: to }))
        .execute();
      return true;
    });
  }

  /** Forgets a spool file, which the caller has removed. */
  async forget(segment: string): Promise<void> {
    await this.#db.write((trx) => trx.deleteFrom('audit_spool').where('segment', '=', segment).execute());
  }

  async #insert(trx: Transaction<Schema>, events: readonly SpooledEvent[]): Promise<void> {
    if (events.length === 0) return;
    let { seq, hash } = await headOf(trx);
    const rows = events.map((event) => {
      const row = rowFor(seq + 1, hash, event);
      ({ seq, hash } = row);
      return row;
    });
    for (let first = 0; first < rows.length; first += rowsPerStatement) {
      const some = rows.slice(first, first + rowsPerStatement);
      const values = some.flatMap((row) => columns.map((column) => row[column]));
      await trx.executeQuery(CompiledQuery.raw(this.#statement(trx, some), values));
    }
    await trx
      .insertInto('audit_chain')
      .values({ id: 1, last_seq: seq, last_hash: hash, anchor_seq: 0, anchor_hash: firstHash })
      .onConflict((conflict) => conflict.column('id').doUpdateSet({ last_seq: seq, last_hash: hash }))
      .execute();
  }

  #statement(db: Kysely<Schema>, rows: readonly AuditEventRow[]): string {
    const known = this.#statements.get(rows.length);
    if (known !== undefined) return known;
    const inOrder = rows.map((row) => Object.fromEntries(columns.map((column) => [column, row[column]])));
    const { sql } = db
      .insertInto('audit_event')
      .columns(columns)
      .values(inOrder as unknown as AuditEventRow[])
      .compile();
    this.#statements.set(rows.length, sql);
    return sql;
  }
}

async function positionOf(db: Kysely<Schema>, segment: string): Promise<number> {
  const row = await db
    .selectFrom('audit_spool')
    .select('position')
    .where('segment', '=', segment)
    .executeTakeFirst();
  return row?.position ?? 0;
}

/** Returns the end of the chain. */
export async function headOf(db: Kysely<Schema>): Promise<AuditHead> {
  const row = await db.selectFrom('audit_chain').select(['last_seq', 'last_hash']).executeTakeFirst();
  return row === undefined ? { seq: 0, hash: firstHash } : { seq: row.last_seq, hash: row.last_hash };
}
