import type { GatewayDatabase } from '../database.js';

/** Returns the last event that a receiver has got; null for a new receiver. */
export async function sentTo(db: GatewayDatabase, name: string): Promise<number | null> {
  const row = await db.read((each) =>
    each.selectFrom('audit_receiver').select('sent_seq').where('name', '=', name).executeTakeFirst(),
  );
  return row?.sent_seq ?? null;
}

/** Records the last event that a receiver has got. */
export async function recordSent(db: GatewayDatabase, name: string, seq: number): Promise<void> {
  await db.write((trx) =>
    trx
      .insertInto('audit_receiver')
      .values({ name, sent_seq: seq })
      .onConflict((conflict) => conflict.column('name').doUpdateSet({ sent_seq: seq }))
      .execute(),
  );
}

/** Forgets the receivers that are not configured any more, so that they do not hold back the pruning. */
export async function keepReceivers(db: GatewayDatabase, names: readonly string[]): Promise<void> {
  await db.write(async (trx) => {
    let forgotten = trx.deleteFrom('audit_receiver');
    if (names.length > 0) forgotten = forgotten.where('name', 'not in', names);
    await forgotten.execute();
  });
}
