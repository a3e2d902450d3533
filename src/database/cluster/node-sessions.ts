import { type RawBuilder, type SqlBool, sql } from 'kysely';
import type { LoginFacts } from '../../model/live.js';
import type { OtherSession, SessionCounts, SharedSession } from '../../model/nodes.js';
import type { GatewayDatabase, RowOwner } from '../database.js';
import { isOrphaned } from './nodes.js';
import { isSeen } from './seen.js';

/** Max rows of one statement. */
const rowsPerStatement = 500;

/** The sessions of all nodes. A row counts as long as its node is live and was seen in the last ten seconds. */
export class NodeSessions {
  readonly #db: GatewayDatabase;
  readonly #owner: RowOwner;

  constructor(db: GatewayDatabase, owner: RowOwner) {
    this.#db = db;
    this.#owner = owner;
  }

  /** Adds and removes rows of this node. Throws the database's faults. */
  async publish(opened: readonly SharedSession[], closed: readonly string[]): Promise<void> {
    if (opened.length + closed.length === 0) return;
    const { node, epoch } = this.#owner;
    await this.#db.write(async (trx) => {
      for (let from = 0; from < closed.length; from += rowsPerStatement) {
        const ids = closed.slice(from, from + rowsPerStatement);
        await trx.deleteFrom('node_session').where('id', 'in', ids).execute();
      }
      for (let from = 0; from < opened.length; from += rowsPerStatement) {
        const rows = opened.slice(from, from + rowsPerStatement).map(({ id, login, source, startedMs }) => ({
          ...{ id, node, node_epoch: epoch, username: login.username, source },
          facts: JSON.stringify(login),
          started_ms: startedMs,
        }));
        await trx
          .insertInto('node_session')
          .values(rows)
          .onConflict((conflict) => conflict.doNothing())
          .execute();
      }
    });
  }

  /** Counts the sessions of the other live nodes. Throws the database's faults. */
  async countOthers(): Promise<SessionCounts> {
    const rows = await this.#db.read((db) =>
      db
        .selectFrom('node_session')
        .select(['username', 'source', sql<number>`count(*)`.as('sessions')])
        .where('node', '<>', this.#owner.node)
        .where(isSeen(db, 'node_session'))
        .groupBy(['username', 'source'])
        .execute(),
    );
    const byUser = new Map<string, number>();
    const bySource = new Map<string, number>();
    let count = 0;
    for (const { username, source, sessions } of rows) {
      const number = Number(sessions);
      count += number;
      byUser.set(username, (byUser.get(username) ?? 0) + number);
      if (source !== null) bySource.set(source, (bySource.get(source) ?? 0) + number);
    }
    return { count, byUser, bySource };
  }

  /** Returns the sessions of the other live nodes, the oldest first; one of them if `id` is given. */
  async others(id: string | null = null): Promise<readonly OtherSession[]> {
    const rows = await this.#db.read((db) => {
      const query = db
        .selectFrom('node_session')
        .innerJoin('database_writer', 'database_writer.id', 'node_session.node')
        .selectAll('node_session')
        .select('host')
        .where('node', '<>', this.#owner.node)
        .where(isSeen(db, 'node_session'))
        .orderBy('node_session.started_ms')
        .orderBy('node_session.id');
      return (id === null ? query : query.where('node_session.id', '=', id)).execute();
    });
    return rows.map((row) => ({
      id: row.id,
      login: JSON.parse(row.facts) as LoginFacts,
      source: row.source,
      startedMs: row.started_ms,
      process: { node: row.node, epoch: row.node_epoch },
      nodeName: row.host,
    }));
  }

  /** Removes the rows of processes that have ended. Throws the database's faults. */
  async clean(): Promise<void> {
    const isEnded: RawBuilder<SqlBool> = isOrphaned('node_session');
    const any = await this.#db.read((db) =>
      db.selectFrom('node_session').select('id').where(isEnded).limit(1).executeTakeFirst(),
    );
    if (any === undefined) return;
    await this.#db.write((trx) => trx.deleteFrom('node_session').where(isEnded).execute());
  }
}
