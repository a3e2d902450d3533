import type { GatewayDatabase } from './database.js';

/** Totals of the tables, for metrics. */
export interface DatabaseTotals {
  /** Rows of the ledger that are `intended` and not parked. */
  readonly openWrites: number;
  readonly auditRows: number;
}

/** Reads the totals with indexes only, so that its cost does not grow with the tables. Faults of the database. */
export async function readTotals(database: GatewayDatabase): Promise<DatabaseTotals> {
  return database.read(async (db) => {
    const open = await db
      .selectFrom('sealed_object')
      .leftJoin('parked_upload', 'parked_upload.row_id', 'sealed_object.id')
      .where('sealed_object.state', '=', 'intended')
      .where('parked_upload.row_id', 'is', null)
      .select(({ fn }) => fn.countAll<number>().as('count'))
      .executeTakeFirstOrThrow();
    // The chain has no gaps, so the number of its rows follows from its ends.
    const chain = await db.selectFrom('audit_chain').select(['last_seq', 'anchor_seq']).executeTakeFirst();
    return {
      openWrites: Number(open.count),
      auditRows: chain === undefined ? 0 : chain.last_seq - chain.anchor_seq,
    };
  });
}
