import { createHash } from 'node:crypto';
import { type Kysely, sql } from 'kysely';
import type { Ban, BanScope } from '../../model/bans.js';
import type {
  AddedPoints,
  KnownLogin,
  LoginChanges,
  LoginReport,
  LoginRevisions,
  SharedLogins,
} from '../../model/nodes.js';
import type { GatewayDatabase } from '../database.js';
import type { Schema } from '../schema.js';
import { databaseNow } from './clock.js';

/** Rows of each table that are kept; the oldest are removed first. */
const maxRows = 65_536;
/** How long the login of a user from an address is known, in milliseconds. */
const knownMs = 30 * 24 * 60 * 60 * 1000;
/** Max rows that a node reads at once. The others follow at its next read. */
const rowsPerRead = 2_000;
/** The kinds of counts that a cleared address loses. */
const clearedKinds = ['penalties', 'bans', 'sources'] as const;

/** Stores the bans, the known logins and the counts of failures of all nodes in their database. */
export class DatabaseSharedLogins implements SharedLogins {
  readonly #db: GatewayDatabase;

  constructor(db: GatewayDatabase) {
    this.#db = db;
  }

  async report({ points, resets, bans, cleared, logins }: LoginReport): Promise<readonly number[]> {
    if (points.length + resets.length + bans.length + cleared.length + logins.length === 0) return [];
    return await this.#db.write(async (trx) => {
      for (const { kind, subject } of resets) await resetCount(trx, kind, subject);
      for (const source of cleared) await clear(trx, source);
      const sums = await addPoints(trx, points);
      if (bans.length > 0) await putBans(trx, bans);
      if (logins.length > 0) await putLogins(trx, logins);
      return sums;
    });
  }

  async changesSince(revisions: LoginRevisions): Promise<LoginChanges> {
    return await this.#db.read(async (db) => {
      const bans = await db
        .selectFrom('login_ban')
        .selectAll()
        .where('revision', '>', revisions.bans)
        .orderBy('revision')
        .limit(rowsPerRead)
        .execute();
      const logins = await db
        .selectFrom('known_login')
        .selectAll()
        .where('revision', '>', revisions.logins)
        .orderBy('revision')
        .limit(rowsPerRead)
        .execute();
      return {
        revisions: {
          bans: bans.at(-1)?.revision ?? revisions.bans,
          logins: logins.at(-1)?.revision ?? revisions.logins,
        },
        bans: bans.filter((row) => row.is_lifted === 0).map(toBan),
        cleared: bans.filter((row) => row.is_lifted !== 0).map(({ source }) => source),
        logins: logins.map(({ source, username, at_ms: atMs }) => ({ source, username, atMs })),
      };
    });
  }

  /** Removes what has expired, and the oldest rows beyond a bound. Throws the database's faults. */
  async clean(): Promise<void> {
    await this.#db.write(async (trx) => {
      const now = databaseNow(trx);
      await sql`delete from login_count where ends_ms <= ${now}`.execute(trx);
      await sql`delete from login_count where ends_ms <=
        (select ends_ms from login_count order by ends_ms desc limit 1 offset ${sql.lit(maxRows)})`.execute(
        trx,
      );
      // The newest row keeps its revision from being used again.
      await sql`delete from login_ban where until_ms <= ${now}
        and revision < (select max(revision) from login_ban)`.execute(trx);
      await sql`delete from known_login where at_ms <= ${now} - ${sql.lit(knownMs)}
        and revision < (select max(revision) from known_login)`.execute(trx);
      for (const table of ['login_ban', 'known_login'] as const) {
        await sql`delete from ${sql.table(table)} where revision <=
          (select revision from ${sql.table(table)} order by revision desc limit 1
          offset ${sql.lit(maxRows)})`.execute(trx);
      }
    });
  }
}

/** Names of users come from strangers, so they may have any length and content. An address is stored as it is. */
function storedSubject(subject: string): string {
  if (/^[0-9a-f.:/]{1,64}$/.test(subject)) return subject;
  return createHash('sha256').update(subject).digest('base64url');
}

async function addPoints(trx: Kysely<Schema>, points: readonly AddedPoints[]): Promise<readonly number[]> {
  const sums: number[] = [];
  for (const { kind, subject, points: added, windowMs } of points) {
    const now = databaseNow(trx);
    const ends = sql<number>`${now} + ${sql.lit(Math.max(1, Math.round(windowMs)))}`;
    const isOver = sql`login_count.ends_ms <= ${now}`;
    const { points: sum } = await trx
      .insertInto('login_count')
      .values({ kind, subject: storedSubject(subject), points: added, ends_ms: ends })
      .onConflict((conflict) =>
        conflict.columns(['kind', 'subject']).doUpdateSet({
          points: sql<number>`case when ${isOver} then excluded.points else login_count.points + excluded.points end`,
          ends_ms: sql<number>`case when ${isOver} then excluded.ends_ms else login_count.ends_ms end`,
        }),
      )
      .returning('points')
      .executeTakeFirstOrThrow();
    sums.push(sum);
  }
  return sums;
}

async function resetCount(trx: Kysely<Schema>, kind: string, subject: string): Promise<void> {
  await trx
    .deleteFrom('login_count')
    .where('kind', '=', kind)
    .where('subject', '=', storedSubject(subject))
    .execute();
}

/** Ends the ban of an address and forgets its failures. The row shows that to the other nodes. */
async function clear(trx: Kysely<Schema>, source: string): Promise<void> {
  for (const kind of clearedKinds) await resetCount(trx, kind, source);
  const revision = await nextRevision(trx, 'login_ban');
  const now = databaseNow(trx);
  await trx
    .insertInto('login_ban')
    .values({
      ...{ source, scope: 'everyone', cause: 'command', since_ms: now, until_ms: now },
      ...{ is_lifted: 1, revision },
    })
    .onConflict((conflict) => conflict.column('source').doUpdateSet({ is_lifted: 1, revision }))
    .execute();
}

async function putBans(trx: Kysely<Schema>, bans: readonly Ban[]): Promise<void> {
  let revision = await nextRevision(trx, 'login_ban');
  for (const { source, scope, cause, sinceMs, untilMs } of bans) {
    const row = { scope, cause, since_ms: sinceMs, until_ms: untilMs, is_lifted: 0, revision };
    revision += 1;
    await trx
      .insertInto('login_ban')
      .values({ source, ...row })
      .onConflict((conflict) => conflict.column('source').doUpdateSet(row))
      .execute();
  }
}

async function putLogins(trx: Kysely<Schema>, logins: readonly KnownLogin[]): Promise<void> {
  let revision = await nextRevision(trx, 'known_login');
  for (const { source, username, atMs } of logins) {
    const row = { at_ms: atMs, revision };
    revision += 1;
    await trx
      .insertInto('known_login')
      .values({ source, username, ...row })
      .onConflict((conflict) => conflict.columns(['source', 'username']).doUpdateSet(row))
      .execute();
  }
}

/** Returns a revision higher than any that another node can have read: one transaction writes at a time. */
async function nextRevision(trx: Kysely<Schema>, table: 'login_ban' | 'known_login'): Promise<number> {
  const row = await trx
    .selectFrom(table)
    .select('revision')
    .orderBy('revision', 'desc')
    .limit(1)
    .executeTakeFirst();
  return (row?.revision ?? 0) + 1;
}

function toBan(row: Schema['login_ban']): Ban {
  return {
    source: row.source,
    scope: row.scope as BanScope,
    cause: row.cause as Ban['cause'],
    sinceMs: row.since_ms,
    untilMs: row.until_ms,
  };
}
