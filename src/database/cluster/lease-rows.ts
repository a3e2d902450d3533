import { type Kysely, type RawBuilder, type SqlBool, sql } from 'kysely';
import type { GatewayDatabase, RowOwner } from '../database.js';
import type { Schema } from '../schema.js';
import { databaseNow, deadMs } from './clock.js';
import { declareDead, isOrphaned } from './nodes.js';

/** How long a lease lasts after its last renewal, in milliseconds. */
export const leaseMs = 10_000;

/** The leases in the database. All methods throw the database's faults. */
export class LeaseRows {
  readonly #db: GatewayDatabase;
  readonly #owner: RowOwner;

  constructor(db: GatewayDatabase, owner: RowOwner) {
    this.#db = db;
    this.#owner = owner;
  }

  /** Takes the lease if no live process holds it. Returns its epoch, or null if it is held. */
  async claim(name: string): Promise<number | null> {
    const isHeld = await this.#db.read(async (db) => {
      const row = await db
        .selectFrom('lease')
        .select('name')
        .where('name', '=', name)
        .where('expires_ms', '>', databaseNow(db))
        .where(({ not }) => not(isOrphaned('lease')))
        .executeTakeFirst();
      return row !== undefined;
    });
    if (isHeld) return null;
    return await this.#db.write(async (trx) => {
      // The last holder may be paused. It must not write any more when this one begins, so it must be declared dead.
      await declareDead(trx, this.#owner);
      const now = databaseNow(trx);
      const holder = {
        node: this.#owner.node,
        node_epoch: this.#owner.epoch,
        expires_ms: sql<number>`${now} + ${sql.lit(leaseMs)}`,
      };
      const row = await trx
        .insertInto('lease')
        .values({ name, epoch: 1, ...holder })
        .onConflict((conflict) =>
          conflict
            .column('name')
            .doUpdateSet({ ...holder, epoch: sql<number>`lease.epoch + 1` })
            .where((eb) =>
              eb.or([
                isOrphaned('lease'),
                eb.and([eb('lease.expires_ms', '<=', now), eb.not(isHolderSilent(trx))]),
              ]),
            ),
        )
        .returning('epoch')
        .executeTakeFirst();
      return row?.epoch ?? null;
    });
  }

  /** Extends the lease. Returns false if another process has it. */
  async renew(name: string, epoch: number): Promise<boolean> {
    return await this.#db.write(async (trx) => {
      const { numUpdatedRows } = await trx
        .updateTable('lease')
        .set({ expires_ms: sql<number>`${databaseNow(trx)} + ${sql.lit(leaseMs)}` })
        .where('name', '=', name)
        .where('epoch', '=', epoch)
        .executeTakeFirst();
      return numUpdatedRows > 0n;
    });
  }

  /** Gives the lease back, so that another process need not wait. */
  async release(name: string, epoch: number): Promise<void> {
    await this.#db.write((trx) =>
      trx
        .updateTable('lease')
        .set({ expires_ms: 0 })
        .where('name', '=', name)
        .where('epoch', '=', epoch)
        .execute(),
    );
  }
}

/** Whether the holder was not seen for so long that it is about to be declared dead. */
function isHolderSilent(db: Kysely<Schema>): RawBuilder<SqlBool> {
  return sql<SqlBool>`exists (
    select 1 from database_writer
    where database_writer.id = lease.node
      and database_writer.epoch = lease.node_epoch
      and database_writer.seen_ms < ${databaseNow(db)} - ${sql.lit(deadMs)})`;
}
