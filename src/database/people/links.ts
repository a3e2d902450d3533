import type { AdminLink, AdminLinks } from '../../model/api/people.js';
import type { Clock, Entropy } from '../../model/call.js';
import type { GatewayDatabase } from '../database.js';
import { hashOfSecret, newSecret } from './secrets.js';

/** Stores links in the gateway's database. All methods throw the database's faults. */
export class DatabaseAdminLinks implements AdminLinks {
  readonly #db: GatewayDatabase;
  readonly #clock: Clock;
  readonly #entropy: Entropy;

  constructor(db: GatewayDatabase, clock: Clock, entropy: Entropy) {
    this.#db = db;
    this.#clock = clock;
    this.#entropy = entropy;
  }

  async create({ adminId, kind, expiresMs }: AdminLink, createdBy: string): Promise<string> {
    const token = newSecret(this.#entropy);
    const nowMs = this.#clock.nowMs();
    await this.#db.write(async (trx) => {
      await trx
        .deleteFrom('admin_link')
        .where(({ eb, or }) => or([eb('admin_id', '=', adminId), eb('expires_ms', '<=', nowMs)]))
        .execute();
      await trx
        .insertInto('admin_link')
        .values({
          token_hash: hashOfSecret(token),
          admin_id: adminId,
          kind,
          created_by: createdBy,
          created_ms: nowMs,
          expires_ms: expiresMs,
        })
        .execute();
    });
    return token;
  }

  async find(token: string): Promise<AdminLink | null> {
    const row = await this.#db.read((db) =>
      db
        .selectFrom('admin_link')
        .select(['admin_id', 'kind', 'expires_ms'])
        .where('token_hash', '=', hashOfSecret(token))
        .where('expires_ms', '>', this.#clock.nowMs())
        .executeTakeFirst(),
    );
    return row === undefined ? null : { adminId: row.admin_id, kind: row.kind, expiresMs: row.expires_ms };
  }

  async take(token: string): Promise<AdminLink | null> {
    return await this.#db.write(async (trx) => {
      const row = await trx
        .deleteFrom('admin_link')
        .where('token_hash', '=', hashOfSecret(token))
        .where('expires_ms', '>', this.#clock.nowMs())
        .returning(['admin_id', 'kind', 'expires_ms'])
        .executeTakeFirst();
      return row === undefined ? null : { adminId: row.admin_id, kind: row.kind, expiresMs: row.expires_ms };
    });
  }
}
