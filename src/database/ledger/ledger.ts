import type { Kysely, Transaction } from 'kysely';
import type { Clock, Entropy } from '../../model/call.js';
import { Fault } from '../../model/fault.js';
import type {
  BegunWrite,
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
import type { SealedObjectRow } from '../schema/ledger.js';
import type { Schema } from '../schema.js';
import { together } from '../together.js';
import { barredFault } from './key-usage.js';
import { type CurrentColumns, currentRowsBelow, intendedBefore } from './queries.js';
import { insertRemoval, selectRemovals, settleRemoval } from './removals.js';
import { markReplaced } from './replaced-versions.js';
import {
  checkConfirmation,
  checkRef,
  confirmedColumns,
  isNullVersion,
  newRow,
  parentPrefix,
  toConfirmation,
  toLedgerRow,
} from './rows.js';
import {
  confirmRow,
  insertRow,
  selectCurrent,
  selectIntended,
  selectKnown,
  selectOverlapping,
  selectRow,
  unsetCurrent,
} from './statements.js';

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
    return (await this.begin(intent)).id;
  }

  async begin(intent: Intent): Promise<BegunWrite> {
    const { ref, sealedWith } = intent;
    checkRef(ref);
    const id = this.#entropy.id() as IntentId;
    const row = newRow(id, intent, this.#clock.nowMs(), this.#db.owner);
    const keyId = sealedWith.kind === 'sse-c' ? sealedWith.fingerprint : null;
    const isFirst = await this.#db.write(async (trx) => {
      const known = selectKnown.run(trx, { ...ref, keyId });
      await together(known, insertRow.run(trx, row));
      const [found] = await known;
      if (keyId !== null && found?.is_barred === 1) throw barredFault(keyId);
      return found?.is_known === 0;
    });
    return { id, isFirst };
  }

  async attachUpload(id: IntentId, uploadId: string): Promise<void> {
    await this.#db.write(async (trx) => {
      await refFor(trx, id, 'attachUpload');
      await trx.updateTable('sealed_object').set({ upload_id: uploadId }).where('id', '=', id).execute();
    });
  }

  async confirm(id: IntentId, confirmation: Confirmation): Promise<void> {
    await this.#db.write(this.#confirming(id, confirmation));
  }

  async confirmSoon(id: IntentId, confirmation: Confirmation): Promise<{ readonly saved: Promise<void> }> {
    return await this.#db.writeSoon(this.#confirming(id, confirmation));
  }

  #confirming(id: IntentId, confirmation: Confirmation): (trx: Transaction<Schema>) => Promise<void> {
    checkConfirmation(confirmation);
    const settledMs = this.#clock.nowMs();
    return async (trx) => {
      const { seq, isConfirmed: isAgain, ...ref } = await refFor(trx, id, 'confirm');
      const isReplacing = isAgain && isNullVersion(confirmation.versionId);
      await together(
        isAgain ? unsetCurrent.run(trx, { ...ref, parent: parentPrefix(ref.key) }) : null,
        isReplacing ? markReplaced(trx, ref, seq, settledMs) : null,
        confirmRow.run(trx, confirmedColumns(seq, confirmation, settledMs)),
      );
    };
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
      const intended = await selectIntended.run(db, ref);
      intended.sort((one, other) => other.seq - one.seq);
      const confirmed = await confirmedRows(db, ref);
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
      const rows = await confirmedRows(trx, ref);
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
    const rows = await this.#db.read((db) => rowsBelow(db, bucket, prefix, within));
    const confirmations = new Map<string, Confirmation>();
    for (const row of rows) {
      const confirmation = toConfirmation(row);
      if (confirmation !== null) confirmations.set(row.object_key, confirmation);
    }
    return confirmations;
  }
}

/** Returns the row that was confirmed last, then the rows of overlapping writes, the latest confirmation first. */
async function confirmedRows(db: Kysely<Schema>, ref: ObjectRef): Promise<readonly SealedObjectRow[]> {
  const [current] = await selectCurrent.run(db, { ...ref, parent: parentPrefix(ref.key) });
  if (current === undefined) return [];
  const overlapping = await selectOverlapping.run(db, { ...ref, seq: current.seq });
  overlapping.sort((one, other) => (other.settled_seq ?? 0) - (one.settled_seq ?? 0) || other.seq - one.seq);
  return [current, ...overlapping];
}

/** Returns the current rows below a prefix. The range often is a single key. */
async function rowsBelow(
  db: Kysely<Schema>,
  bucket: string,
  prefix: string,
  within: KeyRange | undefined,
): Promise<readonly CurrentColumns[]> {
  const key = within?.first;
  if (key === undefined || key !== within?.last || parentPrefix(key) !== prefix)
    return await currentRowsBelow(db, bucket, prefix, within).execute();
  return await selectCurrent.run(db, { bucket, parent: prefix, key });
}

async function stateOf(db: Kysely<Schema>, id: IntentId): Promise<RowState | null> {
  const row = await db.selectFrom('sealed_object').select('state').where('id', '=', id).executeTakeFirst();
  return row?.state ?? null;
}

/**
 * Returns the object of an intended row, and whether a write of it is confirmed. Throws `bug` if the row does not exist
 * or is settled.
 */
async function refFor(
  db: Kysely<Schema>,
  id: IntentId,
  action: string,
): Promise<ObjectRef & { readonly seq: number; readonly isConfirmed: boolean }> {
  const [row] = await selectRow.run(db, { id });
  if (row?.state === 'intended') {
    return { bucket: row.bucket, key: row.object_key, seq: row.seq, isConfirmed: row.is_confirmed === 1 };
  }
  throw new Fault('bug', `ledger ${action}: the row ${id} is ${row?.state ?? 'missing'}, not intended`);
}
