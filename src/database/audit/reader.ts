import { type Kysely, sql } from 'kysely';
import type { AuditHead, AuditQuery, AuditReader, AuditRow, AuditVerification } from '../../model/audit.js';
import type { GatewayDatabase } from '../database.js';
import { engineOf } from '../engine.js';
import { beginning } from '../indexed-text.js';
import type { AuditEventRow } from '../schema/audit.js';
import type { Schema } from '../schema.js';
import { headOf } from './append.js';
import { verifyChain } from './verify.js';

const rowsPerPage = 500;
/** Behind all texts that begin with a prefix, because it is the last character of UTF-8. */
const lastCharacter = '\u{10ffff}';

/** Creates the reader of the trail in this database. */
export function createAuditReader(db: GatewayDatabase): AuditReader {
  return new DatabaseAuditReader(db);
}

class DatabaseAuditReader implements AuditReader {
  readonly #db: GatewayDatabase;

  constructor(db: GatewayDatabase) {
    this.#db = db;
  }

  async *query(query: AuditQuery): AsyncGenerator<AuditRow> {
    let last: RowPosition | null =
      query.behind === undefined ? null : { time_ms: query.behind.timeMs, seq: query.behind.seq };
    for (;;) {
      const behind: RowPosition | null = last;
      const page: AuditEventRow[] = await this.#db.read((db) => newestFirst(db, query, behind).execute());
      for (const row of page) yield toAuditRow(row);
      last = page.at(-1) ?? null;
      if (page.length < rowsPerPage) return;
    }
  }

  async after(seq: number, limit: number): Promise<readonly AuditRow[]> {
    const rows = await this.#db.read((db) =>
      db.selectFrom('audit_event').selectAll().where('seq', '>', seq).orderBy('seq').limit(limit).execute(),
    );
    return rows.map(toAuditRow);
  }

  verify(progress: (rows: number) => void = () => undefined): Promise<AuditVerification> {
    return verifyChain(this.#db, progress);
  }

  async head(): Promise<AuditHead> {
    return await this.#db.read(headOf);
  }

  async hashOf(seq: number): Promise<string | null> {
    const row = await this.#db.read((db) =>
      db.selectFrom('audit_event').select('hash').where('seq', '=', seq).executeTakeFirst(),
    );
    return row?.hash ?? null;
  }
}

type RowPosition = Pick<AuditEventRow, 'time_ms' | 'seq'>;

/** Returns the query of one page. Each equality has an index that is in the order of the times. */
function newestFirst(db: Kysely<Schema>, query: AuditQuery, behind: RowPosition | null) {
  const { user, action, address, session, request, keyId, result, targetPrefix, sinceMs, untilMs } = query;
  let rows = db.selectFrom('audit_event').selectAll();
  // The indexes of PostgreSQL have the beginning of these texts.
  const isIndexedInPart = engineOf(db) === 'postgres';
  const indexed = [
    ['actor', user],
    ['session', session],
    ['request', request],
    ['key_id', keyId],
  ] as const;
  for (const [column, value] of indexed) {
    if (value === undefined) continue;
    rows = rows.where(column, '=', value);
    if (isIndexedInPart) rows = rows.where(beginning(sql.ref(column)), '=', beginning(sql.val(value)));
  }
  if (action !== undefined) rows = rows.where('action', '=', action);
  if (address !== undefined) rows = rows.where('address', '=', address);
  if (result === 'failed') rows = rows.where('result', '!=', 'ok');
  else if (result !== undefined) rows = rows.where('result', '=', result);
  if (targetPrefix !== undefined && targetPrefix !== '') {
    const end = targetPrefix + lastCharacter;
    rows = rows.where('target', '>=', targetPrefix).where('target', '<', end);
    if (isIndexedInPart) {
      const target = beginning(sql.ref('target'));
      rows = rows
        .where(target, '>=', beginning(sql.val(targetPrefix)))
        .where(target, '<=', beginning(sql.val(end)));
    }
  }
  if (sinceMs !== undefined) rows = rows.where('time_ms', '>=', sinceMs);
  if (untilMs !== undefined) rows = rows.where('time_ms', '<', untilMs);
  if (behind !== null) {
    const { time_ms: timeMs, seq } = behind;
    rows = rows
      .where('time_ms', '<=', timeMs)
      .where((where) => where.or([where('time_ms', '<', timeMs), where('seq', '<', seq)]));
  }
  return rows.orderBy('time_ms', 'desc').orderBy('seq', 'desc').limit(rowsPerPage);
}

/** Returns a row of the table as the rest of the program reads it. */
export function toAuditRow(row: AuditEventRow): AuditRow {
  return {
    seq: row.seq,
    timeMs: row.time_ms,
    node: row.node,
    actor: { kind: row.actor_kind as AuditRow['actor']['kind'], name: row.actor },
    address: row.address,
    session: row.session,
    request: row.request,
    action: row.action,
    target: row.target,
    bucket: row.bucket,
    objectKey: row.object_key,
    result: row.result,
    keyId: row.key_id,
    details: row.details,
    previousHash: row.previous_hash,
    hash: row.hash,
  };
}
