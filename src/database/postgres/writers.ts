import { type Kysely, sql } from 'kysely';
import { Fault } from '../../model/fault.js';
import type { Schema } from '../schema.js';

/** The lock of the one transaction that writes, in all processes: the letters `sftpgw` and a number. */
export const writeLock = 0x7366_7470_0002;

/** How often a gateway shows the database that it runs, in milliseconds. */
export const heartbeatMs = 2_000;
/** A gateway that has not shown itself for this long is dead, in milliseconds. */
export const deadMs = 10_000;
/** How often a start checks whether the other gateway still shows itself, in milliseconds. */
export const leasePollMs = 500;
/** A command that ended without removing its row is forgotten after this time, in milliseconds. */
const forgottenMs = 30 * 24 * 60 * 60 * 1000;

/** A process that writes to the database. */
export interface WriterIdentity {
  readonly kind: 'gateway' | 'command';
  /** 16 hexadecimal digits. A gateway keeps its id. */
  readonly id: string;
  /** The name of the machine. */
  readonly host: string;
}

/** Another gateway, as its row was read. */
export interface OtherGateway {
  readonly id: string;
  readonly host: string;
  readonly seenMs: number;
  /** Time since it showed itself, by the clock of the database, in milliseconds. */
  readonly agoMs: number;
}

/** The clock of the database, in milliseconds. Only this one counts. */
const databaseNow = sql<number>`(extract(epoch from clock_timestamp()) * 1000)::bigint`;

/**
 * Takes the database for a gateway, in a transaction that holds the write lock. Returns its epoch, or the gateway
 * that has the database and is not dead. Afterwards no other gateway can write. The same gateway on the same
 * machine takes the database from its predecessor at once, because the lock of its root shows that it has ended.
 */
export async function takeLease(
  trx: Kysely<Schema>,
  { id, host }: WriterIdentity,
): Promise<number | OtherGateway> {
  const { rows } = await sql<{ now: number }>`select ${databaseNow} as now`.execute(trx);
  const nowMs = rows[0]?.now ?? 0;
  const gateways = await trx
    .selectFrom('database_writer')
    .selectAll()
    .where('kind', '=', 'gateway')
    .execute();
  const other = gateways.find(
    (row) => nowMs - row.seen_ms < deadMs && !(row.id === id && row.host === host) && row.seen_ms > 0,
  );
  if (other !== undefined) {
    return { id: other.id, host: other.host, seenMs: other.seen_ms, agoMs: nowMs - other.seen_ms };
  }
  const epoch = Math.max(0, ...gateways.map((row) => row.epoch)) + 1;
  // A gateway that was paused for too long finds its epoch gone.
  await trx
    .updateTable('database_writer')
    .set({ epoch, seen_ms: 0 })
    .where('kind', '=', 'gateway')
    .where('id', '<>', id)
    .execute();
  await trx
    .deleteFrom('database_writer')
    .where('kind', '=', 'command')
    .where('seen_ms', '<', nowMs - forgottenMs)
    .execute();
  const row = { kind: 'gateway', host, epoch, last_commit: null, started_ms: nowMs, seen_ms: nowMs } as const;
  await trx
    .insertInto('database_writer')
    .values({ id, ...row })
    .onConflict((conflict) => conflict.column('id').doUpdateSet(row))
    .execute();
  return epoch;
}

/** Adds the row of a command. */
export async function addCommand(db: Kysely<Schema>, { id, host }: WriterIdentity): Promise<void> {
  await db
    .insertInto('database_writer')
    .values({
      id,
      kind: 'command',
      host,
      epoch: 0,
      last_commit: null,
      started_ms: databaseNow,
      seen_ms: databaseNow,
    })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}

/** Shows that the gateway runs. Returns false if another one has taken over the database. */
export async function showAlive(db: Kysely<Schema>, { id }: WriterIdentity, epoch: number): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('database_writer')
    .set({ seen_ms: databaseNow })
    .where('id', '=', id)
    .where('epoch', '=', epoch)
    .executeTakeFirst();
  return numUpdatedRows > 0n;
}

/** Gives the database back: the next gateway need not wait. */
export async function leave(db: Kysely<Schema>, { kind, id }: WriterIdentity, epoch: number): Promise<void> {
  if (kind === 'command') await db.deleteFrom('database_writer').where('id', '=', id).execute();
  else {
    await db
      .updateTable('database_writer')
      .set({ seen_ms: 0 })
      .where('id', '=', id)
      .where('epoch', '=', epoch)
      .execute();
  }
}

/**
 * Returns the statements that begin a transaction. The last one marks it with `token`, and changes no row if
 * another gateway has taken over the database.
 */
export function beginStatements(id: string, epoch: number, token: string): string {
  if (!/^[0-9a-f]{16}$/.test(id)) throw new Fault('bug', 'the id of a writer is not 16 hexadecimal digits');
  return (
    `begin; select pg_advisory_xact_lock(${writeLock}); ` +
    `update database_writer set last_commit = '${token}' where id = '${id}' and epoch = ${epoch}`
  );
}

/** The fault of a gateway whose database another one has taken over. */
export function takenOver(name: string): Fault {
  return new Fault(
    'conflict',
    `another gateway has taken over the ${name}, because this one did not reach it for ${deadMs / 1000} s: this one stops`,
  );
}

/** The fault of a gateway that cannot start. */
export function leaseHeld(name: string, { id, host, agoMs }: OtherGateway): Fault {
  return new Fault(
    'conflict',
    `the gateway ${id} on ${host} uses the ${name} (seen ${Math.round(agoMs / 1000)} s ago): stop it first`,
  );
}
