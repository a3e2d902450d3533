import { type Kysely, sql } from 'kysely';
import { Fault } from '../../model/fault.js';
import type { Schema } from '../schema.js';
import { databaseNow, deadMs, gapMs, readDatabaseNow } from './clock.js';

/** The lock of the one transaction that writes, in all processes: the letters `sftpgw` and a number. */
export const writeLock = 0x7366_7470_0002;

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
  /** True if it shares the database with other gateways (`cluster=yes`). */
  readonly isClustered?: boolean;
  /** The id of the root, if only other processes of this root share the database (`workers`). */
  readonly root?: string | null;
  /** The version of the program. */
  readonly version?: string;
}

/** Another gateway, as its row was read. */
export interface OtherGateway {
  readonly id: string;
  readonly host: string;
  readonly seenMs: number;
  /** Time since it showed itself, by the clock of the database, in milliseconds. */
  readonly agoMs: number;
  readonly isClustered: boolean;
}

/**
 * Registers a gateway, in a transaction that holds the write lock. Returns its epoch, or the live gateway that it
 * cannot share the database with. Gateways share it if both have `cluster=yes`, and processes of the same root share it. The same gateway on the same machine
 * follows its predecessor at once, because the lock of its root shows that it has ended.
 */
export async function takeLease(
  trx: Kysely<Schema>,
  identity: WriterIdentity,
): Promise<number | OtherGateway> {
  const { id, host, isClustered = false, root = null } = identity;
  const nowMs = await readDatabaseNow(trx);
  const gateways = await trx
    .selectFrom('database_writer')
    .selectAll()
    .where('kind', '=', 'gateway')
    .execute();
  const other = gateways.find((row) => {
    if (row.state !== 'live' || nowMs - row.seen_ms >= deadMs) return false;
    if (row.id === id) return row.host !== host;
    return !(isClustered && row.is_clustered === 1 && row.root === root);
  });
  if (other !== undefined) {
    const isOtherClustered = other.is_clustered === 1;
    const agoMs = nowMs - other.seen_ms;
    return { id: other.id, host: other.host, seenMs: other.seen_ms, agoMs, isClustered: isOtherClustered };
  }
  // Never one that was used before, also if rows were removed or come from another database.
  const epoch = Math.max(nowMs, ...gateways.map((row) => row.epoch + 1));
  await declareOthersDead(trx, identity);
  await forget(trx, nowMs - forgottenMs);
  const row = {
    kind: 'gateway',
    host,
    version: identity.version ?? null,
    state: 'live',
    is_clustered: isClustered ? 1 : 0,
    root,
    epoch,
    last_commit: null,
    started_ms: nowMs,
    seen_ms: nowMs,
    steady_ms: nowMs,
  } as const;
  await trx
    .insertInto('database_writer')
    .values({ id, ...row })
    .onConflict((conflict) => conflict.column('id').doUpdateSet(row))
    .execute();
  return epoch;
}

/**
 * Ends the epochs of the gateways that are not let in beside this one: a gateway that was paused for too long then
 * finds its epoch gone. `declareDead` ends the epochs of the gateways that share the database.
 */
async function declareOthersDead(
  trx: Kysely<Schema>,
  { id, isClustered = false, root = null }: WriterIdentity,
): Promise<void> {
  let others = trx
    .updateTable('database_writer')
    .set((eb) => ({ epoch: eb('epoch', '+', 1), state: 'dead' }))
    .where('kind', '=', 'gateway')
    .where('state', '=', 'live')
    .where('id', '<>', id);
  if (isClustered) {
    others = others.where(({ eb, or, not }) =>
      or([eb('is_clustered', '=', 0), not(eb('root', 'is not distinct from', root))]),
    );
  }
  await others.execute();
}

/** Removes processes that ended long ago. */
async function forget(trx: Kysely<Schema>, beforeMs: number): Promise<void> {
  await trx
    .deleteFrom('database_writer')
    .where(({ eb, or }) => or([eb('kind', '=', 'command'), eb('state', '<>', 'live')]))
    .where('seen_ms', '<', beforeMs)
    .execute();
}

/** Adds the row of a command. */
export async function addCommand(db: Kysely<Schema>, identity: WriterIdentity): Promise<void> {
  const { id, host, isClustered = false, version = null } = identity;
  const now = databaseNow(db);
  await db
    .insertInto('database_writer')
    .values({
      ...{ id, kind: 'command', host, version, epoch: 0, is_clustered: isClustered ? 1 : 0 },
      ...{ last_commit: null, started_ms: now, seen_ms: now },
    })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}

/** Shows that the process runs. Returns false if its epoch has ended. */
export async function showAlive(db: Kysely<Schema>, { id }: WriterIdentity, epoch: number): Promise<boolean> {
  const now = databaseNow(db);
  const { numUpdatedRows } = await db
    .updateTable('database_writer')
    .set({
      steady_ms: sql<number>`case when seen_ms < ${now} - ${sql.lit(gapMs)} then ${now} else steady_ms end`,
      seen_ms: now,
    })
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
      .set({ state: 'stopped' })
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

/** The fault of a gateway whose epoch has ended. */
export function takenOver(name: string, { isClustered = false, kind }: WriterIdentity): Fault {
  const seconds = deadMs / 1000;
  if (kind === 'command') {
    return new Fault(
      'conflict',
      `this command was declared dead, because the ${name} did not see it for ${seconds} s: run it again`,
    );
  }
  const text = isClustered
    ? `this node was declared dead, because the ${name} did not see it for ${seconds} s: this one stops; start it again`
    : `another gateway has taken over the ${name}, because this one did not reach it for ${seconds} s: this one stops`;
  return new Fault('conflict', text);
}

/** The fault of a gateway that cannot start. */
export function leaseHeld(name: string, other: OtherGateway, identity: WriterIdentity): Fault {
  const { id, host, agoMs, isClustered } = other;
  const used = `the gateway ${id} on ${host} uses the ${name} (seen ${Math.round(agoMs / 1000)} s ago)`;
  return new Fault('conflict', `${used}: ${remedy()}`);

  function remedy(): string {
    if (id === identity.id)
      return 'it has the same id, so remove var/lib/sftpgw/node-id from the copied root';
    if (isClustered) return 'stop it first, or set cluster=yes to share the database';
    return identity.isClustered === true
      ? 'set cluster=yes there and restart it, or stop it'
      : 'stop it first';
  }
}
