import type { Kysely } from 'kysely';
import type { RootFileChange, RootFileReport, RootFiles, StoredRootFile } from '../../model/nodes.js';
import type { GatewayDatabase } from '../database.js';
import type { Schema } from '../schema.js';
import { databaseNow } from './clock.js';
import { everyNode, hint } from './hint-channel.js';

const columns = ['path', 'version', 'revision', 'content'] as const;

/** Stores the files below the root that the nodes of a cluster share. */
export class DatabaseRootFiles implements RootFiles {
  readonly #db: GatewayDatabase;
  readonly #node: string;

  /** `node` is the id of the node that stores and reports. */
  constructor(db: GatewayDatabase, node: string) {
    this.#db = db;
    this.#node = node;
  }

  async identity(): Promise<string | null> {
    const row = await this.#db.read((db) =>
      db.selectFrom('cluster_root').select('identity').executeTakeFirst(),
    );
    return row?.identity ?? null;
  }

  async changesSince(revision: number, limit: number): Promise<readonly StoredRootFile[]> {
    return await this.#db.read((db) =>
      db
        .selectFrom('root_file')
        .select(columns)
        .where('revision', '>', revision)
        .orderBy('revision')
        .limit(limit)
        .execute(),
    );
  }

  async lastRevision(): Promise<number> {
    return await this.#db.read(lastRevisionOf);
  }

  async files(paths: readonly string[]): Promise<readonly StoredRootFile[]> {
    if (paths.length === 0) return [];
    return await this.#db.read((db) =>
      db.selectFrom('root_file').select(columns).where('path', 'in', paths).orderBy('revision').execute(),
    );
  }

  async versions(): Promise<ReadonlyMap<string, number>> {
    const rows = await this.#db.read((db) =>
      db.selectFrom('root_file').select(['path', 'version']).execute(),
    );
    return new Map(rows.map(({ path, version }) => [path, version]));
  }

  async store(changes: readonly RootFileChange[]): Promise<ReadonlySet<string>> {
    return await this.#db.write(async (trx) => {
      const refused = new Set<string>();
      let revision = await lastRevisionOf(trx);
      for (const change of changes) {
        revision += 1;
        if (!(await this.#storeOne(trx, change, revision))) refused.add(change.path);
      }
      if (refused.size < changes.length) await hint(trx, everyNode);
      return refused;
    });
  }

  /** Returns false if the row has another version than the one that the change replaces. */
  async #storeOne(
    trx: Kysely<Schema>,
    { path, replaces, version, content, isRemoved }: RootFileChange,
    revision: number,
  ): Promise<boolean> {
    const values = {
      ...{ version, revision, content, is_removed: isRemoved ? 1 : 0 },
      ...{ node: this.#node, changed_ms: databaseNow(trx) },
    };
    if (replaces === 0) {
      const { numInsertedOrUpdatedRows } = await trx
        .insertInto('root_file')
        .values({ path, ...values })
        .onConflict((conflict) => conflict.column('path').doNothing())
        .executeTakeFirst();
      return (numInsertedOrUpdatedRows ?? 0n) > 0n;
    }
    const { numUpdatedRows } = await trx
      .updateTable('root_file')
      .set(values)
      .where('path', '=', path)
      .where('version', '=', replaces)
      .executeTakeFirst();
    return numUpdatedRows > 0n;
  }

  async report({ revision, conflicts, problems }: RootFileReport): Promise<void> {
    await this.#db.write(async (trx) => {
      const values = {
        revision,
        conflicts: JSON.stringify(conflicts),
        problems: JSON.stringify(problems),
        reported_ms: databaseNow(trx),
      };
      await trx
        .insertInto('root_node')
        .values({ node: this.#node, ...values })
        .onConflict((conflict) => conflict.column('node').doUpdateSet(values))
        .execute();
    });
  }
}

/** Returns the highest revision. One transaction writes at a time, so none is visible before a lower one. */
async function lastRevisionOf(db: Kysely<Schema>): Promise<number> {
  const row = await db
    .selectFrom('root_file')
    .select('revision')
    .orderBy('revision', 'desc')
    .limit(1)
    .executeTakeFirst();
  return row?.revision ?? 0;
}
