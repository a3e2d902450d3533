import type { Kysely } from 'kysely';
import type { Clock } from '../../model/call.js';
import { Fault } from '../../model/fault.js';
import type { IntentId } from '../../model/ledger.js';
import type { PartReceipt } from '../../model/object-store.js';
import type { ParkedParts, ParkedUpload, ParkedUploads } from '../../model/parked-uploads.js';
import { ownerColumns } from '../cluster/nodes.js';
import type { GatewayDatabase } from '../database.js';
import type { ParkedUploadTable, SealedObjectRow } from '../schema/ledger.js';
import type { Schema } from '../schema.js';
import { toLedgerRow } from './rows.js';

/** Stores parked uploads in the gateway's database, next to the ledger's rows. */
export function createParkedUploads(db: GatewayDatabase, clock: Clock): ParkedUploads {
  return new DatabaseParkedUploads(db, clock);
}

class DatabaseParkedUploads implements ParkedUploads {
  readonly #db: GatewayDatabase;
  readonly #clock: Clock;

  constructor(db: GatewayDatabase, clock: Clock) {
    this.#db = db;
    this.#clock = clock;
  }

  async park({
    id,
    parts,
    mtimeSeconds,
    shownKey = null,
    isComplete = false,
  }: ParkedParts): Promise<ParkedUpload> {
    const recorded = {
      parts: JSON.stringify(parts),
      mtime_seconds: mtimeSeconds,
      parked_ms: this.#clock.nowMs(),
      shown_key: shownKey,
      is_complete: isComplete ? 1 : 0,
    };
    return await this.#db.write(async (trx) => {
      const row = await trx.selectFrom('sealed_object').selectAll().where('id', '=', id).executeTakeFirst();
      if (row?.state !== 'intended' || row.upload_id === null)
        throw new Fault('bug', `the row ${id} has no multipart upload to park`);
      await trx
        .insertInto('parked_upload')
        .values({ row_id: id, ...recorded })
        .execute();
      return toParkedUpload(row, recorded);
    });
  }

  async unpark(id: IntentId): Promise<boolean> {
    return await this.#db.write(async (trx) => {
      const { numDeletedRows } = await trx
        .deleteFrom('parked_upload')
        .where('row_id', '=', id)
        .executeTakeFirst();
      const isOwn = numDeletedRows > 0n;
      const { owner } = this.#db;
      // Another node may have parked it. If this one ends, the others must settle its row.
      if (isOwn && owner !== null) {
        await trx.updateTable('sealed_object').set(ownerColumns(owner)).where('id', '=', id).execute();
      }
      return isOwn;
    });
  }

  async setMtime(id: IntentId, mtimeSeconds: number): Promise<boolean> {
    return await this.#db.write(async (trx) => {
      const { numUpdatedRows } = await trx
        .updateTable('parked_upload')
        .set({ mtime_seconds: mtimeSeconds })
        .where('row_id', '=', id)
        .executeTakeFirst();
      return numUpdatedRows > 0n;
    });
  }

  async parked(): Promise<readonly ParkedUpload[]> {
    return await this.#db.read(async (db) => toParkedUploads(await parkedRows(db).execute()));
  }

  async ownParked(): Promise<readonly ParkedUpload[]> {
    const { owner } = this.#db;
    if (owner === null) return await this.parked();
    return await this.#db.read(async (db) => {
      const own = parkedRows(db)
        .where('sealed_object.node', '=', owner.node)
        .where('sealed_object.node_epoch', '=', owner.epoch);
      return toParkedUploads(await own.execute());
    });
  }
}

/** Selects the parked uploads with the rows of their objects, the oldest first. */
export function parkedRows(db: Kysely<Schema>) {
  return db
    .selectFrom('parked_upload')
    .innerJoin('sealed_object', 'sealed_object.id', 'parked_upload.row_id')
    .selectAll('sealed_object')
    .select(['parts', 'parked_upload.mtime_seconds as parked_mtime', 'parked_ms'])
    .select(['shown_key', 'is_complete'])
    .where('state', '=', 'intended')
    .orderBy('parked_ms');
}

type ParkedRow = Awaited<ReturnType<ReturnType<typeof parkedRows>['execute']>>[number];

/** Converts rows of `parkedRows`. */
export function toParkedUploads(rows: readonly ParkedRow[]): readonly ParkedUpload[] {
  return rows.map(({ parts, parked_mtime, parked_ms, shown_key, is_complete, ...row }) =>
    toParkedUpload(row, { parts, mtime_seconds: parked_mtime, parked_ms, shown_key, is_complete }),
  );
}

function toParkedUpload(
  row: SealedObjectRow,
  { parts, mtime_seconds, parked_ms, shown_key, is_complete }: Omit<ParkedUploadTable, 'row_id'>,
): ParkedUpload {
  const { id, ref, sealedWith, actor, uploadId } = toLedgerRow(row);
  return {
    id,
    ref,
    sealedWith,
    actor,
    uploadId: uploadId ?? '',
    parts: JSON.parse(parts) as PartReceipt[],
    mtimeSeconds: mtime_seconds,
    parkedMs: parked_ms,
    shownKey: shown_key,
    isComplete: is_complete === 1,
  };
}
