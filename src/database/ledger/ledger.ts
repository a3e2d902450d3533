import { type Kysely, sql } from 'kysely';
import type { Clock, Entropy } from '../../model/call.js';
import { Fault } from '../../model/fault.js';
import type {
  Confirmation,
  Intent,
  IntentId,
  KeyLedger,
  KeyRange,
  LedgerDirectory,
  LedgerRow,
  PendingRemoval,
  Removal,
  RemovalId,
  RowState,
} from '../../model/ledger.js';
import { isSameEtag, type ObjectRef } from '../../model/object-store.js';
import type { GatewayDatabase } from '../database.js';
import type { Schema } from '../schema.js';
import { together } from '../together.js';
import { refuseBarred } from './key-usage.js';
import {
  currentRow,
  currentRowsBelow,
  intendedBefore,
  intendedRows,
  isCurrent,
  overlappingRows,
} from './queries.js';
import { insertRemoval, selectRemovals, settleRemoval } from './removals.js';
import { markReplaced } from './replaced-versions.js';
import {
  checkConfirmation,
  checkRef,
  checksumColumns,
  isNullVersion,
  newRow,
  parentPrefix,
  toConfirmation,
  toLedgerRow,
} from './rows.js';

/** Creates the ledger on the gateway's database. Simultaneous writes share one commit. */
export function createKeyLedger(
  db: GatewayDatabase,
  clock: Clock,
  entropy: Entropy,
): KeyLedger & LedgerDirectory {
  return new DatabaseLedger(db, clock, entropy);
}

class DatabaseLedger implements KeyLedger, LedgerDirectory {
  readonly #db: GatewayDatabase;
  readonly #clock: Clock;
  readonly #entropy: Entropy;

  constructor(db: GatewayDatabase, clock: Clock, entropy: Entropy) {
    this.#db = db;
    this.#clock = clock;
    this.#entropy = entropy;
  }

