import { type Kysely, sql } from 'kysely';
import type { SharedFilesStatus } from '../../model/api/cluster.js';
import type { GatewayDatabase } from '../database.js';
import type { Schema } from '../schema.js';
import { databaseNow } from './clock.js';

const rootId = 'root';

/** The cluster of a database: its files as a whole, the tokens of machines that join, and its nodes. */
export class ClusterRoot {
  readonly #db: GatewayDatabase;

  constructor(db: GatewayDatabase) {
    this.#db = db;
  }

  /** Returns the digest of the cluster's identity; null if the database has no cluster. Throws the database's faults. */
  async identity(): Promise<string | null> {
    return await this.#db.read(async (db) => {
      const row = await db.selectFrom('cluster_root').select('identity').executeTakeFirst();
      return row?.identity ?? null;
    });
  }

  /** Makes the files of the database those of a cluster. Returns false if it has one. */
  async create(identity: string): Promise<boolean> {
    return await this.#db.write(async (trx) => {
      const { numInsertedOrUpdatedRows } = await trx
        .insertInto('cluster_root')
        .values({ id: rootId, identity, created_ms: databaseNow(trx) })
        .onConflict((conflict) => conflict.doNothing())
        .executeTakeFirst();
      return (numInsertedOrUpdatedRows ?? 0n) > 0n;
    });
  }

  /** Removes the files, the tokens and the reports. */
  async clear(): Promise<void> {
    await this.#db.write(clear);
  }

  /** Stores a token for `lifetimeMs` milliseconds, and forgets expired ones. */
  async addToken(hash: string, sealedIdentity: string, lifetimeMs: number): Promise<void> {
    await this.#db.write(async (trx) => {
      const now = databaseNow(trx);
      await trx.deleteFrom('join_token').where('expires_ms', '<=', now).execute();
      await trx
        .insertInto('join_token')
        .values({
          token_hash: hash,
          sealed_identity: sealedIdentity,
          expires_ms: sql<number>`${now} + ${sql.lit(Math.round(lifetimeMs))}`,
        })
        .execute();
    });
  }

  /** Uses a token up and returns the sealed identity; null for a token that is unknown, used or expired. */
  async takeToken(hash: string): Promise<string | null> {
    return await this.#db.write(async (trx) => {
      const row = await trx
        .deleteFrom('join_token')
        .where('token_hash', '=', hash)
        .where('expires_ms', '>', databaseNow(trx))
        .returning('sealed_identity')
        .executeTakeFirst();
      return row?.sealed_identity ?? null;
    });
  }

  /** Returns what the database has, and what each node has reported; null without a cluster. */
  async status(): Promise<SharedFilesStatus | null> {
    return await this.#db.read(async (db) => {
      if ((await db.selectFrom('cluster_root').select('id').executeTakeFirst()) === undefined) return null;
      const files = await db
        .selectFrom('root_file')
        .select(({ fn }) => [
          sql<number>`count(case when is_removed = 0 then 1 end)`.as('count'),
          fn.max('revision').as('revision'),
        ])
        .executeTakeFirstOrThrow();
      const rows = await db.selectFrom('root_node').selectAll().orderBy('node').execute();
      return {
        files: Number(files.count),
        revision: Number(files.revision ?? 0),
        nodes: rows.map(({ node, revision, conflicts, problems, reported_ms: reportedMs }) => ({
          ...{ id: node, revision, reportedMs },
          conflicts: JSON.parse(conflicts) as readonly string[],
          problems: JSON.parse(problems) as readonly string[],
        })),
      };
    });
  }

  /**
   * Removes the processes of a machine. With the last machine, the files and tokens are removed too. Returns the names
   * of the machines that are left.
   */
  async removeMachine(ids: readonly string[]): Promise<readonly string[]> {
    return await this.#db.write(async (trx) => {
      await trx.deleteFrom('node_session').where('node', 'in', ids).execute();
      await trx.deleteFrom('node_request').where('node', 'in', ids).execute();
      await trx.deleteFrom('root_node').where('node', 'in', ids).execute();
      await trx.deleteFrom('database_writer').where('id', 'in', ids).execute();
      const left = await trx
        .selectFrom('database_writer')
        .select('host')
        .where('kind', '=', 'gateway')
        .orderBy('host')
        .execute();
      if (left.length === 0) await clear(trx);
      return [...new Set(left.map(({ host }) => host))];
    });
  }
}

async function clear(trx: Kysely<Schema>): Promise<void> {
  for (const table of ['cluster_root', 'join_token', 'root_file', 'root_node'] as const)
    await trx.deleteFrom(table).execute();
}
