import type { Kysely } from 'kysely';
import type { LedgerRow } from '../../model/ledger.js';
import type { ParkedUpload } from '../../model/parked-uploads.js';
import { declareDead, isAnyUnseen, isOrphaned } from '../cluster/nodes.js';
import type { GatewayDatabase, RowOwner } from '../database.js';
import type { SealedObjectRow } from '../schema/ledger.js';
import type { Schema } from '../schema.js';
import { parkedRows, toParkedUploads } from './parked.js';
import { isIntended } from './queries.js';
import { toLedgerRow } from './rows.js';

/** Max rows of one claim. The rows behind them are left for the next one, also of another node. */
const rowsPerClaim = 500;

/** Unfinished writes that now belong to this node. */
export interface ClaimedRows {
  /** Writes to settle, oldest first. */
  readonly pending: readonly LedgerRow[];
  /** Uploads whose clients may resume them here. */
  readonly parked: readonly ParkedUpload[];
}

const nothing: ClaimedRows = { pending: [], parked: [] };

/** The unfinished writes of nodes and commands that have ended. A row has one owner at a time. */
export class LedgerOrphans {
  readonly #db: GatewayDatabase;
  readonly #owner: RowOwner;

  /** `owner` is the node that claims: normally that of the database. */
  constructor(db: GatewayDatabase, owner: RowOwner) {
    this.#db = db;
    this.#owner = owner;
  }

  /**
   * Declares silent nodes dead, makes rows of dead ones this node's, and returns them: 500 at most. No other node
   * gets the same rows, and their earlier owner can no longer write. Throws the database's faults.
   */
  async claim(): Promise<ClaimedRows> {
    const isAny = await this.#db.read(
      async (db) => (await isAnyUnseen(db)) || (await orphans(db).limit(1).executeTakeFirst()) !== undefined,
    );
    if (!isAny) return nothing;
    return await this.#db.write(async (trx) => {
      await declareDead(trx, this.#owner);
      const rows = await orphans(trx).limit(rowsPerClaim).execute();
      if (rows.length === 0) return nothing;
      const ids = rows.map(({ id }) => id);
      await trx
        .updateTable('sealed_object')
        .set({ node: this.#owner.node, node_epoch: this.#owner.epoch })
        .where('id', 'in', ids)
        .execute();
      const parked = toParkedUploads(await parkedRows(trx).where('row_id', 'in', ids).execute());
      const isParked = new Set<string>(parked.map(({ id }) => id));
      return { pending: rows.filter(({ id }) => !isParked.has(id)).map(toLedgerRow), parked };
    });
  }

  /** Returns those of the rows that are still unfinished and this node's. Throws the database's faults. */
  async stillPending(rows: readonly LedgerRow[]): Promise<readonly LedgerRow[]> {
    if (rows.length === 0) return [];
    const found = await this.#db.read((db) =>
      db
        .selectFrom('sealed_object')
        .selectAll()
        .where(isIntended)
        .where('node', '=', this.#owner.node)
        .where('node_epoch', '=', this.#owner.epoch)
        .where(
          'id',
          'in',
          rows.map(({ id }) => id),
        )
        .orderBy('intended_ms')
        .orderBy('seq')
        .execute(),
    );
    return found.map((row: SealedObjectRow) => toLedgerRow(row));
  }
}

/** Selects the unfinished rows whose owner has ended, oldest first. */
export function orphans(db: Kysely<Schema>) {
  return db
    .selectFrom('sealed_object')
    .selectAll()
    .where(isIntended)
    .where(isOrphaned('sealed_object'))
    .orderBy('intended_ms')
    .orderBy('seq');
}