  async intend(intent: Intent): Promise<IntentId> {
    checkRef(intent.ref);
    const id = this.#entropy.id() as IntentId;
    const row = newRow(id, intent, this.#clock.nowMs(), this.#db.owner);
    await this.#db.write(async (trx) => {
      const { sealedWith } = intent;
      await together(
        sealedWith.kind === 'sse-c' ? refuseBarred(trx, sealedWith.fingerprint) : null,
        trx.insertInto('sealed_object').values(row).execute(),
      );
    });
    return id;
  }

  async attachUpload(id: IntentId, uploadId: string): Promise<void> {
    await this.#db.write(async (trx) => {
      await refFor(trx, id, 'attachUpload');
      await trx.updateTable('sealed_object').set({ upload_id: uploadId }).where('id', '=', id).execute();
    });
  }

  async confirm(id: IntentId, confirmation: Confirmation): Promise<void> {
    checkConfirmation(confirmation);
    const settledMs = this.#clock.nowMs();
    await this.#db.write(async (trx) => {
      const { seq, ...ref } = await refFor(trx, id, 'confirm');
      const isReplacing = isNullVersion(confirmation.versionId);
      await together(
        unsetCurrent(trx, ref),
        isReplacing ? markReplaced(trx, ref, seq, settledMs) : null,
        trx
          .updateTable('sealed_object')
          .set({
            state: 'confirmed',
            is_current: 1,
            size: confirmation.size,
            ...checksumColumns(confirmation.checksum),
            etag: confirmation.etag,
            version_id: confirmation.versionId,
            mtime_seconds: confirmation.mtimeSeconds,
            settled_ms: settledMs,
            settled_seq: sql<number>`(select max(seq) from sealed_object)`,
          })
          .where('seq', '=', seq)
          .execute(),
      );
    });
  }

  async abandon(id: IntentId): Promise<void> {
    const settledMs = this.#clock.nowMs();
    await this.#db.write(async (trx) => {
      if ((await stateOf(trx, id)) === 'abandoned') return;
      await refFor(trx, id, 'abandon');
      await trx
        .updateTable('sealed_object')
        .set({ state: 'abandoned', settled_ms: settledMs })
        .where('id', '=', id)
        .execute();
    });
  }

  async beginRemoval(removal: Removal): Promise<RemovalId> {
    checkRef(removal.ref);
    const id = this.#entropy.id() as RemovalId;
    await this.#db.write((trx) => insertRemoval(trx, id, removal, this.#clock.nowMs()));
    return id;
  }

  async endRemoval(id: RemovalId, isGone: boolean): Promise<void> {
    const removedMs = this.#clock.nowMs();
    await this.#db.write((trx) => settleRemoval(trx, id, isGone ? removedMs : null));
  }

  async pendingRemovals(olderThanMs: number): Promise<readonly PendingRemoval[]> {
    return await this.#db.read((db) => selectRemovals(db, olderThanMs));
  }

  async candidates(ref: ObjectRef): Promise<readonly LedgerRow[]> {
    return await this.#db.read(async (db) => {
      // Intended rows are read first: a row confirmed between the queries is then seen twice rather than
      // never.
      const intended = await intendedRows(db, ref).execute();
      const current = await currentRow(db, ref).executeTakeFirst();
      const confirmed =
        current === undefined ? [] : [current, ...(await overlappingRows(db, ref, current.seq).execute())];
      const settled = new Set(confirmed.map((row) => row.seq));
      return [...confirmed, ...intended.filter((row) => !settled.has(row.seq))].map(toLedgerRow);
    });
  }

  async pending(olderThanMs: number): Promise<readonly LedgerRow[]> {
    return await this.#db.read(async (db) =>
      (await intendedBefore(db, olderThanMs).execute()).map(toLedgerRow),
    );
  }

  async recordMtime(ref: ObjectRef, etag: string, mtimeSeconds: number): Promise<boolean> {
    checkRef(ref);
    if (!Number.isSafeInteger(mtimeSeconds))
      throw new Fault('invalid', 'a file time must be in whole seconds');
    return await this.#db.write(async (trx) => {
      const current = await currentRow(trx, ref).executeTakeFirst();
      if (current === undefined) return false;
      const rows = [current, ...(await overlappingRows(trx, ref, current.seq).execute())];
      const row = rows.find((each) => isSameEtag(each.etag ?? undefined, etag));
      if (row === undefined) return false;
      await trx
        .updateTable('sealed_object')
        .set({ mtime_seconds: mtimeSeconds })
        .where('seq', '=', row.seq)
        .execute();
      return true;
    });
  }

  async confirmedBelow(
    bucket: string,
    prefix: string,
    within?: KeyRange,
  ): Promise<ReadonlyMap<string, Confirmation>> {
    const rows = await this.#db.read((db) => currentRowsBelow(db, bucket, prefix, within).execute());
    const confirmations = new Map<string, Confirmation>();
    for (const row of rows) {
      const confirmation = toConfirmation(row);
      if (confirmation !== null) confirmations.set(row.object_key, confirmation);
    }
    return confirmations;
  }
}

async function stateOf(db: Kysely<Schema>, id: IntentId): Promise<RowState | null> {
  const row = await db.selectFrom('sealed_object').select('state').where('id', '=', id).executeTakeFirst();
  return row?.state ?? null;
}

/** Returns the object of an intended row. Throws `bug` if the row does not exist or is settled. */
async function refFor(
  db: Kysely<Schema>,
  id: IntentId,
  action: string,
): Promise<ObjectRef & { readonly seq: number }> {
  const row = await db
    .selectFrom('sealed_object')
    .select(['seq', 'bucket', 'object_key', 'state'])
    .where('id', '=', id)
    .executeTakeFirst();
  if (row?.state === 'intended') return { bucket: row.bucket, key: row.object_key, seq: row.seq };
  throw new Fault('bug', `ledger ${action}: the row ${id} is ${row?.state ?? 'missing'}, not intended`);
}

async function unsetCurrent(db: Kysely<Schema>, { bucket, key }: ObjectRef): Promise<void> {
  await db
    .updateTable('sealed_object')
    .set({ is_current: 0 })
    .where('bucket', '=', bucket)
    .where('parent_prefix', '=', parentPrefix(key))
    .where('object_key', '=', key)
    .where(isCurrent)
    .execute();
}
