import type { Selectable } from 'kysely';
import type { RecoveryRecords, ShareRecord } from '../model/api/recovery-records.js';
import type { GatewayDatabase } from './database.js';
import type { RecoveryShareTable } from './schema/recovery.js';

/** Recipients whose last drill is kept; the oldest are removed first. */
const maxDrills = 100;

/** Stores the records in the gateway's database. Throws the database's faults. */
export function createRecoveryRecords(db: GatewayDatabase): RecoveryRecords {
  return {
    async drills() {
      const rows = await db.read((reader) =>
        reader.selectFrom('recovery_drill').selectAll().orderBy('proven_ms', 'desc').execute(),
      );
      return rows.map(({ recipient, proven_ms: provenMs, person }) => ({ recipient, provenMs, person }));
    },
    async proven({ recipient, provenMs, person }) {
      await db.write(async (trx) => {
        await trx
          .insertInto('recovery_drill')
          .values({ recipient, proven_ms: provenMs, person })
          .onConflict((conflict) => conflict.column('recipient').doUpdateSet({ proven_ms: provenMs, person }))
          .execute();
        const oldest = await trx
          .selectFrom('recovery_drill')
          .select('proven_ms')
          .orderBy('proven_ms', 'desc')
          .offset(maxDrills)
          .limit(1)
          .executeTakeFirst();
        if (oldest === undefined) return;
        await trx.deleteFrom('recovery_drill').where('proven_ms', '<=', oldest.proven_ms).execute();
      });
    },
    async shares() {
      const rows = await db.read((reader) =>
        reader.selectFrom('recovery_share').selectAll().orderBy('set_id').orderBy('number').execute(),
      );
      return rows.map(toShare);
    },
    async registerShares({ set, threshold, holders }) {
      await db.write(async (trx) => {
        const before = await trx.selectFrom('recovery_share').selectAll().where('set_id', '=', set).execute();
        await trx.deleteFrom('recovery_share').execute();
        const rows = holders.map((holder, index) => {
          const kept = before.find((row) => row.number === index + 1 && row.holder === holder);
          return {
            set_id: set,
            number: index + 1,
            threshold,
            holder,
            confirmed_ms: kept?.confirmed_ms ?? null,
            confirmed_by: kept?.confirmed_by ?? null,
          };
        });
        await trx.insertInto('recovery_share').values(rows).execute();
      });
    },
    async confirmShare(set, number, nowMs, person) {
      const row = await db.write((trx) =>
        trx
          .updateTable('recovery_share')
          .set({ confirmed_ms: nowMs, confirmed_by: person })
          .where('set_id', '=', set)
          .where('number', '=', number)
          .returningAll()
          .executeTakeFirst(),
      );
      return row === undefined ? null : toShare(row);
    },
  };
}

function toShare(row: Selectable<RecoveryShareTable>): ShareRecord {
  return {
    set: row.set_id,
    number: row.number,
    threshold: row.threshold,
    holder: row.holder,
    confirmedMs: row.confirmed_ms,
    confirmedBy: row.confirmed_by,
  };
}
