import { createHash } from 'node:crypto';
import type { Selectable } from 'kysely';
import type { Clock, Entropy } from '../../model/call.js';
import { Fault } from '../../model/fault.js';
import type { NewPageSession, PageSession, PageSessionLimits, PageSessions } from '../../model/files-page.js';
import type { GatewayDatabase } from '../database.js';
import type { PageSessionTable } from '../schema/files-page.js';

const secretBytes = 32;
/** Sessions of one user. Another login ends the one that was not used for the longest time. */
const maxSessionsPerUser = 20;
/** Sessions of all users that have not ended. */
const maxSessions = 10_000;
const touchIntervalMs = 60_000;

/** Stores the sessions of the files page in the gateway's database. Throws the database's faults. */
export function createPageSessions(
  db: GatewayDatabase,
  limits: PageSessionLimits,
  { clock, entropy }: { readonly clock: Clock; readonly entropy: Entropy },
): PageSessions {
  return new DatabasePageSessions(db, limits, clock, entropy);
}

class DatabasePageSessions implements PageSessions {
  readonly #db: GatewayDatabase;
  readonly #limits: PageSessionLimits;
  readonly #clock: Clock;
  readonly #entropy: Entropy;

  constructor(db: GatewayDatabase, limits: PageSessionLimits, clock: Clock, entropy: Entropy) {
    this.#db = db;
    this.#limits = limits;
    this.#clock = clock;
    this.#entropy = entropy;
  }

  async create(session: NewPageSession): Promise<{ session: PageSession; secret: string }> {
    const secret = Buffer.from(this.#entropy.bytes(secretBytes)).toString('base64url');
    const nowMs = this.#clock.nowMs();
    const row: Selectable<PageSessionTable> = {
      ...session,
      secret_hash: hashOf(secret),
      created_ms: nowMs,
      last_used_ms: nowMs,
    };
    await this.#db.write(async (trx) => {
      const { idleMs, maxMs } = this.#limits;
      await trx
        .deleteFrom('page_session')
        .where(({ eb, or }) =>
          or([eb('last_used_ms', '<=', nowMs - idleMs), eb('created_ms', '<=', nowMs - maxMs)]),
        )
        .execute();
      const { count } = await trx
        .selectFrom('page_session')
        .select(({ fn }) => fn.countAll<number>().as('count'))
        .executeTakeFirstOrThrow();
      if (Number(count) >= maxSessions) {
        throw new Fault('over-quota', 'too many people are logged in at the files page: try again later');
      }
      const older = await trx
        .selectFrom('page_session')
        .select('id')
        .where('username', '=', session.username)
        .orderBy('last_used_ms', 'desc')
        .orderBy('id')
        .execute();
      const surplus = older.slice(maxSessionsPerUser - 1).map(({ id }) => id);
      if (surplus.length > 0) await trx.deleteFrom('page_session').where('id', 'in', surplus).execute();
      await trx.insertInto('page_session').values(row).execute();
    });
    return { session: toSession(row), secret };
  }

  async find(secret: string): Promise<PageSession | null> {
    const row = await this.#db.read((db) =>
      db.selectFrom('page_session').selectAll().where('secret_hash', '=', hashOf(secret)).executeTakeFirst(),
    );
    if (row === undefined) return null;
    const nowMs = this.#clock.nowMs();
    const hasEnded =
      row.last_used_ms <= nowMs - this.#limits.idleMs || row.created_ms <= nowMs - this.#limits.maxMs;
    return hasEnded ? null : toSession(row);
  }

  async touch(id: string): Promise<void> {
    const nowMs = this.#clock.nowMs();
    const staleMs = nowMs - Math.min(touchIntervalMs, this.#limits.idleMs / 4);
    const stale = await this.#db.read((db) =>
      db
        .selectFrom('page_session')
        .select('id')
        .where('id', '=', id)
        .where('last_used_ms', '<=', staleMs)
        .executeTakeFirst(),
    );
    if (stale === undefined) return;
    await this.#db.write((trx) =>
      trx.updateTable('page_session').set({ last_used_ms: nowMs }).where('id', '=', id).execute(),
    );
  }

  async end(id: string): Promise<void> {
    await this.#db.write((trx) => trx.deleteFrom('page_session').where('id', '=', id).execute());
  }
}

/** A secret has 256 random bits, so a fast digest is enough. */
function hashOf(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}

function toSession(row: Selectable<PageSessionTable>): PageSession {
  const { id, username, methods, credentials } = row;
  return { id, username, methods, credentials, createdMs: row.created_ms, lastUsedMs: row.last_used_ms };
}
