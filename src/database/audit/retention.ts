import type { GatewayDatabase } from '../database.js';

/** Max rows that one transaction removes, because it holds the database. */
const rowsPerStep = 1000;

/**
 * Removes the oldest rows of the trail up to the first one that is not older than `beforeMs`. The hash of the
 * last removed row is kept as the anchor of the chain, so that the rest can still be verified. Rows that a
 * receiver has not got yet, or a webhook has not considered, stay. Returns the number of removed rows.
 */
export async function pruneAudit(db: GatewayDatabase, beforeMs: number): Promise<number> {
  let removed = 0;
  for (;;) {
    const step = await db.write(async (trx) => {
      const rows = await trx
        .selectFrom('audit_event')
        .select(['seq', 'hash', 'time_ms'])
        .orderBy('seq')
        .limit(rowsPerStep)
        .execute();
      const receiver = await trx
        .selectFrom('audit_receiver')
        .select((select) => select.fn.min('sent_seq').as('sent'))
        .executeTakeFirst();
      const webhook = await trx
        .selectFrom('webhook')
        .select((select) => select.fn.min('cursor_seq').as('sent'))
        .executeTakeFirst();
      const sent = Math.min(
        receiver?.sent ?? Number.MAX_SAFE_INTEGER,
        webhook?.sent ?? Number.MAX_SAFE_INTEGER,
      );
      const kept = rows.findIndex(({ seq, time_ms: timeMs }) => timeMs >= beforeMs || seq > sent);
      const last = rows[(kept === -1 ? rows.length : kept) - 1];
      if (last === undefined) return 0;
      await trx.deleteFrom('audit_event').where('seq', '<=', last.seq).execute();
      await trx.updateTable('audit_chain').set({ anchor_seq: last.seq, anchor_hash: last.hash }).execute();
      return kept === -1 ? rows.length : kept;
    });
    removed += step;
    if (step < rowsPerStep) return removed;
  }
}
