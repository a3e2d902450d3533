import { sql } from 'kysely';
import type { IntentId } from '../../model/ledger.js';
import type { NodeProcess } from '../../model/nodes.js';
import type { ObjectRef } from '../../model/object-store.js';
import {
  type FoundUploads,
  type ParkedUpload,
  shownRef,
  type UploadName,
} from '../../model/parked-uploads.js';
import type { GatewayDatabase, RowOwner } from '../database.js';
import { parkedRows, toParkedUploads } from '../ledger/parked.js';
import { isIntended } from '../ledger/queries.js';
import { parentPrefix } from '../ledger/rows.js';

/** The unfinished uploads of all nodes, in their database. */
export class NodeUploadRows {
  readonly #db: GatewayDatabase;
  readonly #owner: RowOwner;

  constructor(db: GatewayDatabase, owner: RowOwner) {
    this.#db = db;
    this.#owner = owner;
  }

  /** Returns what other nodes and this one have under a name. Throws the database's faults. */
  async find({ shown, stored, actor }: UploadName): Promise<FoundUploads> {
    return await this.#db.read(async (db) => {
      const rows = await intendedRowsOf(stored).execute();
      if (rows.length === 0) return { parked: null, isElsewhere: false };
      const parked = toParkedUploads(
        await parkedRows(db).where('sealed_object.id', 'in', idsOf(rows)).execute(),
      );
      const ids = new Set<string>(parked.map(({ id }) => id));
      const others = rows.filter(
        (row) =>
          !ids.has(row.id) && row.actor === actor && row.node !== null && row.node !== this.#owner.node,
      );
      return {
        parked: parked.findLast((upload) => shownRef(upload).key === shown.key) ?? null,
        isElsewhere: others.length > 0,
      };

      function intendedRowsOf({ bucket, key }: ObjectRef) {
        return db
          .selectFrom('sealed_object')
          .select(['id', 'node', 'actor'])
          .where('bucket', '=', bucket)
          .where('object_key', '=', key)
          .where(isIntended);
      }
    });
  }

  /** Returns the live processes of other nodes that have an upload of the user to an object in progress. */
  async holders({ stored: { bucket, key }, actor }: UploadName): Promise<readonly NodeProcess[]> {
    const rows = await this.#db.read((db) =>
      db
        .selectFrom('sealed_object')
        .innerJoin('database_writer', (join) =>
          join
            .onRef('database_writer.id', '=', 'sealed_object.node')
            .onRef('database_writer.epoch', '=', 'sealed_object.node_epoch'),
        )
        .select(['database_writer.id as node', 'database_writer.epoch as epoch'])
        .distinct()
        .where('bucket', '=', bucket)
        .where('object_key', '=', key)
        .where(sql<boolean>`sealed_object.state = 'intended'`)
        .where('actor', '=', actor)
        .where('database_writer.state', '=', 'live')
        .where('database_writer.kind', '=', 'gateway')
        .where('database_writer.id', '<>', this.#owner.node)
        .where(({ not, exists, selectFrom }) =>
          not(
            exists(
              selectFrom('parked_upload')
                .select('row_id')
                .whereRef('parked_upload.row_id', '=', 'sealed_object.id'),
            ),
          ),
        )
        .execute(),
    );
    return rows;
  }

  /** Returns the uploads that are parked directly below a prefix, the oldest first. Throws the database's faults. */
  async parkedBelow(bucket: string, prefix: string): Promise<readonly ParkedUpload[]> {
    return await this.#db.read(async (db) =>
      toParkedUploads(
        await parkedRows(db)
          .where('bucket', '=', bucket)
          .where('parent_prefix', '=', parentPrefix(prefix))
          .execute(),
      ),
    );
  }

  /** Returns which of the uploads are still parked. Throws the database's faults. */
  async stillParked(ids: readonly IntentId[]): Promise<ReadonlySet<IntentId>> {
    const rows = await this.#db.read((db) =>
      db.selectFrom('parked_upload').select('row_id').where('row_id', 'in', ids).execute(),
    );
    return new Set(rows.map(({ row_id }) => row_id as IntentId));
  }
}

function idsOf(rows: readonly { readonly id: string }[]): readonly string[] {
  return rows.map(({ id }) => id);
}
