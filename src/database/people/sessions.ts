import type { Selectable } from 'kysely';
import type { AdminSession, AdminSessions, NewSession } from '../../model/api/people.js';
import type { Clock, Entropy } from '../../model/call.js';
import type { GatewayDatabase } from '../database.js';
import type { AdminSessionTable } from '../schema/people.js';
import { hashOfSecret, newSecret } from './secrets.js';

/** Sessions of one person. The oldest ends when another one begins. */
const maxSessionsPerPerson = 20;
const useIntervalMs = 60_000;
const maxUserAgentCharacters = 200;

/** Stores the console's sessions in the gateway's database. All methods throw the database's faults. */
export class DatabaseAdminSessions implements AdminSessions {
  readonly #db: GatewayDatabase;
  readonly #clock: Clock;
  readonly #entropy: Entropy;

  constructor(db: GatewayDatabase, clock: Clock, entropy: Entropy) {
    this.#db = db;
    this.#clock = clock;
    this.#entropy = entropy;
  }

  async create({ adminId, method, address, userAgent, expiresMs }: NewSession) {
    const secret = newSecret(this.#entropy);
    const nowMs = this.#clock.nowMs();
    const row: Selectable<AdminSessionTable> = {
      id: this.#entropy.id(),
      admin_id: adminId,
      secret_hash: hashOfSecret(secret),
      method,
      address,
      user_agent: userAgent?.slice(0, maxUserAgentCharacters) ?? null,
      created_ms: nowMs,
      last_used_ms: nowMs,
      expires_ms: expiresMs,
    };
    await this.#db.write(async (trx) => {
      await trx.deleteFrom('admin_session').where('expires_ms', '<=', nowMs).execute();
      const others = await trx
        .selectFrom('admin_session')
        .select('id')
        .where('admin_id', '=', adminId)
        .orderBy('created_ms', 'desc')
        .orderBy('id')
        .execute();
      for (const { id } of others.slice(maxSessionsPerPerson - 1)) {
        await trx.deleteFrom('admin_session').where('id', '=', id).execute();
      }
      await trx.insertInto('admin_session').values(row).execute();
    });
    return { session: toSession(row), secret };
  }

  async check(secret: string, idleMs: number): Promise<AdminSession | null> {
    const row = await this.#db.read((db) =>
      db
        .selectFrom('admin_session')
        .selectAll()
        .where('secret_hash', '=', hashOfSecret(secret))
        .executeTakeFirst(),
    );
    const nowMs = this.#clock.nowMs();
    if (row === undefined || !isValid(row, nowMs, idleMs)) return null;
    if (nowMs - row.last_used_ms >= useIntervalMs) {
      await this.#db.write((trx) =>
        trx.updateTable('admin_session').set({ last_used_ms: nowMs }).where('id', '=', row.id).execute(),
      );
    }
    return toSession(row);
  }

  async find(id: string): Promise<AdminSession | null> {
    const row = await this.#db.read((db) =>
      db.selectFrom('admin_session').selectAll().where('id', '=', id).executeTakeFirst(),
    );
    return row === undefined ? null : toSession(row);
  }

  async of(adminId: string, idleMs: number): Promise<readonly AdminSession[]> {
    const nowMs = this.#clock.nowMs();
    const rows = await this.#db.read((db) =>
      db
        .selectFrom('admin_session')
        .selectAll()
        .where('admin_id', '=', adminId)
        .orderBy('created_ms', 'desc')
        .orderBy('id')
        .execute(),
    );
    return rows.filter((row) => isValid(row, nowMs, idleMs)).map(toSession);
  }

  async end(adminId: string, id: string): Promise<boolean> {
    const { numDeletedRows } = await this.#db.write((trx) =>
      trx
        .deleteFrom('admin_session')
        .where('admin_id', '=', adminId)
        .where('id', '=', id)
        .executeTakeFirstOrThrow(),
    );
    return numDeletedRows > 0n;
  }

  async endOthers(adminId: string, keepId: string | null): Promise<number> {
    const { numDeletedRows } = await this.#db.write((trx) =>
      trx
        .deleteFrom('admin_session')
        .where('admin_id', '=', adminId)
        .where('id', '!=', keepId ?? '')
        .executeTakeFirstOrThrow(),
    );
    return Number(numDeletedRows);
  }
}

function isValid(row: Selectable<AdminSessionTable>, nowMs: number, idleMs: number): boolean {
  return row.expires_ms > nowMs && nowMs - row.last_used_ms < idleMs;
}

function toSession(row: Selectable<AdminSessionTable>): AdminSession {
  return {
    id: row.id,
    adminId: row.admin_id,
    method: row.method,
    address: row.address,
    userAgent: row.user_agent,
    createdMs: row.created_ms,
    lastUsedMs: row.last_used_ms,
    expiresMs: row.expires_ms,
  };
}
